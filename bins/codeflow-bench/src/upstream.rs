//! The upstream: it reads a request to its end and answers at once with fixed bytes, written as a provider writes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::http::Messages;
use crate::payloads;

/// Flags of `codeflow-bench upstream`.
#[derive(Args)]
pub(crate) struct Options {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The pieces of a stream
    #[arg(long, default_value_t = 20)]
    pieces: usize,
    /// Milliseconds between two pieces of a stream
    #[arg(long, default_value_t = 0)]
    pause: u64,
}

/// What is answered.
struct Answers {
    whole: Vec<u8>,
    head: Vec<u8>,
    chunks: Vec<Vec<u8>>,
    pause: Duration,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let body = payloads::reply();
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let frames = payloads::frames(options.pieces);
    let chunks =
        frames.iter().map(|frame| format!("{:x}\r\n{frame}\r\n", frame.len()).into_bytes()).collect();
    let answers = Arc::new(Answers {
        whole: whole.into_bytes(),
        head: head.as_bytes().to_vec(),
        chunks,
        pause: Duration::from_millis(options.pause),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(options.listen, answers))
}

#[expect(clippy::print_stdout, reason = "the address is what the caller waits for")]
#[expect(clippy::disallowed_methods, reason = "a benchmark's upstream is ended by being killed")]
async fn accept(listen: SocketAddr, answers: Arc<Answers>) -> Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move { serve(stream, &answers).await.ok() });
    }
}

async fn serve(stream: TcpStream, answers: &Answers) -> Result<()> {
    let mut messages = Messages::new(stream);
    while let Some(head) = messages.head().await? {
        let body = messages.body_bytes(&head).await?;
        let is_stream = body.windows(13).any(|window| window == b"\"stream\":true,")
            || body.ends_with(b"\"stream\":true}");
        let stream = messages.stream();
        if !is_stream {
            stream.write_all(&answers.whole).await?;
            continue;
        }
        stream.write_all(&answers.head).await?;
        for chunk in &answers.chunks {
            stream.write_all(chunk).await?;
            if answers.pause.is_zero() {
                // Each piece is a packet of its own, as from a model that writes.
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(answers.pause).await;
            }
        }
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}
