DROP INDEX step_result_in_order;

CREATE INDEX workflow_executions_stopping ON workflow_executions (id) WHERE stopping;
