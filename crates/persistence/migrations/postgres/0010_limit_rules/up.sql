-- The limits that an admin has set, in place of those of the settings: one row, or none. Without `rules`, those of the
-- settings hold again.
CREATE TABLE limit_rules (
  id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  version BIGINT  NOT NULL,
  rules   TEXT
);
