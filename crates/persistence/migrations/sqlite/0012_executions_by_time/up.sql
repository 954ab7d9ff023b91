-- A list that `since` and `until` narrow, reads what lies between them.
CREATE INDEX workflow_executions_by_time ON workflow_executions (tenant, created_at);
