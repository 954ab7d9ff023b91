-- Work that one process does for all, and until when it has it.
CREATE TABLE chore (
  name   TEXT    NOT NULL PRIMARY KEY,
  holder TEXT    NOT NULL,
  until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who names a large payload, and what has become old.
CREATE INDEX step_result_payload         ON step_result (payload_hash) WHERE payload_hash IS NOT NULL;
CREATE INDEX workflow_executions_inputs  ON workflow_executions (inputs_hash) WHERE inputs_hash IS NOT NULL;
CREATE INDEX workflow_executions_outputs ON workflow_executions (outputs_hash) WHERE outputs_hash IS NOT NULL;
CREATE INDEX dedup_by_age                ON dedup (created_at, scope, key);
CREATE INDEX session_ended               ON session (ended_at) WHERE ended_at IS NOT NULL;
