//! Lists of executions in a database that has many.

use std::sync::Arc;

use codeflow_core::Tenant;
use codeflow_engine::{ExecutionFilter, Journal};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::Subject;

use crate::sql::Sql;

/// Twenty thousand executions like the one that there is: all of the first tenant but the oldest ten.
const MANY: &str = "
    INSERT INTO workflow_executions
      (id, workflow_id, version_id, status, generation, seq, stopping, created_at, tenant)
    SELECT lpad(to_hex(n + 1000000), 32, '0')::UUID, workflow_id, version_id, 'succeeded', 0, 1, FALSE,
           created_at - interval '20000 minutes' + n * interval '1 minute',
           CASE WHEN n <= 10 THEN 'acme' ELSE 'default' END
      FROM workflow_executions, generate_series(1, 20000) AS n;
    ANALYZE workflow_executions";

async fn scans(sql: &mut Sql, index: &str) -> i64 {
    let name = format!("'workflow_executions_{index}'");
    sql.number(&format!("SELECT idx_scan AS n FROM pg_stat_user_indexes WHERE indexrelname = {name}")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_reads_by_the_index_that_leaves_least_to_read_on_postgres() {
    let test_db = TestDb::postgres().await;
    let mut sql = Sql::connect(&test_db).await;
    let database = test_db.open().await;
    let subject = Subject::new(Arc::new(test_db.open().await), None, test_db);
    let version = subject.workflow("review").await;
    let new = subject.execution(&version, vec![]);
    let id = new.id;
    subject.store.start(new).await.unwrap();
    sql.run(MANY).await;
    let youngest = subject.read(id).await.record;
    let ours = ExecutionFilter { tenant: Some(Tenant::default()), ..ExecutionFilter::default() };
    let theirs = ExecutionFilter { tenant: Some("acme".parse().unwrap()), ..ExecutionFilter::default() };

    let late = ExecutionFilter { since: Some(youngest.created_at), ..ours.clone() };
    let (late, all) = (database.list(late, 50).await.unwrap(), database.list(ours, 50).await.unwrap());
    let theirs = database.list(theirs, 50).await.unwrap();

    // What a connection has counted is told when it ends, at the latest.
    database.close();
    assert_eq!((late.len(), all.len(), theirs.len()), (2, 50, 10));
    let counted = async || {
        let counts = (scans(&mut sql, "by_time").await, scans(&mut sql, "by_tenant").await);
        (counts.0 > 0 && counts.1 > 0).then_some(counts)
    };
    let (by_time, _) = subject.until("a scan of each index", counted).await;
    assert_eq!(by_time, 1, "only for what is asked for by time");
}
