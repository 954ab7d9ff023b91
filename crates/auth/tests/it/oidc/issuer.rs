//! An OpenID provider on this machine: discovery, the page that says yes, tokens, keys, and who somebody is. It checks
//! what a provider has to check, and lies as it is told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::signer::{self, Sign, encode};
use super::world::{CLIENT_ID, CLIENT_SECRET};

type Change = fn(&mut Value);

/// How the issuer differs from an honest one.
#[derive(Clone)]
pub(super) struct Lies {
    pub(super) sign: Sign,
    pub(super) header: Change,
    pub(super) claims: Change,
    pub(super) tokens: Change,
    pub(super) discovery: Change,
    pub(super) keys: Change,
    pub(super) user_info: Change,
    /// What is answered at a path instead of what belongs there.
    pub(super) instead: Option<(&'static str, Instead)>,
}

/// What is answered in place of something.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instead {
    Status(u16),
    Html,
    Huge,
    ToMetadata,
    ToItself,
    Hang,
}

impl Default for Lies {
    fn default() -> Self {
        let same: Change = |_| {};
        Self {
            sign: Sign::Rs256,
            header: same,
            claims: same,
            tokens: same,
            discovery: same,
            keys: same,
            user_info: same,
            instead: None,
        }
    }
}

pub(super) struct Issuer {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

struct State {
    url: String,
    /// The second that it is.
    now: i64,
    lies: Mutex<Lies>,
    /// What was asked for with each code that was not used yet.
    codes: Mutex<HashMap<String, HashMap<String, String>>>,
    seen: Mutex<Vec<String>>,
}

impl Issuer {
    pub(super) async fn start(now: i64, lies: Lies) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            url: format!("http://{address}"),
            now,
            lies: Mutex::new(lies),
            codes: Mutex::default(),
            seen: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _accepting: accepting }
    }

    pub(super) fn url(&self) -> String {
        self.state.url.clone()
    }

    pub(super) fn lie(&self, lies: Lies) {
        *self.state.lies.lock().unwrap() = lies;
    }

    /// How often a path was asked for.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.state.seen.lock().unwrap().iter().filter(|seen| *seen == path).count()
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
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.path().to_owned();
    state.seen.lock().unwrap().push(path.clone());
    let lies = state.lies.lock().unwrap().clone();
    if let Some((_, instead)) = lies.instead.filter(|(at, _)| *at == path) {
        return Ok(instead.answer(&path).await);
    }
    let form =
        pairs(if head.method == Method::POST { &body } else { head.uri.query().unwrap_or("").as_bytes() });
    let header =
        |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    Ok(match path.as_str() {
        "/.well-known/openid-configuration" => json_with(state.discovery(), lies.discovery),
        "/authorize" => state.authorize(form),
        "/token" | "/plain/token" => state.token(&form, &header("authorization"), &lies, path == "/token"),
        "/keys" => json_with(signer::jwks(), lies.keys),
        "/user" if header("authorization") == "Bearer access" => json_with(
            json!({"sub": "subject", "name": "Ada", "email": "ada@example.com", "email_verified": true}),
            lies.user_info,
        ),
        "/plain/user" if header("authorization") == "Bearer access" => json_with(
            json!({"id": 4711, "login": "ada", "name": null, "email": "public@example.org"}),
            lies.user_info,
        ),
        "/plain/emails" if header("authorization") == "Bearer access" => json_with(
            json!([
                {"email": "old@example.org", "primary": false, "verified": true},
                {"email": "ada@example.com", "primary": true, "verified": true, "visibility": null},
            ]),
            lies.keys,
        ),
        _ => answer(404, "nothing is here".to_owned()),
    })
}

impl State {
    fn discovery(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "userinfo_endpoint": format!("{url}/user"),
            "jwks_uri": format!("{url}/keys"),
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA", "HS256", "none"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Somebody says yes.
    fn authorize(&self, asked: HashMap<String, String>) -> Response<Full<Bytes>> {
        let fits = asked["client_id"] == CLIENT_ID
            && asked["response_type"] == "code"
            && asked["code_challenge_method"] == "S256";
        if !fits {
            return answer(400, "this cannot be asked for".to_owned());
        }
        let mut to = Url::parse(&asked["redirect_uri"]).unwrap();
        let code = format!("code-{}", self.codes.lock().unwrap().len());
        to.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"])
            .append_pair("iss", &self.url);
        self.codes.lock().unwrap().insert(code, asked);
        let mut response = answer(302, String::new());
        response.headers_mut().insert("location", to.as_str().parse().unwrap());
        response
    }

    fn token(
        &self,
        form: &HashMap<String, String>,
        header: &str,
        lies: &Lies,
        open_id: bool,
    ) -> Response<Full<Bytes>> {
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        let Some(asked) = self.codes.lock().unwrap().remove(&get("code")) else {
            return json_answer(400, &json!({"error": "invalid_grant"}));
        };
        let pair = format!("{CLIENT_ID}:{}", CLIENT_SECRET.replace(' ', "+"));
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        let proven = if open_id {
            header == format!("Basic {basic}") && !form.contains_key("client_secret")
        } else {
            get("client_id") == CLIENT_ID && get("client_secret") == CLIENT_SECRET
        };
        let challenge = encode(digest(&SHA256, get("code_verifier").as_bytes()));
        if !proven || asked["code_challenge"] != challenge || asked["redirect_uri"] != get("redirect_uri") {
            return json_answer(401, &json!({"error": "invalid_client"}));
        }
        let mut reply = json!({"access_token": "access", "token_type": "Bearer", "expires_in": 3600});
        if open_id {
            reply["id_token"] = self.id_token(asked.get("nonce"), lies).into();
        }
        json_with(reply, lies.tokens)
    }

    fn id_token(&self, nonce: Option<&String>, lies: &Lies) -> String {
        let mut claims = json!({
            "iss": self.url, "aud": CLIENT_ID, "sub": "subject", "nonce": nonce,
            "iat": self.now, "exp": self.now + 300, "name": "Ada",
            "email": "ada@example.com", "email_verified": true,
        });
        let mut header = lies.sign.header();
        (lies.claims)(&mut claims);
        (lies.header)(&mut header);
        lies.sign.token(&header, &claims)
    }
}

impl Instead {
    async fn answer(self, path: &str) -> Response<Full<Bytes>> {
        match self {
            Self::Status(status) => answer(status, "{}".to_owned()),
            Self::Html => answer(200, "<!doctype html><title>Sign in</title>".to_owned()),
            Self::Huge => answer(200, format!("{{\"x\":\"{}\"}}", "x".repeat(600 * 1024))),
            Self::ToMetadata => redirect("http://169.254.169.254/latest/meta-data/"),
            Self::ToItself => redirect(path),
            Self::Hang => std::future::pending().await,
        }
    }
}

fn redirect(to: &str) -> Response<Full<Bytes>> {
    let mut response = answer(307, String::new());
    response.headers_mut().insert("location", to.parse().unwrap());
    response
}

fn pairs(text: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn json_with(mut value: Value, change: Change) -> Response<Full<Bytes>> {
    change(&mut value);
    json_answer(200, &value)
}

fn json_answer(status: u16, value: &Value) -> Response<Full<Bytes>> {
    answer(status, value.to_string())
}

fn answer(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
