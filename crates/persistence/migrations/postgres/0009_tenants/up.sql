-- Whose something is. Names of workflows stay unique in the whole table: of a tenant other than the first they begin with
-- the tenant and `/`.
ALTER TABLE workflows           ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE workflow_executions ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
CREATE INDEX workflows_by_tenant           ON workflows (tenant, name);
CREATE INDEX workflow_executions_by_tenant ON workflow_executions (tenant, id);
