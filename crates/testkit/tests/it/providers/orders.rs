//! How it is told what to do.

use codeflow_testkit::providers::{
    Format, Misbehaviour, ProviderServer, Refusal, Reply, ServerSettings, Shape,
};
use serde_json::json;

use super::world::{ask, post};

async fn status(server: &ProviderServer, format: Format, prompt: &str) -> u16 {
    ask(server, format, Shape::Whole, prompt).await.unwrap().status
}

#[tokio::test]
async fn what_is_queued_for_a_format_comes_before_what_is_queued_for_any() {
    let server = ProviderServer::start().await.unwrap();
    server.next(Misbehaviour::Refuses(Refusal::Unavailable));
    server.next_in(Format::Anthropic, Misbehaviour::Refuses(Refusal::Overloaded));

    assert_eq!(status(&server, Format::Anthropic, "Hello").await, 529);
    assert_eq!(status(&server, Format::OpenAi, "Hello").await, 503);
    assert_eq!(status(&server, Format::OpenAi, "Hello").await, 200);

    server.always(Misbehaviour::Refuses(Refusal::Forbidden));
    assert_eq!(status(&server, Format::OpenAi, "Hello").await, 403);
    assert_eq!(status(&server, Format::OpenAi, "Hello").await, 403);
}

#[tokio::test]
async fn prompts_give_orders() {
    let server = ProviderServer::start().await.unwrap();
    for format in Format::ALL {
        assert_eq!(status(&server, format, "!refuses-forbidden please").await, 403, "{format:?}");
        assert_eq!(status(&server, format, "!fail-429").await, 429, "{format:?}");
        assert_eq!(status(&server, format, "Say !refuses-forbidden").await, 200, "{format:?}");
    }
    let got = ask(&server, Format::OpenAi, Shape::Whole, "!json !slow").await.unwrap().json();
    assert!(got["choices"][0]["message"]["content"].as_str().unwrap().contains("degrees"));
    let got = ask(&server, Format::OpenAi, Shape::Whole, "!unheard-of").await.unwrap();
    assert_eq!((got.status, got.text().contains("`!unheard-of`")), (400, true));
}

#[tokio::test]
async fn an_order_for_once_is_followed_once_for_each_prompt() {
    let server = ProviderServer::start().await.unwrap();

    for prompt in ["!once !fail-500 !tools a", "!once !fail-500 !tools b"] {
        assert_eq!(status(&server, Format::OpenAi, prompt).await, 500);
        let second = ask(&server, Format::OpenAi, Shape::Whole, prompt).await.unwrap().json();
        assert_eq!(second["choices"][0]["finish_reason"], "tool_calls");
    }
}

#[tokio::test]
async fn an_order_is_not_followed_again_when_tools_have_answered() {
    let server = ProviderServer::start().await.unwrap();
    let body = json!({ "messages": [
        { "role": "user", "content": "!tools" },
        { "role": "assistant", "tool_calls": [] },
        { "role": "tool", "content": "21 degrees" },
    ] });

    let got = post(&server, "/v1/chat/completions", &body).await.unwrap().json();

    assert_eq!(got["choices"][0]["message"]["content"], Reply::TEXT);
}

#[test]
fn every_misbehaviour_has_a_name_of_its_own() {
    for (at, misbehaviour) in Misbehaviour::ALL.iter().enumerate() {
        let name = misbehaviour.to_string();
        assert_eq!(Misbehaviour::named(&name), Some(*misbehaviour), "{at}: {name}");
        assert!(name.chars().all(|letter| letter == '-' || letter.is_ascii_lowercase()), "{name}");
    }
}

#[tokio::test]
async fn an_instant_server_does_not_look_at_what_is_asked() {
    let settings = ServerSettings { instant: Some(20), ..ServerSettings::default() };
    let server = ProviderServer::start_with(settings).await.unwrap();
    for format in Format::ALL {
        let whole = ask(&server, format, Shape::Whole, "!fail-500").await.unwrap();
        let streamed = ask(&server, format, Shape::Stream, "!fail-500").await.unwrap();

        assert_eq!((whole.status, whole.text().matches("word ").count()), (200, 20), "{format:?}");
        assert_eq!(streamed.text().matches("word ").count(), 20, "{format:?}");
        assert!((20..30).contains(&streamed.pieces.len()), "{format:?}");
    }
    assert!(server.requests().is_empty());
}
