DROP TABLE slot_waiter;
DROP TABLE slot_holder;
CREATE TABLE ready_again (
  task_id  TEXT    NOT NULL PRIMARY KEY,
  lane     TEXT    NOT NULL,
  priority INTEGER NOT NULL,
  suspect  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO ready_again SELECT task_id, lane, priority, suspect FROM ready;
DROP TABLE ready;
ALTER TABLE ready_again RENAME TO ready;
CREATE INDEX ready_in_order ON ready (lane, suspect, priority DESC, task_id);
DROP TABLE ready_group;
ALTER TABLE task DROP COLUMN fair;
