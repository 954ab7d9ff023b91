//! A client of HTTP/2 that sends whatever it is told to send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::live::Live;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) const REFUSED_STREAM: u32 = 7;

/// One frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// A frame as bytes.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("it is small").to_be_bytes();
    let mut bytes = vec![len[1], len[2], len[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A field that the other side need not remember.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        let len = u8::try_from(text.len()).ok().filter(|len| *len < 127).expect("it is short");
        bytes.push(len);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// The fields of a request: `GET` is the second of the fields that everybody knows, `POST` the third.
pub(super) fn fields(method: u8, path: &str) -> Vec<u8> {
    let mut bytes = vec![0x80 | method, 0x86];
    for (name, value) in [(":path", path), (":authority", "x"), ("x-api-key", "k1")] {
        bytes.extend(field(name, value));
    }
    bytes.extend(field("content-type", "application/json"));
    bytes
}

/// A request for an answer of a model whose body does not come.
pub(super) fn unfinished(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &fields(3, "/v1/chat/completions"))
}

/// One connection.
pub(super) struct Frames(pub(super) TcpStream);

impl Frames {
    pub(super) async fn open(live: &Live) -> Self {
        let mut stream = TcpStream::connect(live.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("it is open");
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("the server reads");
        let mut line = Self(stream);
        line.send(SETTINGS, 0, 0, &[]).await;
        line
    }

    pub(super) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        // A server that closes is seen by whoever reads.
        let _ = self.0.write_all(&frame(kind, flags, stream, payload)).await;
    }

    pub(super) async fn get(&mut self, stream: u32, path: &str) {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &fields(2, path)).await;
    }

    /// The next frame; nothing when the server closed, in whatever way.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }
}
