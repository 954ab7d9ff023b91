//! The yardstick: `pgbench` with one insert and one update in a transaction, on the same server in the same run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::place::Place;
use super::postgres::program;
use super::tell;
use super::times::rounded;

/// Four round trips, as a program makes them that opens a transaction.
const SCRIPT: &str = "\\set id random(1, 100000)\n\
    BEGIN;\n\
    INSERT INTO bench_log (account, noted_at) VALUES (:id, now());\n\
    UPDATE bench_account SET balance = balance + 1 WHERE id = :id;\n\
    COMMIT;\n";

const TABLES: &str = "DROP TABLE IF EXISTS bench_account, bench_log;
    CREATE TABLE bench_account (id INTEGER NOT NULL, balance BIGINT NOT NULL);
    INSERT INTO bench_account SELECT n, 0 FROM generate_series(1, 100000) AS n;
    ALTER TABLE bench_account ADD PRIMARY KEY (id);
    CREATE TABLE bench_log (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account INTEGER NOT NULL, noted_at TIMESTAMPTZ NOT NULL
    );";

/// `pgbench` and the tables that it works on.
pub(super) struct Yardstick {
    program: PathBuf,
    url: String,
    script: tempfile::NamedTempFile,
}

/// What it said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Transactions a second of 32 clients.
    tps_32: f64,
    /// The mean time of a transaction of one client.
    latency_1_ms: f64,
}

impl Yardstick {
    /// Makes its tables; nothing where the program or PostgreSQL is not there.
    pub(super) async fn find(place: &Place) -> Result<Option<Self>> {
        let (Some(client), Some(program)) = (place.sql(), program("pgbench")) else { return Ok(None) };
        client.batch_execute(TABLES).await?;
        client.batch_execute("VACUUM ANALYZE bench_account").await?;
        let script = tempfile::NamedTempFile::new()?;
        std::fs::write(script.path(), SCRIPT)?;
        Ok(Some(Self { program, url: place.url().to_owned(), script }))
    }

    /// Measures, each time from the same state of its tables.
    pub(super) async fn measure(&self, place: &Place) -> Result<Figures> {
        if let Some(client) = place.sql() {
            client.batch_execute("TRUNCATE bench_log").await?;
            client.batch_execute("VACUUM bench_account").await?;
        }
        place.settle().await;
        tell("pgbench: 32 clients for 8 s, then one for 4 s");
        let tps_32 = self.run(32, 8, "tps = ")?;
        let latency_1_ms = self.run(1, 4, "latency average = ")?;
        Ok(Figures { tps_32, latency_1_ms })
    }

    fn run(&self, clients: u32, seconds: u32, figure: &str) -> Result<f64> {
        let threads = clients.min(2).to_string();
        let mut command = Command::new(&self.program);
        command.args(["-n", "-c", &clients.to_string(), "-j", &threads, "-T", &seconds.to_string(), "-f"]);
        let output = command.arg(self.script.path()).arg(&self.url).output()?;
        if !output.status.success() {
            bail!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix(figure));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.with_context(|| format!("pgbench did not say its {figure}"))
    }
}

/// Two runs that differ by more than this share say that something else used the machine.
const NOISE: f64 = 0.15;

/// Adds the figures and the ratios to them, also to the lines inside the line.
pub(super) fn compare(line: &mut Value, before: Figures, after: Figures) {
    let tps = f64::midpoint(before.tps_32, after.tps_32);
    let latency = f64::midpoint(before.latency_1_ms, after.latency_1_ms);
    line["pgbench_tps_32"] = json!(rounded(tps));
    line["pgbench_tps_32_runs"] = json!([rounded(before.tps_32), rounded(after.tps_32)]);
    line["pgbench_latency_1_ms"] = json!(rounded(latency));
    line["pgbench_latency_1_ms_runs"] = json!([before.latency_1_ms, after.latency_1_ms]);
    if (before.tps_32 - after.tps_32).abs() > tps * NOISE {
        tell(
            "pgbench gave different figures before and after: the machine was not quiet, and the ratios say little",
        );
    }
    add_ratio(line, tps, latency);
    for inner in ["queue", "steps", "latency", "single"] {
        if let Some(inner) = line.get_mut(inner) {
            add_ratio(inner, tps, latency);
        }
    }
}

/// How many jobs for each transaction, or how many times the time of one.
fn add_ratio(line: &mut Value, tps: f64, latency: f64) {
    let (figure, unit) = match line["workload"].as_str() {
        Some("queue" | "steps") => ("jobs_per_s", tps),
        Some("latency" | "single") => ("p50_ms", latency),
        _ => return,
    };
    if let Some(figure) = line[figure].as_f64() {
        line["ratio"] = json!(rounded(figure / unit));
    }
}
