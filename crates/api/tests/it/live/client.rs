//! A client that says exactly what it is told to say.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Live;

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answered {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("it has a status");
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// Our code for what went wrong, if anything did.
    pub(crate) fn code_or_none(&self) -> &str {
        self.header("x-codeflow-error").unwrap_or_default()
    }

    /// Our code for what went wrong.
    pub(crate) fn code(&self) -> &str {
        self.header("x-codeflow-error").expect("a failure has a code")
    }
}

/// One connection.
pub(crate) struct Line(pub(crate) TcpStream);

impl Line {
    pub(crate) async fn open(live: &Live) -> Self {
        Self(TcpStream::connect(live.address).await.expect("the server listens"))
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("the server reads");
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        // A reset is an end, too.
        self.0.read_to_end(&mut text).await.ok();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What comes until it holds this.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        let mut bytes = [0; 4096];
        while !text.contains(end) {
            let count = self.0.read(&mut bytes).await.expect("the server answers");
            assert!(count > 0, "closed after {text:?}");
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        text
    }
}

impl Live {
    /// Asks over a connection of its own. The lines of `head` follow the first one.
    pub(crate) async fn ask(&self, first: &str, head: &[&str], body: &str) -> Answered {
        let mut line = Line::open(self).await;
        let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
        let length =
            if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let text = format!("{first} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}{length}\r\n{body}");
        line.say(&text).await;
        Answered::of(&line.rest().await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.ask(&format!("GET {path}"), &["authorization: Bearer k1"], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answered {
        let head = ["authorization: Bearer k1", "content-type: application/json"];
        self.ask(&format!("POST {path}"), &head, body).await
    }
}
