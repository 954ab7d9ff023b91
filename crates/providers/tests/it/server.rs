//! A local server that gives prepared answers and remembers what it was asked.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) struct Server {
    address: SocketAddr,
    serving: JoinSet<Vec<String>>,
}

impl Server {
    /// Answers one request with each of the documents.
    pub(crate) async fn start(documents: Vec<String>) -> Self {
        let replies = documents.into_iter().map(|document| ("application/json", document.into_bytes()));
        Self::serve(replies.collect()).await
    }

    /// Answers one request with each of the bodies and their types, on a connection of its own.
    pub(crate) async fn serve(replies: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("can listen");
        let address = listener.local_addr().expect("has an address");
        let serve = async move {
            let mut asked = Vec::new();
            for (kind, body) in replies {
                let (mut stream, _) = listener.accept().await.expect("somebody comes");
                asked.push(request(&mut stream).await);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let reply = [head.as_bytes(), &body].concat();
                stream.write_all(&reply).await.expect("somebody listens");
            }
            asked
        };
        let mut serving = JoinSet::new();
        serving.spawn(serve);
        Self { address, serving }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked, once every answer has been given.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        self.serving.join_next().await.expect("serves").expect("does not fail")
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().expect("is a number"));
            if body.len() >= length {
                return String::from_utf8(bytes).expect("is UTF-8");
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.expect("can be read");
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&piece[..read]);
    }
}
