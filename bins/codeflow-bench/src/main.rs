//! Measures what the model gateway adds to a call, beside nginx as a plain reverse proxy to the same upstream, and
//! what durable work costs the engine, beside `pgbench` on the same server.

mod child;
mod engine;
mod gateway;
mod http;
mod load;
mod nginx;
mod payloads;
mod soak;
mod upstream;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Work allocates and frees the same few sizes all the time; this is the allocator that the server has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to do.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answers every request at once with a fixed reply, as an OpenAI-compatible provider would
    Upstream(upstream::Options),
    /// Sends requests and prints what came back, as one line of JSON
    Load(load::Options),
    /// Measures codeflow-server and nginx in turn and prints a table
    Gateway(gateway::Options),
    /// Measures memory over many requests and open streams, and how soon an upstream hears of a client that went
    Soak(soak::Options),
    #[command(flatten)]
    Engine(engine::Workload),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Upstream(options) => upstream::run(&options),
        Command::Load(options) => load::run(&options),
        Command::Gateway(options) => gateway::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Engine(workload) => engine::run(workload),
    }
}
