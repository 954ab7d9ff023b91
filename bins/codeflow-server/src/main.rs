//! The model gateway as a server. It reads its flags, runs, and ends in good order.

mod room;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use codeflow::Server;
use codeflow::config::{Environment, Flags, Settings};
use codeflow::core::{Class, Coded};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Calls allocate and free the same few sizes all the time, which this allocator does in half the time of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The model gateway: OpenAI's and Anthropic's SDKs work against it unchanged
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Settings that have no flag are in the file and in the environment; \
config/default.toml lists them, docs/guides/server.md explains them.\n\n\
Exit codes: 0 stopped in good order, 1 not everything ended in time, 2 wrong use, 3 it could not run."
)]
struct Arguments {
    /// The settings file; without it `codeflow.toml` in the working folder, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, such as 127.0.0.1:8080
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// `postgres://…`, or the path of an SQLite file
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

fn main() -> ExitCode {
    if let Some(code) = codeflow::enter_sandbox() {
        return code;
    }
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&error);
            ExitCode::from(if is_wrong_use(&error) { 2 } else { 3 })
        }
    }
}

/// Some settings are found to be wrong only when they are used.
fn is_wrong_use(error: &anyhow::Error) -> bool {
    let opened = error.downcast_ref::<codeflow::Error>();
    error.is::<codeflow::config::Error>() || opened.is_some_and(|error| error.class() == Class::Invalid)
}

#[expect(clippy::print_stderr, reason = "there may be no log yet")]
fn tell(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}

fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let environment = Environment::process();
    let flags = Flags { listen: arguments.listen, database_url: arguments.database_url.map(Into::into) };
    let settings = Settings::load(arguments.config.as_deref(), &environment)?.with(flags);
    let filter = EnvFilter::try_new(&settings.log.filter).context("`log.filter` cannot be used")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).json().init();
    room::make_for(settings.server.max_connections);
    // Only the accounts run here; the threads that answer have runtimes of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(serve(settings, environment))
}

#[expect(clippy::print_stdout, reason = "who starts it waits for this line to know the port")]
async fn serve(settings: Settings, environment: Environment) -> anyhow::Result<bool> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut server = Server::open(settings, environment).await?;
    println!("listening on http://{}", server.address()?);
    if let Some(text) = server.welcome()? {
        // Whoever waited for the first line may have closed the pipe by now.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
    let run = server.run(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    Ok(run.await?)
}
