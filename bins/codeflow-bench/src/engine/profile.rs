//! Which statements the server spent its time on, from `pg_stat_statements` where the server has it loaded.

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::tell;

/// How many statements are told of.
const TOP: i64 = 12;

const READ: &str =
    "SELECT regexp_replace(query, '\\s+', ' ', 'g'), calls, rows, total_exec_time, total_plan_time,
        mean_exec_time + mean_plan_time, wal_bytes::FLOAT8
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY total_exec_time + total_plan_time DESC LIMIT $1";

/// Makes the extension known to the database.
pub(super) async fn prepare(client: &Client) -> Result<()> {
    let create = client.batch_execute(
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()",
    );
    create.await.context("the server has no pg_stat_statements (shared_preload_libraries)")
}

/// Forgets what ran before.
pub(super) async fn reset(client: &Client) -> Result<()> {
    Ok(client.batch_execute("SELECT pg_stat_statements_reset()").await?)
}

/// Tells what ran since.
pub(super) async fn report(client: &Client) -> Result<()> {
    tell("     run ms    plan ms      calls    mean ms       rows     WAL kB  statement");
    for row in client.query(READ, &[&TOP]).await? {
        let (text, calls, rows): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let (run, plan): (f64, f64) = (row.get(3), row.get(4));
        let (mean, wal): (f64, f64) = (row.get(5), row.get(6));
        let text: String = text.chars().take(160).collect();
        tell(&format!(
            "{run:>11.1} {plan:>10.1} {calls:>10} {mean:>10.3} {rows:>10} {:>10.0}  {text}",
            wal / 1e3
        ));
    }
    Ok(())
}
