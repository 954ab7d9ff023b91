-- Who may call. Passwords are hashed, all other secrets are hashed with a key or sealed.

CREATE TABLE app_user (
  id               UUID NOT NULL PRIMARY KEY,
  tenant           TEXT NOT NULL,
  name             TEXT NOT NULL,
  display_name     TEXT NOT NULL,
  email            TEXT,
  password         TEXT,
  roles            TEXT NOT NULL,
  disabled         BOOLEAN NOT NULL,
  factor_secret    BYTEA,
  factor_confirmed BOOLEAN NOT NULL,
  factor_step      BIGINT NOT NULL,
  factor_recovery  TEXT NOT NULL,
  issuer           TEXT,
  subject          TEXT,
  failures         BIGINT NOT NULL,
  locked_until     TIMESTAMPTZ,
  created_at       TIMESTAMPTZ NOT NULL,
  version          BIGINT NOT NULL,
  CONSTRAINT app_user_name     UNIQUE (name),
  CONSTRAINT app_user_identity UNIQUE (issuer, subject),
  CONSTRAINT app_user_voucher  CHECK ((issuer IS NULL) = (subject IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX app_user_by_tenant ON app_user (tenant, id);
CREATE INDEX app_user_by_role   ON app_user USING gin ((roles::JSONB) jsonb_path_ops);

-- Names that lists are sorted by are compared byte by byte, as SQLite does.
CREATE TABLE role (
  tenant      TEXT NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  description TEXT NOT NULL,
  permissions TEXT NOT NULL,
  changed_at  TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, name)
);

CREATE TABLE api_key (
  id                  UUID NOT NULL PRIMARY KEY,
  tenant              TEXT NOT NULL,
  owner_id            UUID CONSTRAINT api_key_owner REFERENCES app_user (id) ON DELETE CASCADE,
  name                TEXT NOT NULL,
  digest              BYTEA NOT NULL,
  scopes              TEXT NOT NULL,
  models              TEXT,
  tier                TEXT,
  requests_per_minute BIGINT,
  tokens_per_minute   BIGINT,
  created_at          TIMESTAMPTZ NOT NULL,
  expires_at          TIMESTAMPTZ,
  revoked_at          TIMESTAMPTZ,
  last_used_at        TIMESTAMPTZ,
  replaced_by         UUID CONSTRAINT api_key_successor REFERENCES api_key (id) ON DELETE SET NULL
) WITH (fillfactor = 70);
CREATE INDEX api_key_by_tenant    ON api_key (tenant, id);
CREATE INDEX api_key_by_owner     ON api_key (owner_id, id) WHERE owner_id IS NOT NULL;
CREATE INDEX api_key_by_successor ON api_key (replaced_by) WHERE replaced_by IS NOT NULL;

CREATE TABLE login (
  id         UUID NOT NULL PRIMARY KEY,
  user_id    UUID NOT NULL CONSTRAINT login_user REFERENCES app_user (id) ON DELETE CASCADE,
  tenant     TEXT NOT NULL,
  generation BIGINT NOT NULL,
  digest     BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  used_at    TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  ended_at   TIMESTAMPTZ,
  address    TEXT,
  agent      TEXT
) WITH (fillfactor = 70);
CREATE INDEX login_by_user   ON login (user_id, id);
CREATE INDEX login_by_tenant ON login (tenant, id);
CREATE INDEX login_over      ON login (LEAST(ended_at, expires_at), id);

CREATE TABLE login_attempt (
  state      BYTEA NOT NULL PRIMARY KEY,
  secret     BYTEA NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX login_attempt_void ON login_attempt (expires_at);

CREATE TABLE revocation (
  position   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       TEXT NOT NULL,
  target     UUID,
  revoked_at TIMESTAMPTZ NOT NULL,
  until      TIMESTAMPTZ NOT NULL
);
CREATE INDEX revocation_over ON revocation (until, position);

CREATE TABLE signing_key (
  id             TEXT NOT NULL PRIMARY KEY,
  algorithm      TEXT NOT NULL,
  public         TEXT NOT NULL,
  secret         BYTEA NOT NULL,
  signs_from     TIMESTAMPTZ NOT NULL,
  signs_until    TIMESTAMPTZ NOT NULL,
  accepted_until TIMESTAMPTZ NOT NULL
);
CREATE INDEX signing_key_accepted ON signing_key (accepted_until);

CREATE TABLE installation_secret (
  name  TEXT NOT NULL PRIMARY KEY,
  value BYTEA NOT NULL
);

CREATE TABLE connection (
  tenant     TEXT NOT NULL,
  service    TEXT COLLATE "C" NOT NULL,
  name       TEXT COLLATE "C" NOT NULL,
  secret     BYTEA NOT NULL,
  scopes     TEXT NOT NULL,
  expires_at TIMESTAMPTZ,
  version    BIGINT NOT NULL,
  PRIMARY KEY (tenant, service, name)
);

-- What was done. Positions are counted by whoever holds the end of the log, so that there are no gaps.
CREATE TABLE audit_log (
  position    BIGINT NOT NULL PRIMARY KEY,
  happened_at TIMESTAMPTZ NOT NULL,
  tenant      TEXT,
  actor       TEXT NOT NULL,
  action      TEXT NOT NULL,
  target      TEXT NOT NULL,
  address     TEXT,
  request_id  TEXT,
  outcome     TEXT NOT NULL,
  details     TEXT NOT NULL,
  previous    BYTEA NOT NULL,
  hash        BYTEA NOT NULL
);
CREATE INDEX audit_log_by_tenant ON audit_log (tenant, position);
CREATE INDEX audit_log_by_actor  ON audit_log (actor, position);
CREATE INDEX audit_log_by_action ON audit_log (action, position);
CREATE INDEX audit_log_by_time   ON audit_log (happened_at, position);

CREATE FUNCTION audit_log_stays() RETURNS TRIGGER
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is never changed';
END
$$;

CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_stays();
