//! Limits on the paths of models: asked before anything is looked at, told on every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_api::{About, ClientAddress, ManageParts};
use codeflow_auth::{Authenticate, Error, ErrorKind, Principal};
use codeflow_ratelimit::{ClassRates, EndpointClass, LocalGate, Rate, RuleBook, Rules};
use codeflow_testkit::ManualClock;
use serde_json::json;

use crate::live::{Answered, Line, Live, Play, Setting};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const POSTED: [&str; 4] = [CHAT, MESSAGES, "/v1/embeddings", "/v1/messages/count_tokens"];

/// Knows nobody, and counts who asked.
#[derive(Default)]
struct Stranger(AtomicU32);

#[async_trait]
impl Authenticate for Stranger {
    async fn authenticate(&self, _credential: &str) -> Result<Arc<Principal>, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(ErrorKind::UnknownKey, "the key is not known here"))
    }
}

struct World {
    live: Live,
    clock: Arc<ManualClock>,
    stranger: Arc<Stranger>,
}

impl World {
    async fn new(rules: Rules) -> Self {
        Self::behind(rules, ClientAddress::peer()).await
    }

    async fn behind(rules: Rules, address: ClientAddress) -> Self {
        let (clock, stranger) = (Arc::new(ManualClock::default()), Arc::new(Stranger::default()));
        let book = Arc::new(RuleBook::new(rules).expect("they make sense"));
        let gate = Arc::new(LocalGate::new(book, clock.clone()));
        let authenticate = stranger.clone();
        let manage = ManageParts { gate, authenticate, address, ..ManageParts::closed(About::default()) };
        Self { live: Live::with(Setting { manage, ..Setting::default() }).await, clock, stranger }
    }

    async fn models(&self, head: &str) -> Answered {
        self.live.ask("GET /v1/models", &[head], "").await
    }
}

fn all(per_minute: u32) -> ClassRates {
    ClassRates { all: Some(Rate::per_minute(per_minute)), ..ClassRates::default() }
}

fn chat() -> String {
    json!({ "model": "fast", "messages": [{ "role": "user", "content": "Hello" }] }).to_string()
}

fn statuses(answers: &[Answered]) -> Vec<u16> {
    answers.iter().map(|answered| answered.status).collect()
}

#[tokio::test]
async fn a_flood_of_keys_that_are_none_is_refused_before_any_is_looked_up() {
    let world = World::new(Rules { address: all(5), ..Rules::default() }).await;
    let head = "content-type: application/json";
    let mut answers = Vec::new();

    for turn in 0..40 {
        let key = format!("authorization: Bearer cf_live_{turn}");
        answers.push(world.live.ask(&format!("POST {}", POSTED[turn % 4]), &[&key, head], "{}").await);
    }
    let good = world.models("authorization: Bearer k1").await;
    let none = world.live.ask("GET /v1/models/fast", &[], "").await;
    let unreadable = world.models("authorization: nonsense").await;
    world.clock.advance(Duration::from_secs(12));
    let later = world.models("authorization: Bearer cf_live_41").await;

    assert_eq!(statuses(&answers[..5]), [401; 5]);
    assert_eq!(statuses(&answers[5..]), [429; 35]);
    assert_eq!(statuses(&[good, none, unreadable, later]), [429, 429, 429, 401]);
    assert_eq!(world.stranger.0.load(Ordering::SeqCst), 6, "each that came in was looked up once");
    let [openai, anthropic] = [&answers[8], &answers[9]];
    for answered in [openai, anthropic] {
        assert_eq!((answered.code(), answered.header("retry-after")), ("api.limited", Some("12")));
    }
    let error = openai.json()["error"].clone();
    assert_eq!((&error["type"], &error["code"]), (&json!("rate_limit_error"), &json!("rate_limit_exceeded")));
    assert_eq!(error["message"], "the limit of 5 requests in 60 s is used up; try again in 12 s");
    let error = anthropic.json();
    assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("rate_limit_error")));
}

#[tokio::test]
async fn each_key_of_the_settings_has_the_limit_of_its_tier_for_itself() {
    let rules = Rules { tiers: [("authenticated".to_owned(), all(3))].into(), ..Rules::default() };
    let world = World::new(rules).await;
    world.live.provider.plays([Play::Text("Hi"), Play::Text("Hi")]);
    let ask = async |first: &str, key: &str, body: &str| {
        let key = format!("x-api-key: {key}");
        world.live.ask(first, &[&key, "content-type: application/json"], body).await
    };

    let answers = [
        ask("POST /v1/chat/completions", "k1", &chat()).await,
        ask("GET /v1/models", "k1", "").await,
        ask("GET /metrics", "k1", "").await,
        ask("POST /v1/chat/completions", "k1", &chat()).await,
        ask("GET /v1/models", "k2", "").await,
    ];
    world.clock.advance(Duration::from_secs(20));
    let later = ask("POST /v1/chat/completions", "k1", &chat()).await;

    assert_eq!(statuses(&answers), [200, 200, 200, 429, 200]);
    assert_eq!(answers[3].header("retry-after"), Some("20"));
    assert_eq!(answers[3].header("ratelimit-policy"), Some("\"requests\";q=3;w=60"));
    assert_eq!(later.status, 200);
    assert_eq!(world.live.provider.asked().len(), 2, "who is refused asks no provider");
}

#[tokio::test]
async fn calls_to_models_are_a_class_of_their_own() {
    let rates = ClassRates { classes: [(EndpointClass::Model, Rate::per_minute(1))].into(), ..all(60) };
    let rules = Rules { tiers: [("authenticated".to_owned(), rates)].into(), ..Rules::default() };
    let world = World::new(rules).await;

    let first = world.live.get("/v1/models").await;
    let second = world.live.get("/v1/models").await;
    let metrics = world.live.get("/metrics").await;

    assert_eq!(statuses(&[first, metrics]), [200, 200]);
    assert_eq!(second.status, 429);
    assert_eq!(second.header("ratelimit-policy"), Some("\"model-requests\";q=1;w=60"));
}

#[tokio::test]
async fn what_a_key_may_not_do_uses_nothing_up() {
    let rules = Rules { tiers: [("authenticated".to_owned(), all(1))].into(), ..Rules::default() };
    let world = World::new(rules).await;

    let forbidden = world.live.get("/api/v1/audit").await;
    let nobody = world.models("x-api-key: k3").await;
    let allowed = world.live.get("/v1/models").await;

    assert_eq!(statuses(&[forbidden, nobody, allowed]), [403, 401, 200]);
}

/// What a limit of so many in a minute has owing, in parts of a request of which a microsecond pays `quota`.
struct Model {
    quota: u64,
    debt: u64,
}

impl Model {
    const WEIGHT: u64 = 60_000_000;

    fn new(quota: u32) -> Self {
        Self { quota: quota.into(), debt: 0 }
    }

    fn pass(&mut self, time: Duration) {
        self.debt = self.debt.saturating_sub(self.quota * time.as_micros() as u64);
    }

    /// After how many whole seconds it may be done; at once if that is none.
    fn wait(&self) -> Option<u64> {
        let over = (self.debt + Self::WEIGHT).checked_sub(self.quota * Self::WEIGHT)?;
        (over > 0).then(|| over.div_ceil(self.quota).div_ceil(1_000_000))
    }

    fn left(&self) -> u64 {
        (self.quota * Self::WEIGHT).saturating_sub(self.debt) / Self::WEIGHT
    }

    fn headers(&self) -> [Option<String>; 5] {
        let (quota, left) = (self.quota, self.left());
        let reset = self.debt.div_ceil(self.quota).div_ceil(1_000_000);
        [
            format!("\"requests\";q={quota};w=60"),
            format!("\"requests\";r={left};t={reset}"),
            quota.to_string(),
            left.to_string(),
            reset.to_string(),
        ]
        .map(Some)
    }
}

#[tokio::test]
async fn headers_and_refusals_over_time_are_those_of_a_model() {
    let (of_address, of_key) = (40, 25);
    let tiers = [("authenticated".to_owned(), all(of_key))];
    let rules = Rules { address: all(of_address), tiers: tiers.into(), ..Rules::default() };
    let world = World::new(rules).await;
    let (mut address, mut key) = (Model::new(of_address), Model::new(of_key));
    let names =
        ["ratelimit-policy", "ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    let mut seed = 7_u64;
    let mut seen = [0_u32; 3];

    for turn in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = if seed >> 58 == 0 { 70_000 } else { seed >> 33 & 0x3ff };
        world.clock.advance(Duration::from_millis(pause));
        address.pass(Duration::from_millis(pause));
        key.pass(Duration::from_millis(pause));
        let is_known = seed >> 40 & 3 != 0;
        let head = if is_known { "x-api-key: k1" } else { "x-api-key: k3" };

        let answered = world.models(head).await;

        let of_address = address.wait();
        if of_address.is_none() {
            address.debt += Model::WEIGHT;
        }
        let of_key = is_known.then(|| key.wait()).flatten();
        if of_address.is_none() && is_known && of_key.is_none() {
            key.debt += Model::WEIGHT;
        }
        let (status, wait, told) = match (of_address, is_known, of_key) {
            (Some(wait), _, _) => (429, Some(wait), &address),
            (None, false, _) => (401, None, &address),
            (None, true, Some(wait)) => (429, Some(wait), &key),
            (None, true, None) if key.left() * address.quota <= address.left() * key.quota => {
                (200, None, &key)
            }
            (None, true, None) => (200, None, &address),
        };
        assert_eq!(answered.status, status, "{turn}");
        assert_eq!(answered.header("retry-after"), wait.map(|wait| wait.to_string()).as_deref(), "{turn}");
        let headers = names.map(|name| answered.header(name).map(str::to_owned));
        assert_eq!(headers, told.headers(), "{turn}");
        seen[match status {
            200 => 0,
            401 => 1,
            _ => 2,
        }] += 1;
    }

    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[tokio::test]
async fn every_path_is_limited_but_those_of_health() {
    for (first, expected) in [
        ("GET /v1/models", 401),
        ("GET /v1/models/fast", 401),
        ("DELETE /v1/models", 405),
        ("GET /metrics", 401),
        ("GET /openapi.json", 200),
        ("GET /nothing", 404),
        ("GET /v1/chat/completions", 405),
        ("POST /openapi.json", 405),
        ("GET /api/openapi.json", 200),
        ("GET /api/nothing", 404),
        ("POST /v1/chat/completions", 401),
        ("POST /v1/messages", 401),
        ("POST /v1/embeddings", 401),
        ("POST /v1/messages/count_tokens", 401),
    ] {
        let world = World::new(Rules { address: all(1), ..Rules::default() }).await;
        let ask = async || world.live.ask(first, &[], "").await;
        assert_eq!(statuses(&[ask().await, ask().await]), [expected, 429], "{first}");
    }
    let world = World::new(Rules { address: all(1), ..Rules::default() }).await;
    for path in ["/health/live", "/health/ready", "/api/health", "/health/live"] {
        let answered = world.live.ask(&format!("GET {path}"), &[], "").await;
        assert_eq!((answered.status, answered.header("ratelimit")), (200, None), "{path}");
    }
}

#[tokio::test]
async fn who_asks_for_what_anybody_may_have_is_counted_by_address() {
    let rules = Rules { tiers: [(Rules::ANONYMOUS.to_owned(), all(2))].into(), ..Rules::default() };
    let world = World::new(rules).await;

    let mut answers = Vec::new();
    for path in ["/openapi.json", "/nothing", "/openapi.json"] {
        answers.push(world.live.ask(&format!("GET {path}"), &["x-api-key: k1"], "").await);
    }
    let known = world.live.get("/v1/models").await;

    assert_eq!(statuses(&answers), [200, 404, 429]);
    assert_eq!(known.status, 200, "a key is counted for itself");
}

#[tokio::test]
async fn a_refusal_reaches_whoever_sends_a_body_and_the_connection_goes_on() {
    let world = World::new(Rules { address: all(1), ..Rules::default() }).await;
    assert_eq!(world.live.get("/v1/models").await.status, 200);
    let mut line = Line::open(&world.live).await;
    let body = "x".repeat(50_000);
    let kind = "authorization: Bearer k1\r\ncontent-type: application/json";

    for _ in 0..2 {
        let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{kind}\r\ncontent-length: 50000\r\n\r\n");
        line.say(&format!("{head}{body}")).await;
        let answered = line.until("api.limited").await;
        assert!(answered.starts_with("HTTP/1.1 429"), "{answered}");
        if !answered.contains("rate_limit_exceeded") {
            line.until("rate_limit_exceeded").await;
        }
    }
}

#[tokio::test]
async fn clients_behind_a_proxy_are_counted_each_for_itself() {
    let proxies = vec!["127.0.0.1".parse().expect("it is a range")];
    let rules = Rules { address: all(1), ..Rules::default() };
    let world = World::behind(rules, ClientAddress::behind(proxies)).await;
    let ask = async |forwarded: &str| {
        let head = ["x-api-key: k1", forwarded];
        world.live.ask("GET /v1/models", &head, "").await.status
    };

    assert_eq!(ask("x-forwarded-for: 203.0.113.1").await, 200);
    assert_eq!(ask("x-forwarded-for: 203.0.113.1").await, 429);
    assert_eq!(ask("x-forwarded-for: 203.0.113.2").await, 200);
    assert_eq!(
        ask("x-forwarded-for: 203.0.113.9, 203.0.113.2").await,
        429,
        "what a client wrote is not heeded"
    );
    assert_eq!(ask("x-forwarded-for: \u{e4}, 203.0.113.2").await, 429, "nor what is no text");
    assert_eq!(ask("x-forwarded-for: 203.0.113.7\r\nx-forwarded-for: 203.0.113.2").await, 429);
    assert_eq!(ask("x-forwarded-for: 2001:db8::1").await, 200);
    assert_eq!(ask("x-forwarded-for: 2001:db8::2").await, 429, "a network of IPv6 is one");
}

#[tokio::test]
async fn whoever_may_go_beyond_limits_does_and_the_limit_is_told() {
    let rules = Rules { tiers: [("authenticated".to_owned(), all(1))].into(), ..Rules::default() };
    let world = World::new(rules).await;

    let answers = [world.models("x-api-key: k9").await, world.models("x-api-key: k9").await];

    assert_eq!(statuses(&answers), [200, 200]);
    assert!(
        answers[1].header("ratelimit").expect("it is told").contains(";r=0"),
        "{:?}",
        answers[1].header("ratelimit")
    );
}
