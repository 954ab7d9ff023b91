//! A worker of a fleet. It reads its flags, runs what is due, and ends in good order.

mod signals;
mod telling;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use codeflow::config::{Environment, Flags, Settings};
use codeflow::{AtWork, FleetWorker, Options};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::signals::Signals;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs what is due in a PostgreSQL that any number of workers share
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Settings that have no flag are in the file and in the environment; \
config/default.toml lists them, docs/guides/worker.md explains them.\n\n\
Exit codes: 0 stopped in good order, 1 not everything ended in time, 2 wrong use, 3 it could not run, \
4 a second signal ended it at once."
)]
struct Arguments {
    /// The settings file; without it `codeflow.toml` in the working folder, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// `postgres://…`
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where to tell health and metrics, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

fn main() -> ExitCode {
    if let Some(code) = codeflow::enter_sandbox() {
        return code;
    }
    ExitCode::from(run(Arguments::parse()).unwrap_or_else(|error| telling::tell(&error)))
}

fn run(arguments: Arguments) -> anyhow::Result<u8> {
    let environment = Environment::process();
    let flags = Flags { database_url: arguments.database_url.map(Into::into), ..Flags::default() };
    let mut settings = Settings::load(arguments.config.as_deref(), &environment)?.with(flags);
    settings.worker.listen = arguments.listen.or(settings.worker.listen);
    let filter = EnvFilter::try_new(&settings.log.filter)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).json().init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(work(Options::new(".", settings, environment)));
    // What is still at it has had its time.
    runtime.shutdown_background();
    code
}

async fn work(options: Options) -> anyhow::Result<u8> {
    let mut signals = Signals::heed()?;
    let worker = tokio::select! {
        worker = begin(options) => worker?,
        () = signals.next() => return Ok(0),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let working = worker.run(async { drop(stopped.await) });
    tokio::pin!(working);
    tokio::select! {
        ended = &mut working => return Ok(u8::from(!ended?)),
        () = signals.next() => drop(stop),
    }
    tokio::select! {
        ended = working => Ok(u8::from(!ended?)),
        () = signals.next() => Ok(4),
    }
}

#[expect(clippy::print_stdout, reason = "who starts it waits for these lines")]
async fn begin(options: Options) -> anyhow::Result<AtWork> {
    let worker = FleetWorker::open(options).await?;
    let health = worker.health_address()?;
    let worker = worker.start().await?;
    println!("worker {} on lanes {}", worker.session(), worker.lanes().join(","));
    if let Some(address) = health {
        println!("health on http://{address}");
    }
    Ok(worker)
}
