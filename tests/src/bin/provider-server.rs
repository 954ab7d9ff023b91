//! A provider of models that has none, for the scripts of vendors' packages and for benchmarks. It says where it listens,
//! in one line, and runs until its input ends or it is killed.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use codeflow_testkit::providers::{ProviderServer, ServerSettings};
use tokio::io::AsyncReadExt;

/// A provider of models that has none. Prompts give it orders, such as `!tools` or `!once !fail-429`; `GET /seen` tells
/// what it was asked.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Answer with so many words that were written beforehand, without reading what is asked.
    #[arg(long, value_name = "WORDS")]
    instant: Option<usize>,
    /// How many threads serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// End when the input ends, so that a script that dies leaves nothing behind.
    #[arg(long)]
    until_input_ends: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(arguments.threads).enable_all().build()?;
    let ended = runtime.block_on(run(arguments));
    // A thread that still reads the input is not waited for.
    runtime.shutdown_background();
    ended
}

#[expect(clippy::print_stdout, reason = "the address is what scripts read")]
async fn run(arguments: Arguments) -> Result<()> {
    // Who cannot say anything else need not remember anything.
    let kept = usize::from(arguments.instant.is_none());
    let settings = ServerSettings { address: arguments.listen, instant: arguments.instant, kept };
    let server = ProviderServer::start_with(settings).await?;
    println!("{}", server.url());
    if !arguments.until_input_ends {
        std::future::pending::<()>().await;
    }
    let mut input = tokio::io::stdin();
    while input.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}
