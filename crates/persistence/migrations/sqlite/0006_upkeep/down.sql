DROP INDEX session_ended;
DROP INDEX dedup_by_age;
DROP INDEX workflow_executions_outputs;
DROP INDEX workflow_executions_inputs;
DROP INDEX step_result_payload;
DROP TABLE chore;
