//! Which model a name reaches: providers, routes, retired models, names that nobody has heard of.

use std::sync::Arc;

use codeflow::config::Environment;
use codeflow_testkit::TestDb;
use codeflow_testkit::providers::{Format, ProviderServer};

use crate::served::{Served, provider};
use crate::wire::{Ask, KEY, Sdk, Told};

async fn server() -> ProviderServer {
    ProviderServer::start().await.expect("a port is free")
}

/// A gateway that knows no more than these variables.
async fn from_environment<const COUNT: usize>(variables: [(&str, String); COUNT]) -> Served {
    let mut all = vec![("CODEFLOW_MASTER_KEY", KEY.to_owned())];
    all.extend(variables);
    let variables = |at: usize| all.get(at).cloned().unwrap_or(("NOTHING", String::new()));
    let environment =
        Environment::from([variables(0), variables(1), variables(2), variables(3), variables(4)]);
    let database = Arc::new(TestDb::sqlite().await);
    Served::start_with(&database, "", environment).await.expect("the server can be opened")
}

async fn ask(served: &Served, model: &str) -> Told {
    Ask::new(Sdk::OpenAi, model).to(served.address).await
}

/// The model that a provider was last asked for.
fn last_model(server: &ProviderServer) -> String {
    let body = server.requests().last().map(|request| request.json()).unwrap_or_default();
    body["model"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_variables_of_a_vendor_are_enough_for_the_usual_routes() {
    let openai = server().await;
    let served = from_environment([
        ("OPENAI_API_KEY", "sk-of-the-vendor".to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", openai.url())),
    ])
    .await;

    for route in ["fast", "strong", "review"] {
        let told = ask(&served, route).await;
        assert_eq!(told.status, 200, "{route}: {}", told.text());
        assert_eq!(told.header("x-codeflow-route"), route);
        assert_eq!(told.header("x-codeflow-provider"), "openai");
        assert_eq!(told.header("x-codeflow-model"), last_model(&openai));
    }
    let request = openai.requests().remove(0);
    assert_eq!(request.header("authorization"), "Bearer sk-of-the-vendor");
    assert_eq!(request.header("x-api-key"), "");
    let names = served.get("/v1/models").await.json();
    let names: Vec<_> =
        names["data"].as_array().into_iter().flatten().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!(names[..3], ["fast", "review", "strong"]);
    assert!(names[3..].iter().all(|name| name.starts_with("openai/")), "{names:?}");
}

#[tokio::test]
async fn a_usual_route_falls_back_from_one_vendor_to_the_next() {
    let (openai, anthropic) = (server().await, server().await);
    let served = from_environment([
        ("OPENAI_API_KEY", "sk-one".to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", openai.url())),
        ("ANTHROPIC_API_KEY", "sk-two".to_owned()),
        ("ANTHROPIC_BASE_URL", anthropic.url()),
    ])
    .await;
    anthropic.next(codeflow_testkit::providers::Misbehaviour::Refuses(
        codeflow_testkit::providers::Refusal::Unauthorized,
    ));

    let told = ask(&served, "fast").await;

    assert_eq!((told.status, told.header("x-codeflow-provider")), (200, "openai"));
    assert_eq!([anthropic.counters().requests, openai.counters().requests], [1, 1]);
    assert!(told.header("x-codeflow-trail").ends_with(": model.authentication"), "{told:?}");
}

#[tokio::test]
async fn a_name_with_its_provider_reaches_that_provider_whatever_the_name() {
    let (one, two) = (server().await, server().await);
    let settings = [provider("one", Format::OpenAi, &one), provider("two", Format::OpenAi, &two)].concat();
    let served = Served::start(&settings).await;

    for name in ["m", "never-heard-of", "org/with-a-slash"] {
        let told = ask(&served, &format!("two/{name}")).await;
        assert_eq!(told.status, 200, "{}", told.text());
        assert_eq!(last_model(&two), name);
    }
    assert_eq!([one.counters().requests, two.counters().requests], [0, 3]);
}

#[tokio::test]
async fn an_unknown_name_passes_through_to_the_only_provider() {
    let only = server().await;
    let served = Served::start(&provider("only", Format::OpenAi, &only)).await;

    assert_eq!(ask(&served, "never-heard-of").await.status, 200);

    assert_eq!(last_model(&only), "never-heard-of");
}

#[tokio::test]
async fn an_unknown_name_is_refused_when_two_providers_could_be_meant() {
    let (one, two) = (server().await, server().await);
    let settings = [provider("one", Format::OpenAi, &one), provider("two", Format::OpenAi, &two)].concat();
    let served = Served::start(&settings).await;

    let openai = ask(&served, "never-heard-of").await;
    let anthropic = Ask::new(Sdk::Anthropic, "three/m").to(served.address).await;

    assert_eq!((openai.status, openai.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    assert!(openai.text().contains("never-heard-of"), "{}", openai.text());
    assert_eq!(
        (anthropic.status, anthropic.json()["error"]["type"].as_str()),
        (404, Some("not_found_error"))
    );
    assert_eq!([one.counters().requests, two.counters().requests], [0, 0]);
}

#[tokio::test]
async fn without_any_provider_the_answer_says_what_to_set() {
    let served = from_environment([]).await;

    let told = ask(&served, "claude-haiku-5-5").await;

    assert_eq!(told.status, 404);
    assert!(told.text().contains("ANTHROPIC_API_KEY"), "{}", told.text());
    assert_eq!(ask(&served, "never-heard-of").await.status, 404);
    assert_eq!(ask(&served, "fast").await.status, 404);
}

/// A model that is retired, and its successor.
const RETIRED: &str = "openai/o1";
const SUCCESSOR: &str = "gpt-5.6-terra";

#[tokio::test]
async fn a_retired_model_names_its_successor() {
    let openai = server().await;
    let served = Served::start(&provider("openai", Format::OpenAi, &openai)).await;

    for name in [RETIRED, "o1", "o1-2024-12-17"] {
        let told = ask(&served, name).await;
        assert_eq!(told.status, 404, "{}", told.text());
        assert!(told.text().contains(SUCCESSOR), "{}", told.text());
    }
    assert_eq!(openai.counters().requests, 0);
}

#[tokio::test]
async fn a_retired_model_is_followed_when_settings_say_so() {
    let openai = server().await;
    let settings =
        format!("[routing]\nretired = \"follow\"\n{}", provider("openai", Format::OpenAi, &openai));
    let served = Served::start(&settings).await;

    let told = ask(&served, RETIRED).await;

    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(last_model(&openai), SUCCESSOR);
    assert_eq!(told.header("x-codeflow-model"), SUCCESSOR);
}

#[tokio::test]
async fn the_names_that_can_be_asked_for_come_in_the_shape_of_either_sdk() {
    let first = server().await;
    let settings =
        ["[routes.quick]\nmodels = [\"first/m\"]\n", &provider("first", Format::OpenAi, &first)].concat();
    let served = Served::start(&settings).await;

    let list = served.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], "quick");
    assert_eq!(list["data"][1]["id"], "first/m");
    for path in ["/v1/models/quick", "/v1/models/first/m", "/v1/models/first%2Fm"] {
        assert_eq!(served.get(path).await.json()["object"], "model", "{path}");
    }
    assert_eq!(served.get("/v1/models/nothing").await.status, 404);
}
