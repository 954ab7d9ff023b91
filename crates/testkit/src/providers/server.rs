//! The server itself: it listens, reads requests, and answers as it was told.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::asked::Asked;
use super::body::{Broken, ScriptBody};
use super::counters::{Call, Ledger};
use super::format::{self, Route};
use super::line::{Fate, Line};
use super::plan::Plan;
use super::script::Script;
use super::{Behaviour, Counters, Format, Recorded, Reply, Shape, answer, seen};

/// How long [`ProviderServer::wait_until`] waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a server is run.
#[derive(Clone, Copy, Debug)]
pub struct ServerSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// How many requests it keeps.
    pub kept: usize,
    /// Answers with so many words that were written beforehand, without reading what is asked: for benchmarks. Nothing
    /// else can be told to such a server.
    pub instant: Option<usize>,
}

impl Default for ServerSettings {
    /// A free port of this machine; a thousand requests are kept.
    fn default() -> Self {
        Self { address: (Ipv4Addr::LOCALHOST, 0).into(), kept: 1000, instant: None }
    }
}

/// A provider on this machine. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct ProviderServer {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    ledger: Arc<Ledger>,
    script: Script,
    /// What is sent without looking, for each format and shape.
    instant: HashMap<(Format, Shape), Plan>,
}

impl ProviderServer {
    /// Starts one on a free port.
    ///
    /// # Errors
    ///
    /// No port can be listened to.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(ServerSettings::default()).await
    }

    /// Starts one.
    ///
    /// # Errors
    ///
    /// The address cannot be listened to.
    pub async fn start_with(settings: ServerSettings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            ledger: Arc::default(),
            script: Script::new(settings.kept),
            instant: settings.instant.map(prepared).unwrap_or_default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, _accepting: accepting })
    }

    /// Its address as `host:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Queues what is done with the next request of any format.
    pub fn next(&self, behaviour: impl Into<Behaviour>) {
        self.state.script.next(behaviour.into());
    }

    /// Queues what is done with the next request of one format, before what is queued for any.
    pub fn next_in(&self, format: Format, behaviour: impl Into<Behaviour>) {
        self.state.script.next_in(format, behaviour.into());
    }

    /// Says what is done whenever nothing is queued. Prompts are not looked at any more.
    pub fn always(&self, behaviour: impl Into<Behaviour>) {
        self.state.script.always(Some(behaviour.into()));
    }

    /// The requests that came, the oldest first; of many, the last ones.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.script.requests()
    }

    /// What was counted until now.
    pub fn counters(&self) -> Counters {
        self.state.ledger.read()
    }

    /// Waits until the counters are as wanted, and returns them.
    ///
    /// # Panics
    ///
    /// They are not within five seconds.
    pub async fn wait_until(&self, condition: impl FnMut(&Counters) -> bool) -> Counters {
        match self.wait_within(PATIENCE, condition).await {
            Ok(counters) => counters,
            Err(counters) => panic!("the server did not come to what was awaited: {counters:#?}"),
        }
    }

    /// Waits until the counters are as wanted, and returns them.
    ///
    /// # Errors
    ///
    /// What was counted when time was up.
    pub async fn wait_within(
        &self,
        time: Duration,
        condition: impl FnMut(&Counters) -> bool,
    ) -> Result<Counters, Counters> {
        self.state.ledger.wait(time, condition).await
    }
}

fn prepared(words: usize) -> HashMap<(Format, Shape), Plan> {
    let behaviour = Behaviour::from(Reply::words(words));
    let shapes = [Shape::Whole, Shape::Stream];
    let keys = Format::ALL.into_iter().flat_map(|format| shapes.map(|shape| (format, shape)));
    keys.map(|(format, shape)| ((format, shape), answer::plan(&Asked::plain(format, shape), &behaviour)))
        .collect()
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of files for a moment: those who wait are taken when others leave.
                let Ok((stream, _)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let fate = Arc::new(Fate::default());
    let line = Line::new(stream, Arc::clone(&fate), Arc::clone(&state.ledger));
    let service = service_fn(move |request| respond(request, Arc::clone(&state), Arc::clone(&fate)));
    // How a connection ends is what the counters are for.
    let _ = http1::Builder::new().header_read_timeout(None).serve_connection(line, service).await;
}

async fn respond(
    request: Request<Incoming>,
    state: Arc<State>,
    fate: Arc<Fate>,
) -> Result<Response<ScriptBody>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let mut call = state.ledger.begin(head.uri.clone());
    let plan = match format::route(head.uri.path(), &head.headers) {
        None if head.uri.path() == seen::PATH => state.seen(),
        None => answer::unknown(404, "there is nothing here"),
        Some(route) if !state.instant.is_empty() => state.at_once(&route, &body),
        Some(route) => {
            let decided = state.decide(&route, &body);
            state.script.record(recorded(&head.method, &head.uri, head.headers, body));
            decided
        }
    };
    match plan {
        Plan::Hang => {
            call.stall();
            std::future::pending::<()>().await;
            Err(Broken)
        }
        Plan::Leave(leaving) => {
            fate.leave(leaving);
            call.break_off();
            Err(Broken)
        }
        Plan::Answer(answer) => Ok(begin(&answer, call, fate)),
    }
}

fn begin(answer: &super::plan::Answer, mut call: Call, fate: Arc<Fate>) -> Response<ScriptBody> {
    call.answer();
    fate.write_head(answer.head);
    let mut response = Response::new(ScriptBody::new(answer, call, fate));
    *response.status_mut() = answer.status.try_into().expect("the statuses here are all legal");
    *response.headers_mut() = answer.headers.clone();
    response
}

fn recorded(method: &http::Method, uri: &http::Uri, headers: HeaderMap, body: Bytes) -> Recorded {
    let query = uri.query().unwrap_or_default().to_owned();
    Recorded { method: method.clone(), path: uri.path().to_owned(), query, headers, body }
}

impl State {
    fn decide(&self, route: &Route, body: &Bytes) -> Plan {
        let value = serde_json::from_slice(body).unwrap_or_default();
        let asked = Asked::read(route, &value);
        match self.script.decide(&asked) {
            Ok(behaviour) => answer::plan(&asked, &behaviour),
            Err(word) => answer::unknown(400, &format!("nobody knows what `!{word}` means")),
        }
    }

    fn seen(&self) -> Plan {
        seen::plan(&self.ledger.read(), self.script.requests().last())
    }

    /// What was written beforehand. Only whether a stream is wanted is looked for.
    fn at_once(&self, route: &Route, body: &Bytes) -> Plan {
        let wants = |text: &[u8]| memchr::memmem::find(body, text).is_some();
        let streams = wants(br#""stream":true"#) || wants(br#""stream": true"#);
        let shape = route.shape.unwrap_or(if streams { Shape::Stream } else { Shape::Whole });
        match self.instant.get(&(route.format, shape)) {
            Some(plan) => plan.clone(),
            None => answer::unknown(404, "there is nothing here"),
        }
    }
}
