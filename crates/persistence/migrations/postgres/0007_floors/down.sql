ALTER TABLE ready_group DROP COLUMN floor;
