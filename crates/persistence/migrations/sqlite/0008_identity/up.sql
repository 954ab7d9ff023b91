-- Who may call. Passwords are hashed, all other secrets are hashed with a key or sealed.

CREATE TABLE app_user (
  id               TEXT    NOT NULL PRIMARY KEY,
  tenant           TEXT    NOT NULL,
  name             TEXT    NOT NULL,
  display_name     TEXT    NOT NULL,
  email            TEXT,
  password         TEXT,
  roles            TEXT    NOT NULL,
  disabled         INTEGER NOT NULL,
  factor_secret    BLOB,
  factor_confirmed INTEGER NOT NULL,
  factor_step      INTEGER NOT NULL,
  factor_recovery  TEXT    NOT NULL,
  issuer           TEXT,
  subject          TEXT,
  failures         INTEGER NOT NULL,
  locked_until     INTEGER,
  created_at       INTEGER NOT NULL,
  version          INTEGER NOT NULL,
  CONSTRAINT app_user_name     UNIQUE (name),
  CONSTRAINT app_user_identity UNIQUE (issuer, subject),
  CONSTRAINT app_user_voucher  CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX app_user_by_tenant ON app_user (tenant, id);

CREATE TABLE role (
  tenant      TEXT    NOT NULL,
  name        TEXT    NOT NULL,
  description TEXT    NOT NULL,
  permissions TEXT    NOT NULL,
  changed_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
  id                  TEXT    NOT NULL PRIMARY KEY,
  tenant              TEXT    NOT NULL,
  owner_id            TEXT    CONSTRAINT api_key_owner REFERENCES app_user (id) ON DELETE CASCADE,
  name                TEXT    NOT NULL,
  digest              BLOB    NOT NULL,
  scopes              TEXT    NOT NULL,
  models              TEXT,
  tier                TEXT,
  requests_per_minute INTEGER,
  tokens_per_minute   INTEGER,
  created_at          INTEGER NOT NULL,
  expires_at          INTEGER,
  revoked_at          INTEGER,
  last_used_at        INTEGER,
  replaced_by         TEXT    CONSTRAINT api_key_successor REFERENCES api_key (id) ON DELETE SET NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_by_tenant    ON api_key (tenant, id);
CREATE INDEX api_key_by_owner     ON api_key (owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX api_key_by_successor ON api_key (replaced_by) WHERE replaced_by IS NOT NULL;

CREATE TABLE login (
  id         TEXT    NOT NULL PRIMARY KEY,
  user_id    TEXT    NOT NULL CONSTRAINT login_user REFERENCES app_user (id) ON DELETE CASCADE,
  tenant     TEXT    NOT NULL,
  generation INTEGER NOT NULL,
  digest     BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at   INTEGER,
  address    TEXT,
  agent      TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX login_by_user   ON login (user_id, id);
CREATE INDEX login_by_tenant ON login (tenant, id);
CREATE INDEX login_over      ON login (min(coalesce(ended_at, expires_at), expires_at), id);

CREATE TABLE login_attempt (
  state      BLOB    NOT NULL PRIMARY KEY,
  secret     BLOB    NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_attempt_void ON login_attempt (expires_at);

-- Positions are never given twice, not even when all rows are gone.
CREATE TABLE revocation (
  position   INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  kind       TEXT    NOT NULL,
  target     TEXT,
  revoked_at INTEGER NOT NULL,
  until      INTEGER NOT NULL
) STRICT;
CREATE INDEX revocation_over ON revocation (until, position);

CREATE TABLE signing_key (
  id             TEXT    NOT NULL PRIMARY KEY,
  algorithm      TEXT    NOT NULL,
  public         TEXT    NOT NULL,
  secret         BLOB    NOT NULL,
  signs_from     INTEGER NOT NULL,
  signs_until    INTEGER NOT NULL,
  accepted_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX signing_key_accepted ON signing_key (accepted_until);

CREATE TABLE installation_secret (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE connection (
  tenant     TEXT    NOT NULL,
  service    TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  secret     BLOB    NOT NULL,
  scopes     TEXT    NOT NULL,
  expires_at INTEGER,
  version    INTEGER NOT NULL,
  PRIMARY KEY (tenant, service, name)
) STRICT, WITHOUT ROWID;

-- What was done. Positions are counted by whoever holds the end of the log, so that there are no gaps.
CREATE TABLE audit_log (
  position    INTEGER NOT NULL PRIMARY KEY,
  happened_at INTEGER NOT NULL,
  tenant      TEXT,
  actor       TEXT    NOT NULL,
  action      TEXT    NOT NULL,
  target      TEXT    NOT NULL,
  address     TEXT,
  request_id  TEXT,
  outcome     TEXT    NOT NULL,
  details     TEXT    NOT NULL,
  previous    BLOB    NOT NULL,
  hash        BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_log_by_tenant ON audit_log (tenant, position);
CREATE INDEX audit_log_by_actor  ON audit_log (actor, position);
CREATE INDEX audit_log_by_action ON audit_log (action, position);
CREATE INDEX audit_log_by_time   ON audit_log (happened_at, position);

CREATE TRIGGER audit_log_stays_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
CREATE TRIGGER audit_log_stays_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
-- A row that takes the place of another is no deletion to SQLite.
CREATE TRIGGER audit_log_stays_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE position = new.position)
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
