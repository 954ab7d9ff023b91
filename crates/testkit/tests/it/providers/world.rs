//! A client that hides nothing: one connection, one request, the bytes as they come.

use bytes::Bytes;
use codeflow_testkit::providers::{Format, ProviderServer, Shape};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What came back, as far as it came.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) pieces: Vec<Bytes>,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

impl Got {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends one request over a connection of its own and reads until nothing more comes.
pub(crate) async fn post(server: &ProviderServer, path: &str, body: &Value) -> Result<Got, hyper::Error> {
    let stream = TcpStream::connect(server.host()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::post(path).header("host", server.host());
    let request = request.header("x-test", "yes").body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let (head, mut body) = sender.send_request(request).await?.into_parts();
    let mut pieces = Vec::new();
    let is_whole = loop {
        match body.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => pieces.extend(frame.into_data()),
        }
    };
    Ok(Got { status: head.status.as_u16(), headers: head.headers, pieces, is_whole })
}

/// Where a format is asked, and with which body.
pub(crate) fn question(format: Format, shape: Shape, prompt: &str) -> (&'static str, Value) {
    let streams = shape == Shape::Stream;
    let messages = json!([{ "role": "user", "content": prompt }]);
    let plain = json!({
        "model": "m", "messages": messages, "stream": streams, "stream_options": { "include_usage": true },
    });
    match (format, shape) {
        (Format::OpenAi, _) => ("/v1/chat/completions", plain),
        (Format::Anthropic, _) => ("/v1/messages", plain),
        (Format::Ollama, _) => ("/api/chat", plain),
        (Format::Cohere, _) => ("/v2/chat", plain),
        (Format::Gemini, _) => {
            let path = match shape {
                Shape::Whole => "/v1beta/models/m:generateContent",
                Shape::Stream => "/v1beta/models/m:streamGenerateContent?alt=sse",
            };
            (path, json!({ "contents": [{ "role": "user", "parts": [{ "text": prompt }] }] }))
        }
        (Format::Bedrock, _) => {
            let path = match shape {
                Shape::Whole => "/model/m/converse",
                Shape::Stream => "/model/m/converse-stream",
            };
            (path, json!({ "messages": [{ "role": "user", "content": [{ "text": prompt }] }] }))
        }
    }
}

pub(crate) async fn ask(
    server: &ProviderServer,
    format: Format,
    shape: Shape,
    prompt: &str,
) -> Result<Got, hyper::Error> {
    let (path, body) = question(format, shape, prompt);
    post(server, path, &body).await
}
