//! What only shows over time: memory over many requests and over many open streams, and how soon a provider hears that a
//! client has gone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::child::Process;
use crate::gateway::{self, OTHER_CORE, free, reachable};
use crate::{load, payloads};

/// How often the memory is looked at while requests run.
const LOOKS: usize = 10;

/// Flags of `codeflow-bench soak`.
#[derive(Args)]
pub(crate) struct Options {
    /// The server to measure
    #[arg(long, default_value = "target/dist/codeflow-server")]
    server: PathBuf,
    /// The database that it writes usage to: `postgres://…` or the path of an SQLite file
    #[arg(long)]
    database: Option<String>,
    /// Requests in all
    #[arg(long, default_value_t = 1_000_000)]
    requests: usize,
    /// Streams that are open at the same time
    #[arg(long, default_value_t = 5_000)]
    streams: usize,
    /// Clients that go away in the middle of a stream
    #[arg(long, default_value_t = 200)]
    cancels: usize,
}

#[expect(clippy::print_stdout, reason = "the lines are the result")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let me = std::env::current_exe()?;
    let mut instant = Process::start(OTHER_CORE, Command::new(&me).arg("upstream"))?;
    let instant_at: SocketAddr = instant.first_line()?.parse()?;
    let database = options.database.clone();
    let database = database.unwrap_or_else(|| folder.path().join("usage.db").display().to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;

    let at = free()?;
    let server = gateway::start_server(&options.server, folder.path(), at, instant_at, &database)?;
    reachable(at)?;
    let each = (options.requests / LOOKS).max(1);
    for look in 1..=LOOKS {
        let wanted = load::Options { to: at, connections: 32, requests: each, prompt: 60, stream: false };
        load::measure(wanted)?;
        println!("after {:>9} requests: {:>6.1} MB", look * each, megabytes(server.memory()?));
    }
    drop(server);

    let (heard, hearing) = mpsc::unbounded_channel();
    let slow_at = runtime.block_on(slow_upstream(heard))?;
    let at = free()?;
    let server = gateway::start_server(&options.server, folder.path(), at, slow_at, &database)?;
    reachable(at)?;
    runtime.block_on(streams(at, options.streams, &server))?;
    runtime.block_on(cancels(at, options.cancels, hearing))
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// An upstream that sends a piece every 200 ms, for ever, and tells when its client has gone.
#[expect(clippy::disallowed_methods, reason = "a benchmark's upstream ends with its process")]
async fn slow_upstream(heard: mpsc::UnboundedSender<Instant>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let frames = Arc::new(payloads::frames(1));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (heard, frames) = (heard.clone(), Arc::clone(&frames));
            tokio::spawn(async move {
                drip(stream, &frames).await.ok();
                heard.send(Instant::now()).ok();
            });
        }
    });
    Ok(at)
}

async fn drip(mut stream: TcpStream, frames: &[String]) -> Result<()> {
    let mut buffer = vec![0; 16 << 10];
    let read = stream.read(&mut buffer).await?;
    if read == 0 {
        bail!("nothing was asked");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let chunk = |frame: &String| format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes();
    stream.write_all(&chunk(&frames[0])).await?;
    loop {
        stream.write_all(&chunk(&frames[1])).await?;
        // Whoever reads sees the end at once; a pause alone would notice it only with the next piece.
        if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_millis(200), stream.read(&mut buffer)).await {
            return Ok(());
        }
    }
}

/// Opens a stream and waits for its first words.
async fn open(at: SocketAddr) -> Result<TcpStream> {
    let body = payloads::request(60, true);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        payloads::KEY,
        body.len()
    );
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut seen = Vec::new();
    while !seen.windows(4).any(|window| window == b"word") {
        if stream.read_buf(&mut seen).await? == 0 {
            bail!("a stream ended: {}", String::from_utf8_lossy(&seen));
        }
    }
    Ok(stream)
}

#[expect(clippy::print_stdout, reason = "the lines are the result")]
#[expect(clippy::disallowed_methods, reason = "every task is waited for")]
async fn streams(at: SocketAddr, count: usize, server: &Process) -> Result<()> {
    let before = server.memory()?;
    let opened = Arc::new(AtomicUsize::new(0));
    let mut open_streams = Vec::with_capacity(count);
    for _ in 0..count.div_ceil(50) {
        let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(open(at))).collect();
        for task in tasks {
            open_streams.push(task.await??);
            opened.fetch_add(1, Ordering::Relaxed);
        }
    }
    sleep(Duration::from_secs(2)).await;
    let during = server.memory()?;
    println!(
        "{} open streams: {:.1} MB, {:.1} kB each",
        open_streams.len(),
        megabytes(during),
        (during.saturating_sub(before)) as f64 / 1e3 / open_streams.len().max(1) as f64
    );
    drop(open_streams);
    sleep(Duration::from_secs(2)).await;
    println!("after they are closed: {:.1} MB", megabytes(server.memory()?));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the lines are the result")]
async fn cancels(at: SocketAddr, count: usize, mut hearing: mpsc::UnboundedReceiver<Instant>) -> Result<()> {
    while hearing.try_recv().is_ok() {}
    let mut waits = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = open(at).await?;
        let gone = Instant::now();
        drop(stream);
        let heard = timeout(Duration::from_secs(5), hearing.recv()).await;
        let heard = heard.context("the upstream never heard that its client went")?.context("no upstream")?;
        waits.push(heard.saturating_duration_since(gone));
    }
    waits.sort_unstable();
    let at =
        |share: f64| waits[((waits.len() as f64 * share) as usize).min(waits.len() - 1)].as_secs_f64() * 1e3;
    println!("a client goes, the upstream hears it: p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99));
    Ok(())
}
