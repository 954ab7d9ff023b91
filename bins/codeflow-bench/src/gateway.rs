//! Measures codeflow-server and nginx in turn, round by round, and prints the medians and their ratios.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::child::Process;
use crate::{nginx, payloads};

/// The core that the proxies run on, and the one for everything else.
const PROXY_CORE: usize = 0;
pub(crate) const OTHER_CORE: usize = 1;

/// Flags of `codeflow-bench gateway`.
#[derive(Args)]
pub(crate) struct Options {
    /// The server to measure
    #[arg(long, default_value = "target/dist/codeflow-server")]
    server: PathBuf,
    /// The database that it writes usage to: `postgres://…` or the path of an SQLite file
    #[arg(long)]
    database: Option<String>,
    /// How often each is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many requests a round has, in hundredths of the usual number
    #[arg(long, default_value_t = 100)]
    percent: usize,
    /// Milliseconds between two pieces of a stream; without any, several arrive in one moment
    #[arg(long, default_value_t = 0)]
    pause: u64,
}

/// One kind of load.
struct Scenario {
    name: &'static str,
    connections: usize,
    requests: usize,
    prompt: usize,
    stream: bool,
}

const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "small, 32 connections", connections: 32, requests: 40_000, prompt: 60, stream: false },
    Scenario { name: "small, 1 connection", connections: 1, requests: 5_000, prompt: 60, stream: false },
    Scenario {
        name: "stream of 20, 16 connections",
        connections: 16,
        requests: 6_000,
        prompt: 60,
        stream: true,
    },
    Scenario {
        name: "106 KB, 8 connections",
        connections: 8,
        requests: 6_000,
        prompt: 106_000,
        stream: false,
    },
];

/// What one measured run showed.
#[derive(Clone, Copy)]
struct Shown {
    cpu_us: f64,
    first_us: f64,
    total_us: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let me = std::env::current_exe()?;
    let pause = options.pause.to_string();
    let mut upstream = Process::start(OTHER_CORE, Command::new(&me).args(["upstream", "--pause", &pause]))?;
    let upstream_at: SocketAddr = upstream.first_line()?.parse()?;
    let nginx_at = free()?;
    let nginx = nginx::start(PROXY_CORE, folder.path(), nginx_at, upstream_at)?;
    let server_at = free()?;
    let database = options.database.clone();
    let database = database.unwrap_or_else(|| folder.path().join("usage.db").display().to_string());
    let server = start_server(&options.server, folder.path(), server_at, upstream_at, &database)?;
    for at in [nginx_at, server_at] {
        reachable(at)?;
    }
    let bench = Bench { me, options, proxies: [(nginx_at, &nginx), (server_at, &server)], upstream_at };
    bench.run()?;
    report_memory(&nginx, &server)
}

struct Bench<'a> {
    me: PathBuf,
    options: &'a Options,
    proxies: [(SocketAddr, &'a Process); 2],
    upstream_at: SocketAddr,
}

impl Bench<'_> {
    #[expect(clippy::print_stdout, reason = "the table is the result")]
    fn run(&self) -> Result<()> {
        println!(
            "{:<30} {:>10} {:>10} {:>7} {:>12} {:>12} {:>12}",
            "", "nginx", "codeflow", "ratio", "first +µs", "total +µs", "direct µs"
        );
        for scenario in &SCENARIOS {
            let mut rounds: [Vec<Shown>; 2] = [Vec::new(), Vec::new()];
            let mut direct = Vec::new();
            for (at, process) in self.proxies {
                self.load(scenario, at, 10, Some(process))?;
            }
            for _ in 0..self.options.rounds {
                for (place, (at, process)) in self.proxies.iter().enumerate() {
                    rounds[place].push(self.load(scenario, *at, 100, Some(process))?);
                }
                direct.push(self.load(scenario, self.upstream_at, 25, None)?.total_us);
            }
            let [theirs, ours] = &rounds;
            let middle = |of: &[Shown], what: fn(&Shown) -> f64| median(of.iter().map(what).collect());
            let (their_cpu, our_cpu) = (middle(theirs, |it| it.cpu_us), middle(ours, |it| it.cpu_us));
            println!(
                "{:<30} {:>8.1}µs {:>8.1}µs {:>7.2} {:>12.1} {:>12.1} {:>12.1}",
                scenario.name,
                their_cpu,
                our_cpu,
                our_cpu / their_cpu,
                middle(ours, |it| it.first_us) - middle(theirs, |it| it.first_us),
                middle(ours, |it| it.total_us) - middle(theirs, |it| it.total_us),
                median(direct),
            );
        }
        Ok(())
    }

    fn load(
        &self,
        scenario: &Scenario,
        at: SocketAddr,
        share: usize,
        process: Option<&Process>,
    ) -> Result<Shown> {
        let requests =
            (scenario.requests * self.options.percent / 100 * share / 100).max(scenario.connections);
        let before = process.map(Process::cpu).transpose()?;
        let mut command = Command::new("taskset");
        command.args(["-c", &OTHER_CORE.to_string()]).arg(&self.me).args(["load", "--to", &at.to_string()]);
        command.args(["--connections", &scenario.connections.to_string()]);
        command.args(["--requests", &requests.to_string(), "--prompt", &scenario.prompt.to_string()]);
        if scenario.stream {
            command.arg("--stream");
        }
        let output = command.output()?;
        if !output.status.success() {
            bail!("the load on {at} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        // What is written to the database after the answers belongs to them.
        std::thread::sleep(Duration::from_millis(100));
        let after = process.map(Process::cpu).transpose()?;
        let line: Value = serde_json::from_slice(&output.stdout)?;
        let sent = line["requests"].as_f64().context("no number of requests")?;
        let cpu =
            after.zip(before).map_or(0.0, |(after, before)| (after - before).as_secs_f64() * 1e6 / sent);
        let time = |name: &str| line[name]["p50"].as_f64().unwrap_or_default();
        Ok(Shown { cpu_us: cpu, first_us: time("first_us"), total_us: time("total_us") })
    }
}

pub(crate) fn start_server(
    server: &std::path::Path,
    folder: &std::path::Path,
    listen: SocketAddr,
    upstream: SocketAddr,
    database: &str,
) -> Result<Process> {
    let config = folder.join("codeflow.toml");
    std::fs::write(&config, settings(payloads::KEY))?;
    let mut command = Command::new(server);
    command.arg("--config").arg(&config).args(["--listen", &listen.to_string()]);
    command.args(["--database-url", database]);
    command.env("OPENAI_BASE_URL", format!("http://{upstream}")).env("OPENAI_API_KEY", "sk-bench");
    Process::start(PROXY_CORE, &mut command)
        .context("build it: cargo build --profile dist --bin codeflow-server")
}

/// Everything switched on: a key, its limits and those of requests, a budget, usage rows. No limit is ever used up.
fn settings(key: &str) -> String {
    format!(
        "[server]\nthreads = 1\n\n[providers.openai]\nmax_connections = 10000\n\n[keys.bench]\nsecret = \"{key}\"\ntenant = \"bench\"\n\
         requests_per_minute = 100000000\ntokens_per_minute = 1000000000\n\n\
         [limits.requests.address]\nper_minute = 1000000000\n\n[limits.requests.service]\nper_minute = 1000000000\n\n\
         [[budgets]]\nname = \"bench\"\nscope = \"key\"\nperiod = \"month\"\nlimit = \"1000000\"\n"
    )
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn report_memory(nginx: &Process, server: &Process) -> Result<()> {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "peak memory: nginx {:.1} MB, codeflow {:.1} MB",
        megabytes(nginx.peak_memory()?),
        megabytes(server.peak_memory()?)
    );
    Ok(())
}

pub(crate) fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub(crate) fn reachable(at: SocketAddr) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(at).is_err() {
        if Instant::now() > until {
            bail!("nobody answers at {at}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}
