-- Budgets. A process has a session, and in its name a slice of each budget that it spends from.

CREATE TABLE account_session (
  id         TEXT NOT NULL PRIMARY KEY,
  seq        INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at   INTEGER
) STRICT;
CREATE INDEX account_session_open  ON account_session (id) WHERE ended_at IS NULL;
CREATE INDEX account_session_ended ON account_session (ended_at) WHERE ended_at IS NOT NULL;

-- Money is in whole millionths of a dollar. What is left of a budget is its limit, less what was spent and leased.
CREATE TABLE budget (
  rule        TEXT NOT NULL,
  tenant      TEXT NOT NULL,
  subject     TEXT NOT NULL,
  since       INTEGER NOT NULL,
  spent       INTEGER NOT NULL,
  unknown     INTEGER NOT NULL,
  leased      INTEGER NOT NULL,
  recall      INTEGER NOT NULL,
  tight_until INTEGER,
  PRIMARY KEY (rule, tenant, subject, since)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget_slice (
  rule       TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  since      INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  amount     INTEGER NOT NULL,
  held       INTEGER NOT NULL,
  answered   INTEGER NOT NULL,
  PRIMARY KEY (rule, tenant, subject, since, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_slice_by_session ON budget_slice (session_id);

-- Calls of models. They hold no word of what was said.

CREATE TABLE model_call (
  id                    TEXT NOT NULL PRIMARY KEY,
  began_at              INTEGER NOT NULL,
  request               TEXT NOT NULL,
  tenant                TEXT NOT NULL,
  user_name             TEXT,
  key_name              TEXT NOT NULL,
  execution_id          TEXT,
  step                  TEXT,
  route                 TEXT NOT NULL,
  provider              TEXT,
  model                 TEXT,
  format                TEXT,
  stream                INTEGER NOT NULL,
  status                TEXT NOT NULL,
  error                 TEXT,
  attempts              INTEGER NOT NULL,
  input_tokens          INTEGER,
  cache_read_tokens     INTEGER,
  cache_write_tokens    INTEGER,
  cache_write_1h_tokens INTEGER,
  output_tokens         INTEGER,
  reasoning_tokens      INTEGER,
  cost                  INTEGER,
  estimated             INTEGER NOT NULL,
  total_us              INTEGER NOT NULL,
  upstream_us           INTEGER,
  first_token_us        INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX model_call_by_tenant ON model_call (tenant, id);
