CREATE TABLE schedule (
  id           UUID NOT NULL PRIMARY KEY,
  workflow_id  UUID NOT NULL REFERENCES workflows (id),
  version_id   TEXT NOT NULL,
  cron         TEXT NOT NULL,
  timezone     TEXT NOT NULL,
  catch_up     TEXT NOT NULL,
  overlap      TEXT NOT NULL,
  enabled      BOOLEAN NOT NULL,
  next_at      TIMESTAMPTZ,
  last_slot    TIMESTAMPTZ,
  last_outcome TEXT
);
CREATE INDEX schedule_due         ON schedule (next_at, id) WHERE enabled;
CREATE INDEX schedule_by_workflow ON schedule (workflow_id, id);

-- The slots that were fired and are not forgotten: pending ones, and those whose executions are not over.
CREATE TABLE schedule_slot (
  schedule_id  UUID NOT NULL,
  slot         TIMESTAMPTZ NOT NULL,
  version_id   TEXT NOT NULL,
  overlap      TEXT NOT NULL,
  settled      BOOLEAN NOT NULL,
  execution_id UUID,
  PRIMARY KEY (schedule_id, slot)
);
CREATE INDEX schedule_slot_pending ON schedule_slot (slot, schedule_id) WHERE NOT settled;
