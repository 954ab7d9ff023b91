//! A service on this machine that speaks OAuth 2: the page that says yes, tokens that are refreshed once each, and who
//! somebody is. It checks what such a service has to check.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::{Url, form_urlencoded};

use crate::wire::Line;

const CLIENT: &str = "codeflow-here";
const SECRET: &str = "a secret of the client";

/// The service.
pub(crate) struct Forge {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _accepting: JoinSet<()>,
}

struct State {
    /// What was asked for with each code that was not used yet.
    codes: HashMap<String, HashMap<String, String>>,
    /// How often tokens were given out; only the last ones hold.
    given: u64,
    /// For how many seconds the next ones hold.
    life: u64,
    refreshed: u64,
    /// Whether everything was taken back.
    closed: bool,
    /// Who says yes.
    user: u64,
}

impl Forge {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let state =
            State { codes: HashMap::new(), given: 0, life: 3_600, refreshed: 0, closed: false, user: 4_711 };
        let state = Arc::new(Mutex::new(state));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _accepting: accepting }
    }

    /// The section of the settings for sign-ins.
    pub(crate) fn sign_in(&self) -> String {
        let at = self.address;
        format!(
            "[auth.sign_in]\ncallback = \"https://flow.test/api/v1/auth/callback\"\n\
             [auth.sign_in.providers.forge]\nkind = \"oauth2\"\nissuer = \"http://{at}\"\n\
             authorize = \"http://{at}/authorize\"\ntoken = \"http://{at}/token\"\nuser = \"http://{at}/user\"\n\
             client_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n\
             new_users = {{ tenant = \"acme\", roles = [\"viewer\"] }}\n"
        )
    }

    /// The section of the settings for connections.
    pub(crate) fn connections(&self) -> String {
        let at = self.address;
        format!(
            "[auth.connections]\ncallback = \"https://flow.test/api/v1/connections/callback\"\n\
             [auth.connections.services.forge]\nauthorize = \"http://{at}/authorize?audience=here\"\n\
             token = \"http://{at}/token\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n\
             secret_in = \"header\"\nscopes = [\"repo\"]\n"
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked")
    }

    /// The next tokens hold for so long.
    pub(crate) fn lives(&self, seconds: u64) {
        self.state().life = seconds;
    }

    /// Takes all tokens back.
    pub(crate) fn close(&self) {
        self.state().closed = true;
    }

    /// Somebody else sits before the browser.
    pub(crate) fn becomes(&self, user: u64) {
        self.state().user = user;
    }

    pub(crate) fn refreshed(&self) -> u64 {
        self.state().refreshed
    }

    /// The browser goes where it is sent, somebody says yes, and it is sent back: the path and the query of that.
    pub(crate) async fn say_yes(&self, url: &str) -> String {
        let url = Url::parse(url).expect("it is an address");
        let mut line = Line::connect(self.address).await;
        let path = &url[url::Position::BeforePath..];
        line.send(format!("GET {path} HTTP/1.1\r\nhost: forge\r\nconnection: close\r\n\r\n").as_bytes())
            .await;
        line.closed().await;
        let answer = String::from_utf8_lossy(&line.read).into_owned();
        let to = answer.lines().find_map(|line| line.strip_prefix("location: "));
        let to = Url::parse(to.expect("it sends the browser back")).expect("it is an address");
        assert_eq!(to.host_str(), Some("flow.test"));
        to[url::Position::BeforePath..].to_owned()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("it listens");
        connections.spawn(serve(stream, Arc::clone(&state)));
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request| respond(request, Arc::clone(&state)));
    // A client that leaves is no matter here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let credential =
        head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut state = state.lock().expect("nobody panicked");
    Ok(match head.uri.path() {
        "/authorize" => state.authorize(pairs(head.uri.query().unwrap_or_default().as_bytes())),
        "/token" => state.token(&pairs(&body), credential),
        "/user" if credential == format!("Bearer access-{}", state.given) => {
            told(200, &json!({ "id": state.user, "login": "grace", "name": "Grace" }))
        }
        _ => told(404, &json!({})),
    })
}

impl State {
    fn authorize(&mut self, asked: HashMap<String, String>) -> Response<Full<Bytes>> {
        let fits = asked["client_id"] == CLIENT
            && asked["response_type"] == "code"
            && asked["code_challenge_method"] == "S256";
        if !fits {
            return told(400, &json!({}));
        }
        let mut to = Url::parse(&asked["redirect_uri"]).expect("it is an address");
        let code = format!("code-{}", self.codes.len() + 1);
        to.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
        self.codes.insert(code, asked);
        let mut response = told(302, &json!({}));
        response.headers_mut().insert("location", to.as_str().parse().expect("it can stand in a header"));
        response
    }

    fn token(&mut self, form: &HashMap<String, String>, credential: &str) -> Response<Full<Bytes>> {
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", SECRET.replace(' ', "+"))));
        let proven =
            credential == basic || (get("client_id"), get("client_secret")) == (CLIENT.into(), SECRET.into());
        if !proven {
            return told(401, &json!({ "error": "invalid_client" }));
        }
        let granted = match get("grant_type").as_str() {
            "authorization_code" => self.codes.remove(&get("code")).is_some_and(|asked| {
                let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier")));
                asked["code_challenge"] == challenge && asked["redirect_uri"] == get("redirect_uri")
            }),
            "refresh_token" => {
                self.refreshed += 1;
                // One that is used twice takes all others with it.
                self.closed |= get("refresh_token") != format!("refresh-{}", self.given);
                !self.closed
            }
            _ => false,
        };
        if !granted {
            return told(400, &json!({ "error": "invalid_grant" }));
        }
        self.given += 1;
        let (access, refresh) = (format!("access-{}", self.given), format!("refresh-{}", self.given));
        told(
            200,
            &json!({
                "access_token": access, "refresh_token": refresh, "token_type": "Bearer",
                "expires_in": self.life, "scope": "repo read:org",
            }),
        )
    }
}

fn pairs(text: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn told(status: u16, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status.try_into().expect("it is a status");
    response
}
