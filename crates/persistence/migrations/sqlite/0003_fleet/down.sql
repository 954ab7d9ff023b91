DROP INDEX workflow_executions_stopping;
CREATE UNIQUE INDEX step_result_in_order ON step_result (execution_id, seq, ordinal);
