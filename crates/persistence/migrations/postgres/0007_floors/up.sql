-- A position of `ready` below which nothing of the group is and nothing will be: claims begin there.
ALTER TABLE ready_group ADD COLUMN floor BIGINT NOT NULL DEFAULT 0;
