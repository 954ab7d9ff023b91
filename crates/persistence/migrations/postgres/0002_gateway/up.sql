-- Budgets. A process has a session, and in its name a slice of each budget that it spends from.

CREATE TABLE account_session (
  id         UUID NOT NULL PRIMARY KEY,
  seq        BIGINT NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  ended_at   TIMESTAMPTZ
) WITH (fillfactor = 50);
CREATE INDEX account_session_open  ON account_session (id) WHERE ended_at IS NULL;
CREATE INDEX account_session_ended ON account_session (ended_at) WHERE ended_at IS NOT NULL;

-- Money is in whole millionths of a dollar. What is left of a budget is its limit, less what was spent and leased.
CREATE TABLE budget (
  rule        TEXT NOT NULL,
  tenant      TEXT NOT NULL,
  subject     TEXT NOT NULL,
  since       TIMESTAMPTZ NOT NULL,
  spent       BIGINT NOT NULL,
  unknown     BIGINT NOT NULL,
  leased      BIGINT NOT NULL,
  recall      BIGINT NOT NULL,
  tight_until TIMESTAMPTZ,
  PRIMARY KEY (rule, tenant, subject, since)
) WITH (fillfactor = 50);

CREATE TABLE budget_slice (
  rule       TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  since      TIMESTAMPTZ NOT NULL,
  session_id UUID NOT NULL,
  amount     BIGINT NOT NULL,
  held       BIGINT NOT NULL,
  answered   BIGINT NOT NULL,
  PRIMARY KEY (rule, tenant, subject, since, session_id)
) WITH (fillfactor = 50);
CREATE INDEX budget_slice_by_session ON budget_slice (session_id);

-- Calls of models. They hold no word of what was said.

CREATE TABLE model_call (
  id                    UUID NOT NULL PRIMARY KEY,
  began_at              TIMESTAMPTZ NOT NULL,
  request               TEXT NOT NULL,
  tenant                TEXT NOT NULL,
  user_name             TEXT,
  key_name              TEXT NOT NULL,
  execution_id          UUID,
  step                  TEXT,
  route                 TEXT NOT NULL,
  provider              TEXT,
  model                 TEXT,
  format                TEXT,
  stream                BOOLEAN NOT NULL,
  status                TEXT NOT NULL,
  error                 TEXT,
  attempts              INTEGER NOT NULL,
  input_tokens          BIGINT,
  cache_read_tokens     BIGINT,
  cache_write_tokens    BIGINT,
  cache_write_1h_tokens BIGINT,
  output_tokens         BIGINT,
  reasoning_tokens      BIGINT,
  cost                  BIGINT,
  estimated             BOOLEAN NOT NULL,
  total_us              BIGINT NOT NULL,
  upstream_us           BIGINT,
  first_token_us        BIGINT
);
CREATE INDEX model_call_by_tenant ON model_call (tenant, id);
