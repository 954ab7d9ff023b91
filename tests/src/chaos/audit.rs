//! What the database itself saw: triggers that note when the result of a step or of a job was written, also one that was
//! written in vain. And the questions that need SQL.

use codeflow_runtime::Tasks;
use tokio_postgres::{Client, NoTls, Row};
use uuid::Uuid;

/// What its own connections are called: a storm lets them be.
pub(super) const AUDIT: &str = "audit";

/// A row that does not become one, because there is one with its key, is noted too.
const INSTALL: &str = "
CREATE TABLE chaos_commit (
  at TIMESTAMPTZ NOT NULL, execution_id UUID NOT NULL, generation INTEGER NOT NULL, path TEXT NOT NULL,
  what TEXT NOT NULL, attempt INTEGER NOT NULL
);
CREATE FUNCTION chaos_fact() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO chaos_commit VALUES (clock_timestamp(), NEW.execution_id, NEW.generation, NEW.path,
    CASE NEW.kind WHEN 1 THEN 'work' ELSE 'undo' END, 0);
  RETURN NEW;
END $$;
CREATE FUNCTION chaos_job() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO chaos_commit VALUES (clock_timestamp(), OLD.execution_id, 0, 'job', 'work', OLD.attempt);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_fact BEFORE INSERT ON step_result FOR EACH ROW WHEN (NEW.kind IN (1, 15))
  EXECUTE FUNCTION chaos_fact();
CREATE TRIGGER chaos_job_out AFTER DELETE ON task FOR EACH ROW WHEN (OLD.kind = 8)
  EXECUTE FUNCTION chaos_job();
CREATE TRIGGER chaos_job_dead AFTER UPDATE ON task FOR EACH ROW
  WHEN (OLD.kind = 8 AND OLD.reason IS NULL AND NEW.reason IS NOT NULL) EXECUTE FUNCTION chaos_job();";

/// Work that nobody will ever do: it is nowhere.
const STUCK: &str = "
SELECT 'task ' || t.id || ' of ' || t.execution_id || ' (kind ' || t.kind || ', `' || t.path || '`) is nowhere'
FROM task t
WHERE t.quarantined_at IS NULL
  AND NOT EXISTS (SELECT FROM ready WHERE task_id = t.id)
  AND NOT EXISTS (SELECT FROM timer WHERE task_id = t.id)
  AND NOT EXISTS (SELECT FROM claim c JOIN session s ON s.id = c.session_id
                  WHERE t.id = ANY (c.ids) AND s.ended_at IS NULL AND s.epoch = c.epoch)
UNION ALL
SELECT 'execution ' || e.id || ' is ' || e.status || ' and has nothing to wait for'
FROM workflow_executions e
WHERE e.status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out', 'paused')
  AND NOT EXISTS (SELECT FROM task WHERE execution_id = e.id)
  AND NOT EXISTS (SELECT FROM step_result c WHERE c.execution_id = e.id AND c.kind = 12)";

/// Rows that should be gone.
const LEAKS: &str = "
SELECT 'task ' || t.id || ' of an execution that has ended (kind ' || t.kind || ')'
FROM task t JOIN workflow_executions e ON e.id = t.execution_id
WHERE e.status IN ('succeeded', 'failed', 'cancelled', 'timed_out')
UNION ALL SELECT 'a message for ' || execution_id FROM inbox
UNION ALL SELECT 'ready without a task: ' || task_id FROM ready WHERE task_id NOT IN (SELECT id FROM task)
UNION ALL SELECT 'timer without a task: ' || task_id FROM timer WHERE task_id NOT IN (SELECT id FROM task)
UNION ALL SELECT 'ready and delayed: ' || task_id FROM ready JOIN timer USING (task_id)
UNION ALL SELECT 'a claim of session ' || session_id || ', which has ended' FROM claim
  WHERE session_id NOT IN (SELECT id FROM session WHERE ended_at IS NULL)
UNION ALL SELECT 'ready and claimed: ' || task_id FROM ready JOIN claim ON task_id = ANY (ids)
UNION ALL SELECT 'claimed twice: ' || id FROM (SELECT unnest(ids) AS id FROM claim) AS held
  JOIN task USING (id) GROUP BY id HAVING count(*) > 1";

/// Results that were written more than once, or that nobody saw being written.
const REPEATED: &str = "
SELECT what || ' `' || path || '` of ' || execution_id || ' was committed ' || count(*) || ' times'
FROM chaos_commit GROUP BY execution_id, generation, path, what, attempt HAVING count(*) > 1
UNION ALL
SELECT 'result `' || r.path || '` of ' || r.execution_id || ' was never committed' FROM step_result r
WHERE r.kind IN (1, 15) AND NOT EXISTS (SELECT FROM chaos_commit c WHERE c.execution_id = r.execution_id
  AND c.generation = r.generation AND c.path = r.path AND c.what = CASE r.kind WHEN 1 THEN 'work' ELSE 'undo' END)";

/// Dead letters may stay; everything else is to be done.
const OPEN: &str = "
SELECT (SELECT count(*) FROM workflow_executions
        WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out'))
     + (SELECT count(*) FROM task WHERE reason IS NULL)";

/// What is not done, and where it is.
const UNFINISHED: &str = "
SELECT 'execution ' || id || ' is ' || status || ', seq ' || seq FROM workflow_executions
WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'timed_out')
UNION ALL
SELECT 'task ' || id || ' of ' || execution_id || ': kind ' || kind || ' `' || path || '`, attempt ' || attempt
  || CASE WHEN quarantined_at IS NOT NULL THEN ', quarantined' ELSE '' END
  || CASE WHEN EXISTS (SELECT FROM ready WHERE task_id = id) THEN ', ready' ELSE '' END
  || CASE WHEN EXISTS (SELECT FROM timer WHERE task_id = id) THEN ', delayed' ELSE '' END
  || CASE WHEN EXISTS (SELECT FROM claim WHERE id = ANY (ids)) THEN ', claimed' ELSE '' END
  || CASE WHEN suspect THEN ', suspect' ELSE '' END
FROM task WHERE reason IS NULL
UNION ALL
SELECT 'session ' || id || CASE WHEN expires_at < clock_timestamp() THEN ' has run out' ELSE ' lives' END
FROM session WHERE ended_at IS NULL";

/// A connection of the test's own.
pub struct Audit {
    client: Client,
}

/// When a result was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// In microseconds.
    pub at: i64,
    /// The execution, or the job.
    pub execution: Uuid,
    /// The step, the iteration, or `job`.
    pub path: String,
    /// `work` or `undo`.
    pub what: String,
    /// The attempt of a job; nought for steps.
    pub attempt: u32,
}

impl Audit {
    /// Connects.
    pub async fn connect(url: &str) -> Self {
        let mut settings: tokio_postgres::Config = url.parse().expect("the address is sound");
        let (client, connection) =
            settings.application_name(AUDIT).connect(NoTls).await.expect("the database is there");
        Tasks::new().spawn("audit", connection);
        Self { client }
    }

    /// Lets the database note commits from here on.
    pub async fn install(&self) {
        self.run(INSTALL).await;
    }

    /// Runs statements.
    pub async fn run(&self, statements: &str) {
        self.client.batch_execute(statements).await.expect("the statements are sound");
    }

    /// Runs statements that may fail.
    ///
    /// # Errors
    /// What the database says.
    pub async fn attempt(&self, statements: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(statements).await
    }

    /// The number that a query gives.
    pub async fn number(&self, query: &str) -> i64 {
        self.client.query_one(query, &[]).await.expect("the query is sound").get(0)
    }

    /// The texts that a query gives.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let rows = self.client.query(query, &[]).await.expect("the query is sound");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// How much is not done.
    pub async fn open(&self) -> i64 {
        self.number(OPEN).await
    }

    /// What nobody will ever do.
    pub async fn stuck(&self) -> Vec<String> {
        self.texts(STUCK).await
    }

    /// What is not done.
    pub async fn unfinished(&self) -> Vec<String> {
        self.texts(UNFINISHED).await
    }

    /// What was left behind.
    pub async fn leaks(&self) -> Vec<String> {
        self.texts(LEAKS).await
    }

    /// What was not committed exactly once.
    pub async fn repeated(&self) -> Vec<String> {
        self.texts(REPEATED).await
    }

    /// All commits of results.
    pub async fn commits(&self) -> Vec<Commit> {
        let query = "SELECT (extract(epoch FROM at) * 1000000)::BIGINT, execution_id, path, what, attempt FROM chaos_commit";
        let rows = self.client.query(query, &[]).await.expect("the query is sound");
        let commit = |row: &Row| Commit {
            at: row.get(0),
            execution: row.get(1),
            path: row.get(2),
            what: row.get(3),
            attempt: u32::try_from(row.get::<_, i32>(4)).unwrap_or_default(),
        };
        rows.iter().map(commit).collect()
    }

    /// The sessions, with the time of their ends in microseconds.
    pub async fn sessions(&self) -> Vec<(Uuid, Option<i64>)> {
        let query = "SELECT id, (extract(epoch FROM ended_at) * 1000000)::BIGINT FROM session";
        let rows = self.client.query(query, &[]).await.expect("the query is sound");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// What the keys of starts or jobs stand for.
    pub async fn keys(&self) -> Vec<(String, Uuid)> {
        let rows = self.client.query("SELECT key, execution_id FROM dedup", &[]).await;
        let rows = rows.expect("the query is sound");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}
