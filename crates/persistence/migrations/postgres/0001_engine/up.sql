-- What people query.

CREATE TABLE workflows (
  id             UUID NOT NULL PRIMARY KEY,
  name           TEXT NOT NULL UNIQUE,
  latest_version TEXT NOT NULL,
  created_at     TIMESTAMPTZ NOT NULL
);

CREATE TABLE workflow_versions (
  id          TEXT NOT NULL PRIMARY KEY,
  workflow_id UUID NOT NULL REFERENCES workflows (id),
  document    TEXT NOT NULL,
  created_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX workflow_versions_by_workflow ON workflow_versions (workflow_id, created_at);

CREATE TABLE workflow_actions (
  version_id  TEXT NOT NULL REFERENCES workflow_versions (id),
  order_index INTEGER NOT NULL,
  name        TEXT NOT NULL,
  uses        TEXT NOT NULL,
  PRIMARY KEY (version_id, order_index)
);
CREATE INDEX workflow_actions_by_uses ON workflow_actions (uses);

CREATE TABLE workflow_triggers (
  version_id  TEXT NOT NULL REFERENCES workflow_versions (id),
  order_index INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  config      JSONB NOT NULL,
  PRIMARY KEY (version_id, order_index)
);
CREATE INDEX workflow_triggers_by_kind ON workflow_triggers (kind);
CREATE INDEX workflow_triggers_by_config ON workflow_triggers USING gin (config jsonb_path_ops);

-- JSON that cannot be queried (jsonb has no zero character, and no numbers past its range) is left out of the index.
CREATE FUNCTION queryable(document TEXT) RETURNS JSONB
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN document::JSONB;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$$;

CREATE TABLE workflow_executions (
  id              UUID NOT NULL PRIMARY KEY,
  workflow_id     UUID NOT NULL REFERENCES workflows (id),
  version_id      TEXT NOT NULL REFERENCES workflow_versions (id),
  status          TEXT NOT NULL,
  generation      INTEGER NOT NULL,
  seq             BIGINT NOT NULL,
  stopping        BOOLEAN NOT NULL,
  inputs          TEXT,
  inputs_hash     BYTEA,
  outputs         TEXT,
  outputs_hash    BYTEA,
  error           TEXT,
  idempotency_key TEXT,
  created_at      TIMESTAMPTZ NOT NULL,
  started_at      TIMESTAMPTZ,
  finished_at     TIMESTAMPTZ
);
CREATE INDEX workflow_executions_by_workflow ON workflow_executions (workflow_id, id);
CREATE INDEX workflow_executions_by_status   ON workflow_executions (status, id);
CREATE INDEX workflow_executions_by_start    ON workflow_executions (started_at);
CREATE INDEX workflow_executions_by_inputs   ON workflow_executions USING gin (queryable(inputs) jsonb_path_ops);
CREATE INDEX workflow_executions_by_all      ON workflow_executions (workflow_id, status, started_at);

CREATE TABLE execution_logs (
  position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  execution_id UUID NOT NULL,
  logged_at    TIMESTAMPTZ NOT NULL,
  path         TEXT NOT NULL,
  message      TEXT NOT NULL
);
CREATE INDEX execution_logs_by_execution ON execution_logs (execution_id, position);

-- The journal. JSON stays text: it has to read back exactly as it was written.

CREATE TABLE step_result (
  execution_id UUID NOT NULL,
  generation   INTEGER NOT NULL,
  path         TEXT NOT NULL,
  kind         SMALLINT NOT NULL,
  seq          BIGINT NOT NULL,
  ordinal      INTEGER NOT NULL,
  fact         TEXT NOT NULL,
  payload      TEXT,
  payload_hash BYTEA,
  PRIMARY KEY (execution_id, generation, path, kind)
);
CREATE UNIQUE INDEX step_result_in_order ON step_result (execution_id, seq, ordinal);

CREATE TABLE blob (
  hash BYTEA NOT NULL PRIMARY KEY,
  body TEXT NOT NULL
);

CREATE TABLE inbox (
  position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id           UUID NOT NULL UNIQUE,
  execution_id UUID NOT NULL,
  body         TEXT NOT NULL
);
CREATE INDEX inbox_by_execution ON inbox (execution_id, position);

CREATE TABLE dedup (
  scope        TEXT NOT NULL,
  key          TEXT NOT NULL,
  execution_id UUID NOT NULL,
  created_at   TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (scope, key)
);

-- The queue. A task's body never changes; where it is, is which other table names it.

CREATE TABLE task (
  id             UUID NOT NULL PRIMARY KEY,
  execution_id   UUID NOT NULL,
  generation     INTEGER NOT NULL,
  kind           SMALLINT NOT NULL,
  path           TEXT NOT NULL,
  attempt        INTEGER NOT NULL,
  lane           TEXT NOT NULL,
  priority       SMALLINT NOT NULL,
  deaths         INTEGER NOT NULL,
  suspect        BOOLEAN NOT NULL,
  quarantined_at TIMESTAMPTZ
);
CREATE INDEX task_by_execution ON task (execution_id, id);
CREATE INDEX task_quarantined  ON task (id) WHERE quarantined_at IS NOT NULL;

CREATE TABLE ready (
  task_id  UUID NOT NULL PRIMARY KEY,
  lane     TEXT NOT NULL,
  priority SMALLINT NOT NULL,
  suspect  BOOLEAN NOT NULL
);
CREATE INDEX ready_in_order ON ready (lane, suspect, priority DESC, task_id);

CREATE TABLE timer (
  task_id UUID NOT NULL PRIMARY KEY,
  due     TIMESTAMPTZ NOT NULL
);
CREATE INDEX timer_in_order ON timer (due, task_id);

CREATE TABLE session (
  id         UUID NOT NULL PRIMARY KEY,
  epoch      BIGINT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  ended_at   TIMESTAMPTZ
);
CREATE INDEX session_open ON session (expires_at) WHERE ended_at IS NULL;

CREATE TABLE claim (
  batch      UUID NOT NULL PRIMARY KEY,
  session_id UUID NOT NULL,
  epoch      BIGINT NOT NULL,
  ids        UUID[] NOT NULL
);
CREATE INDEX claim_by_session ON claim (session_id);
