DROP TABLE slot_waiter;
DROP TABLE slot_holder;
DROP INDEX ready_in_order;
DROP TABLE ready_group;
ALTER TABLE ready DROP COLUMN position;
ALTER TABLE ready DROP COLUMN fair;
ALTER TABLE task DROP COLUMN fair;
CREATE INDEX ready_in_order ON ready (lane, suspect, priority DESC, task_id);
