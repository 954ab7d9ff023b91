//! Vendors as data, and providers built from it.

use std::collections::BTreeSet;
use std::sync::Arc;

use codeflow_core::{Clock, Timestamp};
use codeflow_model::{ChatRequest, EmbedRequest, ErrorKind, Message, Part, Role, WireFormat};
use codeflow_net::{Guard, NetPolicy, Pool, PoolSettings};
use codeflow_providers::{
    Compatibility, CompatibilityOverrides, CredentialSource, Credentials, DialectName, Endpoint, KeyHeader,
    LimitField, ProviderSpec, Vendor, provider,
};
use futures_util::TryStreamExt;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{event_stream_frame, fixture, fold};

struct Midnight;

impl Clock for Midnight {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

fn spec(text: &str) -> ProviderSpec {
    serde_json::from_str(text).expect("is a provider")
}

fn build(spec: &ProviderSpec) -> Result<Arc<dyn codeflow_model::ChatModel>, codeflow_model::ApiClientError> {
    let allowed_hosts = vec!["127.0.0.1".parse().expect("is a host")];
    let guard = Guard::new(NetPolicy { allowed_hosts, ..NetPolicy::default() });
    let pool = Pool::new(&guard, PoolSettings::default()).expect("can be set up");
    let credentials: Arc<dyn CredentialSource> = Arc::new(Arc::new(Credentials::Key("k".to_owned().into())));
    let endpoint = Endpoint { base: spec.address()?, credentials, headers: HeaderMap::new() };
    provider(spec, endpoint, &guard, pool, Arc::new(Midnight))
}

#[test]
fn every_vendor_is_named_once_and_can_be_reached() {
    let names: BTreeSet<_> = Vendor::all().iter().map(|vendor| vendor.name.as_str()).collect();
    assert_eq!(names.len(), Vendor::all().len());
    for name in [
        "openai",
        "anthropic",
        "gemini",
        "bedrock",
        "ollama",
        "cohere",
        "xai",
        "mistral",
        "deepseek",
        "azure",
        "openrouter",
        "groq",
        "vllm",
    ] {
        assert!(names.contains(name), "{name}");
    }
    assert!(Vendor::find("nobody").is_none());
    for vendor in Vendor::all() {
        assert!(!vendor.needs_key || !vendor.key_variables.is_empty(), "{}", vendor.name);
        let mut spec = ProviderSpec::of(vendor);
        spec.region = Some("eu-central-1".into());
        if vendor.base_url.is_none() {
            assert_eq!(spec.address().expect_err("has none").kind(), ErrorKind::InvalidRequest);
            spec.base_url = Some("https://example.com".into());
        }
        let url = spec.address().expect("is an address");
        let is_local = url.host_str() == Some("127.0.0.1");
        assert_eq!(url.scheme(), if is_local { "http" } else { "https" }, "{}", vendor.name);
        assert_eq!(is_local, !vendor.needs_key && vendor.name != "compatible", "{}", vendor.name);
        let built = build(&spec).expect("can be built").describe();
        let speaks_ours = match vendor.dialect {
            DialectName::OpenAi => Some(WireFormat::ChatCompletions),
            DialectName::Anthropic => Some(WireFormat::Messages),
            DialectName::Gemini | DialectName::Bedrock | DialectName::Ollama | DialectName::Cohere => None,
        };
        assert_eq!((built.provider.as_str(), built.passes), (vendor.name.as_str(), speaks_ours));
    }
}

/// Where a vendor's own programs put the version decides where ours must.
#[test]
fn every_vendor_is_asked_where_its_own_programs_ask() {
    for (name, whole) in [
        ("openai", "https://api.openai.com/v1/chat/completions"),
        ("groq", "https://api.groq.com/openai/v1/chat/completions"),
        ("cerebras", "https://api.cerebras.ai/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com/chat/completions"),
        ("mistral", "https://api.mistral.ai/v1/chat/completions"),
        ("openrouter", "https://openrouter.ai/api/v1/chat/completions"),
    ] {
        let vendor = Vendor::find(name).expect("is known");
        let path = vendor.overrides.apply(Compatibility::default()).path;
        let base = ProviderSpec::of(vendor).address().expect("is an address");
        assert_eq!([base.as_str().trim_end_matches('/'), &path].concat(), whole);
    }
}

#[test]
fn differences_add_up() {
    let mistral = Vendor::find("mistral").expect("is known").overrides.apply(Compatibility::default());
    assert_eq!((mistral.limit, mistral.seed.as_str()), (LimitField::MaxTokens, "random_seed"));
    assert!(!mistral.asks_for_usage && mistral.omits.contains("user"));
    let azure = Vendor::find("azure").expect("is known").overrides.apply(Compatibility::default());
    assert_eq!((azure.key, azure.path.as_str()), (KeyHeader::ApiKey, "/openai/v1/chat/completions"));
    let deepseek = Vendor::find("deepseek").expect("is known").overrides.apply(Compatibility::default());
    assert!(!deepseek.capabilities.images && deepseek.capabilities.tools);

    let own: CompatibilityOverrides =
        serde_json::from_value(json!({ "has": ["images"], "lacks": ["tools"], "omits": [], "seed": "s" }))
            .expect("are differences");
    let both = own.apply(deepseek);
    assert!(both.capabilities.images && !both.capabilities.tools && both.omits.is_empty());
    assert_eq!((both.seed.as_str(), both.limit), ("s", LimitField::MaxTokens));
    serde_json::from_value::<CompatibilityOverrides>(json!({ "pth": "x" })).expect_err("is a typo");
}

#[test]
fn addresses_are_taken_as_people_write_them() {
    for (vendor, written, meant) in [
        ("ollama", "192.168.1.5", "http://192.168.1.5:11434/"),
        ("ollama", "0.0.0.0:8080", "http://127.0.0.1:8080/"),
        ("ollama", "http://box", "http://box/"),
        ("ollama", "https://box:1/x/", "https://box:1/x/"),
        ("openai", "localhost:8000/v1", "http://localhost:8000/v1"),
    ] {
        let mut spec = ProviderSpec::of(Vendor::find(vendor).expect("is known"));
        spec.base_url = Some(written.into());
        assert_eq!(spec.address().expect("is an address").as_str(), meant);
    }
    for written in ["file:///etc/passwd", "http://", "ftp://x"] {
        let mut spec = ProviderSpec::of(Vendor::find("openai").expect("is known"));
        spec.base_url = Some(written.into());
        assert_eq!(spec.address().expect_err("is none").kind(), ErrorKind::InvalidRequest);
    }
}

#[test]
fn what_a_description_gets_wrong_is_said() {
    for (text, words) in [
        (r#"{"name":"x","vendor":"nobody"}"#, "follows `nobody`"),
        (r#"{"name":"x","vendor":"azure"}"#, "has no base URL"),
        (r#"{"name":"x","vendor":"bedrock"}"#, "has no region"),
        (r#"{"name":"x","vendor":"bedrock","region":"evil.com/"}"#, "has a region that is none"),
        (r#"{"name":"x","vendor":"anthropic","overrides":{"path":"/x"}}"#, "does not speak chat completions"),
    ] {
        let Err(error) = build(&spec(text)) else { panic!("{text} is wrong") };
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(
            error.to_string().starts_with("provider `x`") && error.to_string().contains(words),
            "{error}"
        );
    }
    serde_json::from_str::<ProviderSpec>(r#"{"name":"x","vendor":"openai","url":"y"}"#)
        .expect_err("is a typo");
    let inside = spec(r#"{"name":"x","vendor":"compatible","base_url":"http://169.254.169.254"}"#);
    let Err(error) = build(&inside) else { panic!("nobody may ask there") };
    assert_eq!(error.kind(), ErrorKind::ProviderConnection);
}

#[tokio::test]
async fn a_provider_of_ones_own_is_asked_in_its_vendors_way() {
    let reply = json!({ "choices": [{ "message": { "content": "Hi" }, "finish_reason": "stop" }] });
    let server = Server::start(vec![reply.to_string()]).await;
    let mut own = spec(r#"{"name":"mine","vendor":"deepseek","overrides":{"path":"/talk"}}"#);
    own.base_url = Some(server.base());
    let mut request = ChatRequest::new("m", vec![Message::text(Role::User, "Hello")]);
    (request.max_output_tokens, request.user) = (Some(5), Some("u".into()));

    build(&own).expect("can be built").complete(&request).await.expect("answers");

    let [asked] = &server.finish().await[..] else { panic!("was asked once") };
    assert!(asked.starts_with("POST /talk HTTP/1.1"), "{asked}");
    assert!(asked.to_lowercase().contains("authorization: bearer k"));
    let (_, body) = asked.split_once("\r\n\r\n").expect("has a body");
    let body: Value = serde_json::from_str(body).expect("is JSON");
    assert_eq!((&body["max_tokens"], body.get("user")), (&json!(5), None));
}

/// The frames of each format arrive through the same sender.
#[tokio::test]
async fn every_framing_is_read_from_a_real_connection() {
    let events = fixture("bedrock", "text.events");
    let events = String::from_utf8(events).expect("is UTF-8");
    let binary: Vec<_> = events
        .lines()
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(kind, data)| event_stream_frame(kind, data.as_bytes()))
        .collect();
    for (vendor, kind, body) in [
        ("openai", "text/event-stream", fixture("openai", "text.sse")),
        ("anthropic", "text/event-stream; charset=utf-8", fixture("anthropic", "text.sse")),
        ("gemini", "text/event-stream", fixture("gemini", "text.sse")),
        ("cohere", "text/event-stream", fixture("cohere", "text.sse")),
        ("ollama", "application/x-ndjson", fixture("ollama", "text.ndjson")),
        ("ollama", "application/json", fixture("ollama", "text.ndjson")),
        ("bedrock", "application/vnd.amazon.eventstream", binary),
    ] {
        let server = Server::serve(vec![(kind, body)]).await;
        let mut spec = ProviderSpec::of(Vendor::find(vendor).expect("is known"));
        (spec.base_url, spec.region) = (Some(server.base()), Some("eu-central-1".into()));
        let request = ChatRequest::new("m", vec![Message::text(Role::User, "Hello")]);

        let stream = build(&spec).expect("can be built").stream(&request).await.expect("answers");
        let events: Vec<_> = stream.try_collect().await.expect("is complete");

        let reply = fold(events);
        assert_eq!(reply.parts, [Part::Text("Grüße, 世界 🌍!".into())], "{vendor}");
        assert_eq!((reply.usage.input, reply.usage.output), (Some(20), Some(9)), "{vendor}");
        assert!(!reply.model.is_empty(), "{vendor}");
        server.finish().await;
    }
}

#[tokio::test]
async fn a_reply_that_does_not_name_its_model_has_the_one_that_was_asked() {
    let reply =
        json!({ "output": { "message": { "content": [{ "text": "Hi" }] } }, "stopReason": "end_turn" });
    let server = Server::start(vec![reply.to_string()]).await;
    let mut spec = spec(r#"{"name":"aws","vendor":"bedrock","region":"eu-central-1"}"#);
    spec.base_url = Some(server.base());
    let request = ChatRequest::new("amazon.nova-lite-v1:0", vec![Message::text(Role::User, "Hello")]);

    let reply = build(&spec).expect("can be built").complete(&request).await.expect("answers");

    assert_eq!(reply.model, "amazon.nova-lite-v1:0");
}

#[tokio::test]
async fn texts_that_do_not_go_together_are_embedded_in_turn() {
    let reply = |number: u8| json!({ "embedding": [number], "inputTextTokenCount": number }).to_string();
    let server = Server::start(vec![reply(1), reply(2), reply(3)]).await;
    let mut spec = spec(r#"{"name":"aws","vendor":"bedrock","region":"eu-central-1"}"#);
    spec.base_url = Some(server.base());
    let request = EmbedRequest::new("amazon.titan-embed-text-v2:0", ["a", "b", "c"]);

    let response = build(&spec).expect("can be built").embed(&request).await.expect("answers");

    assert_eq!(response.vectors, [[1.0], [2.0], [3.0]]);
    assert_eq!(response.usage.input, Some(6));
    let asked = server.finish().await;
    for (asked, text) in asked.iter().zip(["a", "b", "c"]) {
        assert!(asked.starts_with("POST /model/amazon.titan-embed-text-v2%3A0/invoke HTTP/1.1"));
        assert!(asked.ends_with(&format!("{{\"inputText\":\"{text}\"}}")), "{asked}");
    }
    assert_eq!(asked.len(), 3);
}
