DROP TABLE model_call;
DROP TABLE budget_slice;
DROP TABLE budget;
DROP TABLE account_session;
