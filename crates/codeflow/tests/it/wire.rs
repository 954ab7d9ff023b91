//! A client that sees every byte: what the server says is kept as it came, so that a stream that breaks cannot be taken
//! for one that ends.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The key of every test server, unless it has others.
pub(crate) const KEY: &str = "cf_test_0123456789abcdef";

/// How long the server may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Which SDK the client acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    OpenAi,
    Anthropic,
}

impl Sdk {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    fn credentials(self, key: &str) -> String {
        match self {
            Self::OpenAi => format!("authorization: Bearer {key}\r\n"),
            Self::Anthropic => format!("x-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n"),
        }
    }
}

/// A request that both SDKs could send.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) sdk: Sdk,
    pub(crate) key: &'static str,
    pub(crate) body: Value,
    /// Further headers, each with its line end.
    pub(crate) headers: String,
}

impl Ask {
    /// A question to a model.
    pub(crate) fn new(sdk: Sdk, model: &str) -> Self {
        let body =
            json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello." }] });
        Self { sdk, key: KEY, body, headers: String::new() }
    }

    pub(crate) fn streamed(mut self) -> Self {
        self.body["stream"] = true.into();
        self
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    pub(crate) fn by(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers.push_str(line);
        self.headers.push_str("\r\n");
        self
    }

    /// The request as bytes; the connection is for this one only.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let body = self.body.to_string();
        let (path, credentials) = (self.sdk.path(), self.sdk.credentials(self.key));
        format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n{credentials}{}content-type: \
             application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.headers,
            body.len()
        )
        .into_bytes()
    }

    /// Sends it and waits for all of the answer.
    pub(crate) async fn to(&self, address: SocketAddr) -> Told {
        let mut line = Line::connect(address).await;
        line.send(&self.bytes()).await;
        line.finish().await
    }
}

/// Reads a path of the server.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Told {
    let mut line = Line::connect(address).await;
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nx-api-key: {KEY}\r\n\r\n");
    line.send(head.as_bytes()).await;
    line.finish().await
}

/// One connection, and what was read from it.
pub(crate) struct Line {
    stream: TcpStream,
    pub(crate) read: Vec<u8>,
}

impl Line {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the server reads");
    }

    /// Sends what the server may not want to read any more.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads once more. Whether there may be more to come.
    async fn more(&mut self) -> bool {
        let reading = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read));
        matches!(reading.await.expect("the server goes on in time"), Ok(1..))
    }

    /// Whether anything has come that was not read yet.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.stream.try_read_buf(&mut self.read).is_ok()
    }

    /// Reads until this was read.
    pub(crate) async fn until(&mut self, text: &str) {
        while !contains(&self.read, text) {
            let more = self.more().await;
            assert!(more, "`{text}` never came: {}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads until this was read so often.
    pub(crate) async fn until_times(&mut self, text: &str, times: usize) {
        while String::from_utf8_lossy(&self.read).matches(text).count() < times {
            let more = self.more().await;
            assert!(more, "`{text}` came too seldom: {}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads until the server closes.
    pub(crate) async fn closed(&mut self) {
        while self.more().await {}
    }

    /// Reads until the server closes, and makes sense of it.
    pub(crate) async fn finish(mut self) -> Told {
        self.closed().await;
        Told::read(&self.read)
    }
}

/// What the server said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as HTTP says it must.
    pub(crate) whole: bool,
}

impl Told {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let Some(end) = find(bytes, b"\r\n\r\n") else { return Self::default() };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
        let mut told = Self { status, head, ..Self::default() };
        let rest = &bytes[end + 4..];
        (told.body, told.whole) = match told.header("content-length").parse::<usize>() {
            Ok(length) => (rest.to_vec(), rest.len() == length),
            Err(_) => unchunked(rest),
        };
        told
    }

    /// A header's text; empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What the model said, whole or piece by piece, in either format.
    pub(crate) fn words(&self) -> String {
        let whole = self.json();
        let parts = [&whole["choices"][0]["message"]["content"], &whole["content"][0]["text"]];
        if let Some(text) = parts.into_iter().find_map(Value::as_str) {
            return text.to_owned();
        }
        let pieces = self.events().into_iter().filter_map(|event| {
            let parts = [&event["choices"][0]["delta"]["content"], &event["delta"]["text"]];
            parts.into_iter().find_map(|it| it.as_str().map(str::to_owned))
        });
        pieces.collect()
    }

    /// The data of each event of a stream, as JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        // All three line ends of event streams are fine.
        let text = self.text().replace("\r\n", "\n").replace('\r', "\n");
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    /// Whether a stream says that its reply is complete.
    pub(crate) fn ends_well(&self) -> bool {
        self.whole && ["data: [DONE]", "event: message_stop"].iter().any(|end| contains(&self.body, end))
    }

    /// The code or type of the error in the stream.
    pub(crate) fn error_event(&self) -> Option<String> {
        let error = self.events().into_iter().find_map(|event| event.get("error").cloned())?;
        let code = error.get("code").and_then(Value::as_str).or_else(|| error["type"].as_str());
        Some(code.unwrap_or_default().to_owned())
    }
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = find(rest, b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]).into_owned();
        let Ok(size) = usize::from_str_radix(&size, 16) else { break };
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
    (body, false)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    find(bytes, text.as_bytes()).is_some()
}
