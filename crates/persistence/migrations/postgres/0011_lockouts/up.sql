-- Attempts to sign in that failed, by a keyed hash of the name, whether or not anybody has it: what was counted for users
-- alone would tell who exists, and changed them.
CREATE TABLE lockout (
  name       BYTEA NOT NULL PRIMARY KEY,
  failures   BIGINT NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  clears     BIGINT NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX lockout_by_age ON lockout (changed_at, name);

-- No released program has them.
ALTER TABLE app_user DROP COLUMN failures, DROP COLUMN locked_until;
