-- What people query.

CREATE TABLE workflows (
  id             TEXT    NOT NULL PRIMARY KEY,
  name           TEXT    NOT NULL UNIQUE,
  latest_version TEXT    NOT NULL,
  created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE workflow_versions (
  id          TEXT    NOT NULL PRIMARY KEY,
  workflow_id TEXT    NOT NULL REFERENCES workflows (id),
  document    TEXT    NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX workflow_versions_by_workflow ON workflow_versions (workflow_id, created_at);

CREATE TABLE workflow_actions (
  version_id  TEXT    NOT NULL REFERENCES workflow_versions (id),
  order_index INTEGER NOT NULL,
  name        TEXT    NOT NULL,
  uses        TEXT    NOT NULL,
  PRIMARY KEY (version_id, order_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX workflow_actions_by_uses ON workflow_actions (uses);

CREATE TABLE workflow_triggers (
  version_id  TEXT    NOT NULL REFERENCES workflow_versions (id),
  order_index INTEGER NOT NULL,
  kind        TEXT    NOT NULL,
  config      TEXT    NOT NULL CHECK (json_valid(config)),
  PRIMARY KEY (version_id, order_index)
) STRICT, WITHOUT ROWID;
CREATE INDEX workflow_triggers_by_kind ON workflow_triggers (kind);

CREATE TABLE workflow_executions (
  id              TEXT    NOT NULL PRIMARY KEY,
  workflow_id     TEXT    NOT NULL REFERENCES workflows (id),
  version_id      TEXT    NOT NULL REFERENCES workflow_versions (id),
  status          TEXT    NOT NULL,
  generation      INTEGER NOT NULL,
  seq             INTEGER NOT NULL,
  stopping        INTEGER NOT NULL,
  inputs          TEXT,
  inputs_hash     BLOB,
  outputs         TEXT,
  outputs_hash    BLOB,
  error           TEXT,
  idempotency_key TEXT,
  created_at      INTEGER NOT NULL,
  started_at      INTEGER,
  finished_at     INTEGER
) STRICT;
CREATE INDEX workflow_executions_by_workflow ON workflow_executions (workflow_id, id);
CREATE INDEX workflow_executions_by_status   ON workflow_executions (status, id);
CREATE INDEX workflow_executions_by_start    ON workflow_executions (started_at);
CREATE INDEX workflow_executions_by_all      ON workflow_executions (workflow_id, status, started_at);

CREATE TABLE execution_logs (
  position     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  execution_id TEXT    NOT NULL,
  logged_at    INTEGER NOT NULL,
  path         TEXT    NOT NULL,
  message      TEXT    NOT NULL
) STRICT;
CREATE INDEX execution_logs_by_execution ON execution_logs (execution_id, position);

-- The journal. JSON stays text: it has to read back exactly as it was written.

CREATE TABLE step_result (
  execution_id TEXT    NOT NULL,
  generation   INTEGER NOT NULL,
  path         TEXT    NOT NULL,
  kind         INTEGER NOT NULL,
  seq          INTEGER NOT NULL,
  ordinal      INTEGER NOT NULL,
  fact         TEXT    NOT NULL,
  payload      TEXT,
  payload_hash BLOB,
  PRIMARY KEY (execution_id, generation, path, kind)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX step_result_in_order ON step_result (execution_id, seq, ordinal);

CREATE TABLE blob (
  hash BLOB NOT NULL PRIMARY KEY,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE inbox (
  position     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id           TEXT    NOT NULL UNIQUE,
  execution_id TEXT    NOT NULL,
  body         TEXT    NOT NULL
) STRICT;
CREATE INDEX inbox_by_execution ON inbox (execution_id, position);

CREATE TABLE dedup (
  scope        TEXT    NOT NULL,
  key          TEXT    NOT NULL,
  execution_id TEXT    NOT NULL,
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

-- The queue. A task's body never changes; where it is, is which other table names it.

CREATE TABLE task (
  id             TEXT    NOT NULL PRIMARY KEY,
  execution_id   TEXT    NOT NULL,
  generation     INTEGER NOT NULL,
  kind           INTEGER NOT NULL,
  path           TEXT    NOT NULL,
  attempt        INTEGER NOT NULL,
  lane           TEXT    NOT NULL,
  priority       INTEGER NOT NULL,
  deaths         INTEGER NOT NULL,
  suspect        INTEGER NOT NULL,
  quarantined_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX task_by_execution ON task (execution_id, id);
CREATE INDEX task_quarantined  ON task (id) WHERE quarantined_at IS NOT NULL;

CREATE TABLE ready (
  task_id  TEXT    NOT NULL PRIMARY KEY,
  lane     TEXT    NOT NULL,
  priority INTEGER NOT NULL,
  suspect  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ready_in_order ON ready (lane, suspect, priority DESC, task_id);

CREATE TABLE timer (
  task_id TEXT    NOT NULL PRIMARY KEY,
  due     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_in_order ON timer (due, task_id);

CREATE TABLE session (
  id         TEXT    NOT NULL PRIMARY KEY,
  epoch      INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX session_open ON session (expires_at) WHERE ended_at IS NULL;

CREATE TABLE claim (
  batch      TEXT    NOT NULL PRIMARY KEY,
  session_id TEXT    NOT NULL,
  epoch      INTEGER NOT NULL,
  ids        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_by_session ON claim (session_id);
