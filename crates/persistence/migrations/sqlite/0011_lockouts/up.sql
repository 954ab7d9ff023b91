-- Attempts to sign in that failed, by a keyed hash of the name, whether or not anybody has it: what was counted for users
-- alone would tell who exists, and changed them.
CREATE TABLE lockout (
  name       BLOB    NOT NULL PRIMARY KEY,
  failures   INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  clears     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lockout_by_age ON lockout (changed_at, name);

-- No released program has them.
ALTER TABLE app_user DROP COLUMN failures;
ALTER TABLE app_user DROP COLUMN locked_until;
