-- Tasks of one lane and priority take turns by their key. Which groups there ever were is written down, so that a claim
-- need not look for them among the rows.
ALTER TABLE task  ADD COLUMN fair INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ready ADD COLUMN fair INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ready ADD COLUMN position BIGINT GENERATED ALWAYS AS IDENTITY;

CREATE TABLE ready_group (
  lane     TEXT NOT NULL,
  priority SMALLINT NOT NULL,
  fair     INTEGER NOT NULL,
  PRIMARY KEY (lane, priority, fair)
);
INSERT INTO ready_group SELECT DISTINCT lane, priority, fair FROM task;

DROP INDEX ready_in_order;
CREATE INDEX ready_in_order ON ready (lane, suspect, priority, fair, position);

-- Who may run under a key, and who waits for it: rows, never counters.
CREATE TABLE slot_holder (
  execution_id UUID NOT NULL PRIMARY KEY,
  key          TEXT NOT NULL
);
CREATE INDEX slot_holder_by_key ON slot_holder (key);

CREATE TABLE slot_waiter (
  execution_id UUID NOT NULL PRIMARY KEY,
  key          TEXT NOT NULL,
  most         INTEGER NOT NULL,
  replaces     BOOLEAN NOT NULL,
  position     BIGINT GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX slot_waiter_in_order ON slot_waiter (key, position);
