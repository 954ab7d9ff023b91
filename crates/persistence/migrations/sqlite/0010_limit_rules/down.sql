DROP TABLE limit_rules;
