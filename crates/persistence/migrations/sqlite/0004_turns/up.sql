-- Tasks of one lane and priority take turns by their key. Which groups there ever were is written down, so that a claim
-- need not look for them among the rows.
ALTER TABLE task ADD COLUMN fair INTEGER NOT NULL DEFAULT 0;

CREATE TABLE ready_group (
  lane     TEXT    NOT NULL,
  priority INTEGER NOT NULL,
  fair     INTEGER NOT NULL,
  PRIMARY KEY (lane, priority, fair)
) STRICT, WITHOUT ROWID;
INSERT INTO ready_group SELECT DISTINCT lane, priority, fair FROM task;

CREATE TABLE ready_again (
  position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  task_id  TEXT    NOT NULL UNIQUE,
  lane     TEXT    NOT NULL,
  priority INTEGER NOT NULL,
  suspect  INTEGER NOT NULL,
  fair     INTEGER NOT NULL
) STRICT;
INSERT INTO ready_again (task_id, lane, priority, suspect, fair)
  SELECT task_id, lane, priority, suspect, 0 FROM ready ORDER BY task_id;
DROP TABLE ready;
ALTER TABLE ready_again RENAME TO ready;
CREATE INDEX ready_in_order ON ready (lane, suspect, priority, fair, position);

-- Who may run under a key, and who waits for it: rows, never counters.
CREATE TABLE slot_holder (
  execution_id TEXT NOT NULL PRIMARY KEY,
  key          TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_holder_by_key ON slot_holder (key);

CREATE TABLE slot_waiter (
  position     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  execution_id TEXT    NOT NULL UNIQUE,
  key          TEXT    NOT NULL,
  most         INTEGER NOT NULL,
  replaces     INTEGER NOT NULL
) STRICT;
CREATE INDEX slot_waiter_in_order ON slot_waiter (key, position);
