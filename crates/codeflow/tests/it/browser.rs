//! A browser between a server and another service: it keeps the cookies that the server sets, and sends them back.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::forge::Forge;
use crate::wire::{Line, Told};

/// What a browser was told, and the cookie that came with it.
pub(crate) struct Seen {
    pub(crate) told: Told,
    /// `name=value`, and the rules.
    pub(crate) cookie: String,
}

/// Asks with these further lines of headers.
pub(crate) async fn ask(to: SocketAddr, what: &str, lines: &str, body: Option<Value>) -> Seen {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "{what} HTTP/1.1\r\nhost: flow.test\r\nconnection: close\r\n{lines}{kind}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut line = Line::connect(to).await;
    line.send(head.as_bytes()).await;
    line.closed().await;
    // Names of headers are the same in any case, and values are not.
    let raw = String::from_utf8_lossy(&line.read).into_owned();
    let cookie = raw
        .lines()
        .find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")));
    Seen {
        told: Told::read(&line.read),
        cookie: cookie.map(|(_, value)| value.to_owned()).unwrap_or_default(),
    }
}

/// A way that has begun: where the service sent the browser back, and the cookie that it sends there.
pub(crate) struct Begun {
    pub(crate) back: String,
    pub(crate) cookie: String,
}

impl Begun {
    /// Comes back with what belongs to it.
    pub(crate) async fn finish(&self, to: SocketAddr) -> Seen {
        self.finish_with(to, &self.cookie).await
    }

    pub(crate) async fn finish_with(&self, to: SocketAddr, cookie: &str) -> Seen {
        ask(to, &format!("GET {}", self.back), &format!("cookie: {cookie}\r\n"), None).await
    }
}

/// Begins at this path, and says yes.
pub(crate) async fn begin(to: SocketAddr, forge: &Forge, path: &str, credential: &str) -> Begun {
    let lines =
        if credential.is_empty() { String::new() } else { format!("authorization: Bearer {credential}\r\n") };
    let body = json!({ "redirect_after": "/console?tab=1" });
    let Seen { told, cookie } = ask(to, &format!("POST {path}"), &lines, Some(body)).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let url = told.json()["url"].as_str().unwrap_or_default().to_owned();
    let back = forge.say_yes(&url).await;
    Begun { back, cookie: cookie.split(';').next().unwrap_or_default().to_owned() }
}
