//! A service that gives out each refresh token once, and takes everything back when one is used twice.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What one refresh was asked with.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) authorization: String,
    pub(super) form: HashMap<String, String>,
}

pub(super) struct Service {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

struct State {
    /// How many refresh tokens were given out; negative when all were taken back.
    given: Mutex<i64>,
    asked: Mutex<Vec<Asked>>,
    /// What is answered instead.
    script: Mutex<VecDeque<(u16, String)>>,
    held: watch::Sender<bool>,
    count: watch::Sender<usize>,
}

impl Service {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            given: Mutex::new(1),
            asked: Mutex::default(),
            script: Mutex::default(),
            held: watch::Sender::new(false),
            count: watch::Sender::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _accepting: accepting }
    }

    pub(super) fn next(&self, status: u16, body: impl Into<String>) {
        self.state.script.lock().unwrap().push_back((status, body.into()));
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Answers nobody until it is let go.
    pub(super) fn hold(&self, hold: bool) {
        self.state.held.send_replace(hold);
    }

    /// Waits until so many have asked.
    pub(super) async fn until_asked(&self, count: usize) {
        self.state.count.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| respond(request, Arc::clone(&state)));
    // A client that leaves is no matter here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let form: HashMap<_, _> = url::form_urlencoded::parse(&body).into_owned().collect();
    let authorization =
        head.headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
    state.asked.lock().unwrap().push(Asked { authorization, form: form.clone() });
    let answer = state.answer(&form);
    state.count.send_modify(|count| *count += 1);
    state.held.subscribe().wait_for(|held| !held).await.unwrap();
    let mut response = Response::new(Full::new(Bytes::from(answer.1)));
    *response.status_mut() = answer.0.try_into().unwrap();
    Ok(response)
}

impl State {
    fn answer(&self, form: &HashMap<String, String>) -> (u16, String) {
        if let Some(answer) = self.script.lock().unwrap().pop_front() {
            return answer;
        }
        let mut given = self.given.lock().unwrap();
        if form["refresh_token"] != format!("refresh-{given}") {
            *given = -1;
            return (400, json!({"error": "invalid_grant"}).to_string());
        }
        *given += 1;
        (200, tokens(*given).to_string())
    }
}

pub(super) fn tokens(number: i64) -> Value {
    json!({
        "access_token": format!("access-{number}"), "refresh_token": format!("refresh-{number}"),
        "token_type": "bearer", "expires_in": 3600, "scope": "repo,read:org",
    })
}
