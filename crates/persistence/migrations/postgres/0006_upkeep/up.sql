-- Work that one process does for all, and until when it has it.
CREATE TABLE chore (
  name   TEXT NOT NULL PRIMARY KEY,
  holder UUID NOT NULL,
  until  TIMESTAMPTZ NOT NULL
);

-- Who names a large payload, and what has become old.
CREATE INDEX step_result_payload         ON step_result (payload_hash) WHERE payload_hash IS NOT NULL;
CREATE INDEX workflow_executions_inputs  ON workflow_executions (inputs_hash) WHERE inputs_hash IS NOT NULL;
CREATE INDEX workflow_executions_outputs ON workflow_executions (outputs_hash) WHERE outputs_hash IS NOT NULL;
CREATE INDEX dedup_by_age                ON dedup (created_at, scope, key);
CREATE INDEX session_ended               ON session (ended_at) WHERE ended_at IS NOT NULL;

-- Rows of these come in bulk and go in bulk.
ALTER TABLE step_result    SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE execution_logs SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE blob           SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE dedup          SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE inbox          SET (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
-- A row for each process, renewed every few seconds: a few hundred dead ones are many.
ALTER TABLE session        SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
