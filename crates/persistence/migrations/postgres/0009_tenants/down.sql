DROP INDEX workflow_executions_by_tenant;
DROP INDEX workflows_by_tenant;
ALTER TABLE workflow_executions DROP COLUMN tenant;
ALTER TABLE workflows DROP COLUMN tenant;
