CREATE TABLE schedule (
  id           TEXT    NOT NULL PRIMARY KEY,
  workflow_id  TEXT    NOT NULL REFERENCES workflows (id),
  version_id   TEXT    NOT NULL,
  cron         TEXT    NOT NULL,
  timezone     TEXT    NOT NULL,
  catch_up     TEXT    NOT NULL,
  overlap      TEXT    NOT NULL,
  enabled      INTEGER NOT NULL,
  next_at      INTEGER,
  last_slot    INTEGER,
  last_outcome TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_due         ON schedule (next_at, id) WHERE enabled;
CREATE INDEX schedule_by_workflow ON schedule (workflow_id, id);

-- The slots that were fired and are not forgotten: pending ones, and those whose executions are not over.
CREATE TABLE schedule_slot (
  schedule_id  TEXT    NOT NULL,
  slot         INTEGER NOT NULL,
  version_id   TEXT    NOT NULL,
  overlap      TEXT    NOT NULL,
  settled      INTEGER NOT NULL,
  execution_id TEXT,
  PRIMARY KEY (schedule_id, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_slot_pending ON schedule_slot (slot, schedule_id) WHERE NOT settled;
