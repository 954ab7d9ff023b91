//! The load: connections that each send one request after the other, and what they saw.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http::Messages;
use crate::payloads;

/// Flags of `codeflow-bench load`.
#[derive(Args, Clone, Copy)]
pub(crate) struct Options {
    /// Where to send to
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// Connections at the same time
    #[arg(long, default_value_t = 1)]
    pub(crate) connections: usize,
    /// Requests in all
    #[arg(long, default_value_t = 1000)]
    pub(crate) requests: usize,
    /// The bytes of the prompt
    #[arg(long, default_value_t = 60)]
    pub(crate) prompt: usize,
    /// Ask for streams
    #[arg(long)]
    pub(crate) stream: bool,
}

/// What one connection saw: for each request, the time to the first byte of the body and to its end.
#[derive(Default)]
struct Seen {
    first: Vec<Duration>,
    total: Vec<Duration>,
}

/// Sends, and says how many answers came.
pub(crate) fn measure(options: Options) -> Result<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(all(options))?.total.len())
}

#[expect(clippy::print_stdout, reason = "the line is the result")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    let seen = runtime.block_on(all(*options))?;
    let seconds = began.elapsed().as_secs_f64();
    let requests = seen.total.len();
    let line = json!({
        "requests": requests,
        "seconds": seconds,
        "per_second": requests as f64 / seconds,
        "first_us": quantiles(seen.first),
        "total_us": quantiles(seen.total),
    });
    println!("{line}");
    Ok(())
}

fn quantiles(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    json!({ "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1.0) })
}

#[expect(clippy::disallowed_methods, reason = "every task is waited for below")]
async fn all(options: Options) -> Result<Seen> {
    let each = options.requests / options.connections;
    let tasks: Vec<_> = (0..options.connections).map(|_| tokio::spawn(one(options, each))).collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task.await??;
        all.first.extend(seen.first);
        all.total.extend(seen.total);
    }
    Ok(all)
}

async fn one(options: Options, requests: usize) -> Result<Seen> {
    let body = payloads::request(options.prompt, options.stream);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        payloads::KEY,
        body.len()
    );
    let stream = TcpStream::connect(options.to).await?;
    stream.set_nodelay(true)?;
    let mut messages = Messages::new(stream);
    let mut seen = Seen::default();
    for _ in 0..requests {
        let began = Instant::now();
        messages.stream().write_all(request.as_bytes()).await?;
        let Some(head) = messages.head().await? else { bail!("the connection ended before an answer") };
        if !head.starts_with("HTTP/1.1 200") {
            bail!("answered with {}", head.lines().next().unwrap_or_default());
        }
        let mut first = None;
        messages.body(&head, &mut || first = Some(began.elapsed())).await?;
        seen.total.push(began.elapsed());
        seen.first.extend(first);
    }
    Ok(seen)
}
