//! What only a database can break about identity: tables that others reach, rows of newer programs, and commits that
//! come late.

use std::sync::Arc;
use std::time::Duration;

use codeflow_auth::{
    AuditEntry, AuditEvent, AuditFilter, AuditStore, KeyFilter, KeyStore, LoginStore, Outcome, Page,
    Permission, Revocation, RevocationStore, RoleStore, Target, UserStore,
};
use codeflow_core::{Tenant, Timestamp};
use codeflow_persistence::Database;
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::identity::fill;
use serde_json::Map;

use crate::sql::Sql;

async fn both() -> [TestDb; 2] {
    [TestDb::sqlite().await, TestDb::postgres().await]
}

fn all<K>() -> Page<K> {
    Page { after: None, limit: u32::MAX }
}

fn event(actor: &str) -> AuditEvent {
    AuditEvent {
        at: Timestamp::EPOCH,
        tenant: None,
        actor: actor.to_owned(),
        action: "test".to_owned(),
        target: String::new(),
        address: None,
        request_id: None,
        outcome: Outcome::Done,
        details: Map::new(),
    }
}

fn chain(position: i64, previous: [u8; 32], event: AuditEvent) -> AuditEntry {
    let mut hash = [1; 32];
    hash[..8].copy_from_slice(&position.to_be_bytes());
    AuditEntry { position, event, previous, hash }
}

#[tokio::test]
async fn the_audit_log_refuses_every_change() {
    for test_db in both().await {
        let database = Arc::new(test_db.open().await);
        fill(Arc::clone(&database)).await;
        let before = database.audit(&AuditFilter::default(), all()).await.unwrap();
        let mut sql = Sql::connect(&test_db).await;
        let mut changes = vec![
            "UPDATE audit_log SET actor = 'nobody' WHERE position = 3",
            "UPDATE audit_log SET hash = hash",
            "DELETE FROM audit_log WHERE position = 20",
            "DELETE FROM audit_log",
        ];
        if test_db.url().starts_with("postgres") {
            changes.push("TRUNCATE audit_log");
            changes.push(
                "INSERT INTO audit_log SELECT * FROM audit_log ON CONFLICT (position) DO UPDATE SET actor = 'x'",
            );
        } else {
            changes.push("REPLACE INTO audit_log SELECT * FROM audit_log");
            changes.push("INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE position = 3");
        }

        for change in changes {
            let refused = sql.try_run(change).await.unwrap_err();
            assert!(refused.contains("the audit log is never changed"), "{change}: {refused}");
        }

        assert_eq!(database.audit(&AuditFilter::default(), all()).await.unwrap(), before);
        assert_eq!(before.len(), 20);
        test_db.remove().await;
    }
}

/// Waits until somebody waits for a lock.
async fn somebody_waits(sql: &mut Sql) {
    let waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    while sql.number(waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const HELD: &str = "
BEGIN; SELECT pg_advisory_xact_lock(7104112306170924);
INSERT INTO audit_log VALUES (1, now(), NULL, 'held', 'test', '', NULL, NULL, 'done', '{}',
  decode(repeat('00', 32), 'hex'), decode(repeat('77', 32), 'hex'))";

#[tokio::test]
async fn whoever_appends_waits_for_the_end_of_the_log_and_a_rollback_leaves_no_gap() {
    for (end, position, previous) in [("ROLLBACK", 1, [0; 32]), ("COMMIT", 2, [0x77; 32])] {
        let test_db = TestDb::postgres().await;
        let database = test_db.open().await;
        let (mut holder, mut watcher) = (Sql::connect(&test_db).await, Sql::connect(&test_db).await);
        holder.run(HELD).await;

        let append = database.append_audit(vec![event("waiting")], chain);
        let release = async {
            somebody_waits(&mut watcher).await;
            holder.run(end).await;
        };
        let (appended, ()) = tokio::join!(append, release);

        appended.unwrap();
        let filter = AuditFilter { actor: Some("waiting".to_owned()), ..AuditFilter::default() };
        let entries = database.audit(&filter, all()).await.unwrap();
        assert_eq!(entries, [chain(position, previous, event("waiting"))]);
        drop((holder, watcher));
        database.close();
        test_db.remove().await;
    }
}

#[tokio::test]
async fn a_revocation_that_is_committed_late_is_found_by_reading_again() {
    let test_db = TestDb::postgres().await;
    let database = test_db.open().await;
    let mut late = Sql::connect(&test_db).await;
    let insert = "BEGIN; INSERT INTO revocation (kind, revoked_at, until) VALUES ('roles', now(), now())";
    late.run(insert).await;
    let revocation =
        Revocation { target: Target::Roles, at: Timestamp::EPOCH, until: Timestamp::from_micros(7) };
    database.revoke(&[revocation]).await.unwrap();

    let early = database.revocations(0, 10).await.unwrap();
    late.run("COMMIT").await;
    let again = database.revocations(0, 10).await.unwrap();

    assert_eq!(early, [(2, revocation)]);
    assert_eq!(again.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn what_a_newer_program_wrote_keeps_nobody_from_reading_the_rest() {
    for test_db in both().await {
        let database = test_db.open().await;
        let moment = if test_db.url().starts_with("postgres") { "now()" } else { "7" };
        let rows = format!(
            "INSERT INTO role VALUES ('default', 'new', '', '[\"users:read\",\"moons:land\"]', {moment});
             INSERT INTO revocation (kind, revoked_at, until) VALUES ('moon', {moment}, {moment}),
               ('roles', {moment}, {moment})"
        );
        Sql::connect(&test_db).await.run(&rows).await;

        let roles = database.roles(&Tenant::default()).await.unwrap();
        let revocations = database.revocations(0, 10).await.unwrap();

        assert_eq!(roles[0].permissions, [Permission::UsersRead]);
        assert_eq!(revocations.len(), 1);
        assert_eq!((revocations[0].0, revocations[0].1.target), (2, Target::Roles));
        test_db.remove().await;
    }
}

/// Numbers, and an id from each.
const MANY_ON_SQLITE: &str = "
CREATE TEMP TABLE many AS
  WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1001)
  SELECT n, printf('00000000-0000-0000-0000-%012d', n) AS id, 0 AS past, 9000000000000000 AS future, x'00' AS bytes
  FROM n;";
const MANY_ON_POSTGRES: &str = "
CREATE TEMP TABLE many AS
  SELECT n, lpad(n::TEXT, 32, '0')::UUID AS id, now() AS past, now() + INTERVAL '1 day' AS future, '\\x00'::BYTEA AS bytes
  FROM generate_series(1, 1001) AS n;";
const ROWS: &str = "
INSERT INTO app_user (id, tenant, name, display_name, roles, disabled, factor_confirmed, factor_step, factor_recovery,
    created_at, version)
  SELECT id, 'default', 'name' || n, '', '[]', n < 0, n < 0, 0, '[]', past, 1 FROM many;
INSERT INTO api_key (id, tenant, owner_id, name, digest, scopes, created_at)
  SELECT id, 'default', id, '', bytes, '[]', past FROM many;
INSERT INTO login (id, user_id, tenant, generation, digest, created_at, used_at, expires_at)
  SELECT id, id, 'default', 0, bytes, past, past, future FROM many;
INSERT INTO role SELECT 'default', 'name' || n, '', '[]', past FROM many;
INSERT INTO connection SELECT 'default', 'service', 'name' || n, bytes, '[]', NULL, 1 FROM many;";

async fn lengths(database: &Database) -> [usize; 5] {
    let default = Tenant::default();
    let (filter, now) = (KeyFilter::default(), Timestamp::EPOCH);
    use codeflow_auth::ConnectionStore;
    [
        database.list_users(None, all()).await.unwrap().len(),
        database.list_keys(&filter, all()).await.unwrap().len(),
        database.list_logins((Some(&default), None), now, all()).await.unwrap().len(),
        database.roles(&default).await.unwrap().len(),
        database.connections(&default).await.unwrap().len(),
    ]
}

#[tokio::test]
async fn lists_of_identities_are_no_longer_than_a_thousand() {
    for test_db in both().await {
        let many = if test_db.url().starts_with("postgres") { MANY_ON_POSTGRES } else { MANY_ON_SQLITE };
        Sql::connect(&test_db).await.run(&format!("{many}{ROWS}")).await;

        assert_eq!(lengths(&test_db.open().await).await, [1_000; 5]);
        test_db.remove().await;
    }
}
