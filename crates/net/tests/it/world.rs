//! A local server that answers as it is told and counts, a resolver that answers as it is told, and clients.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_net::{Client, Guard, Limits, NetPolicy, Request, Resolver};
use http::Method;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What a server does with one request.
pub(crate) enum Reply {
    /// Answers and waits for the next request.
    Send(String),
    /// Answers and closes.
    SendAndClose(Vec<u8>),
    /// Sends this much and no more, until the other side closes.
    Hang(String),
    /// Sends this, and then a byte every few milliseconds, until the other side closes.
    Drip(String),
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn has(&self, header: &str) -> bool {
        self.head.to_lowercase().contains(&format!("\r\n{header}:"))
    }
}

type Handler = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A server on loopback; dropping it ends it.
pub(crate) struct Server {
    pub(crate) port: u16,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

struct State {
    handler: Handler,
    seen: Mutex<Vec<Seen>>,
    opened: watch::Sender<usize>,
    closed: watch::Sender<usize>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1", None, handler).await
    }

    pub(crate) async fn listen(
        address: &str,
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            handler: Arc::new(handler),
            seen: Mutex::default(),
            opened: watch::Sender::new(0),
            closed: watch::Sender::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, tls, state.clone()));
        Self { port, state, _accepting: accepting }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    pub(crate) fn opened(&self) -> usize {
        *self.state.opened.borrow()
    }

    pub(crate) async fn until_closed(&self, connections: usize) {
        let mut closed = self.state.closed.subscribe();
        let wait = closed.wait_for(|count| *count >= connections);
        tokio::time::timeout(Duration::from_secs(5), wait).await.expect("closes within 5 s").unwrap();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        state.opened.send_modify(|count| *count += 1);
        let (tls, state) = (tls.clone(), state.clone());
        connections.spawn(async move {
            match tls {
                None => drop(serve(stream, &state).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(serve(stream, &state).await);
                    }
                }
            }
            state.closed.send_modify(|count| *count += 1);
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> io::Result<()> {
    while let Some(request) = read(&mut stream).await? {
        state.seen.lock().unwrap().push(request.clone());
        match (state.handler)(&request) {
            Reply::Send(text) => stream.write_all(text.as_bytes()).await?,
            Reply::SendAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Hang(text) => {
                stream.write_all(text.as_bytes()).await?;
                stream.read_u8().await?;
            }
            Reply::Drip(text) => {
                stream.write_all(text.as_bytes()).await?;
                let mut tick = tokio::time::interval(Duration::from_millis(5));
                loop {
                    tick.tick().await;
                    stream.write_all(b"x").await?;
                }
            }
        }
    }
    Ok(())
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .to_lowercase()
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.split_once('\r').unwrap().0.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Seen { head, body: String::from_utf8(body).unwrap() }))
}

pub(crate) fn ok(body: &str) -> Reply {
    Reply::Send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

pub(crate) fn redirect(status: u16, location: &str) -> Reply {
    Reply::Send(format!("HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
}

/// Gives each name its answers in turn, the last one for ever, and counts the questions.
#[derive(Clone, Default)]
pub(crate) struct Names {
    answers: Arc<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Names {
    pub(crate) fn new(answers: &[(&str, &[&[&str]])]) -> Self {
        let parse = |turn: &&[&str]| turn.iter().map(|text| text.parse().unwrap()).collect();
        let answers =
            answers.iter().map(|(name, turns)| ((*name).to_owned(), turns.iter().map(parse).collect()));
        Self { answers: Arc::new(answers.collect()), asked: Arc::default() }
    }

    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let turn = {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry(name.to_owned()).or_default();
            *count += 1;
            *count - 1
        };
        let turns = self.answers.get(name).ok_or_else(|| io::Error::other("no such name"))?;
        Ok(turns.get(turn).or(turns.last()).cloned().unwrap_or_default())
    }
}

pub(crate) fn policy(allowed: &[&str]) -> NetPolicy {
    NetPolicy {
        allowed_hosts: allowed.iter().map(|host| host.parse().unwrap()).collect(),
        ..NetPolicy::default()
    }
}

/// A client for servers on loopback by their address, with bounds that tests may wait for.
pub(crate) fn client() -> Client {
    Client::new(Guard::new(policy(&["127.0.0.1"])), Limits::default()).unwrap()
}

pub(crate) fn client_with(policy: NetPolicy, names: &Names) -> Client {
    Client::new(Guard::with_resolver(policy, Arc::new(names.clone())), Limits::default()).unwrap()
}

pub(crate) fn get(url: impl AsRef<str>) -> Request {
    Request::new(Method::GET, url.as_ref()).unwrap()
}

pub(crate) fn post(url: impl AsRef<str>, body: &'static str) -> Request {
    Request { body: body.into(), ..Request::new(Method::POST, url.as_ref()).unwrap() }
}

/// Everything that an error says, causes included.
pub(crate) fn said(error: &codeflow_net::Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" {cause}"));
        next = cause.source();
    }
    text
}
