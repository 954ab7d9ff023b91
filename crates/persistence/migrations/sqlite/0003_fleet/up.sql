DROP INDEX step_result_in_order;

CREATE INDEX workflow_executions_stopping ON workflow_executions (id) WHERE stopping;

-- Why a job was given up.
ALTER TABLE task ADD COLUMN reason TEXT;
