//! `codeflow review` with a provider: the real program, a provider on this machine, and nothing but the vendor's own
//! variables.

use codeflow_testkit::providers::{Misbehaviour, ProviderServer, Reply};
use serde_json::json;

use crate::support::{Checkout, Said, said};

fn opinion(path: &str) -> Reply {
    let finding = json!({
        "rule": "naming", "severity": "medium", "path": path, "line": 1, "end_line": null,
        "message": "This name says nothing.", "help": null,
    });
    Reply::text(json!({ "findings": [finding] }).to_string())
}

/// Reviews with a provider that is known by its variables alone.
fn review(checkout: &Checkout, provider: &ProviderServer, arguments: &[&str]) -> Said {
    let mut program = checkout.program(&[&["review"], arguments].concat());
    program.env("OPENAI_API_KEY", "sk-nobodys").env("OPENAI_BASE_URL", format!("{}/v1", provider.url()));
    said(program)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configured_provider_is_asked_and_its_opinion_is_added() {
    let provider = ProviderServer::start().await.expect("a port is free");
    provider.always(opinion("notes.txt"));
    let checkout = Checkout::new();
    checkout.commit("notes.txt", "one\ntwo\n");

    let said = review(&checkout, &provider, &[]).ends_with(0);

    assert!(said.stdout.contains("This name says nothing."), "{said:#?}");
    assert!(said.stderr.contains("1 finding by openai/"), "{said:#?}");
    let requests = provider.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].json().to_string().contains("notes.txt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down_takes_nothing_from_the_verdict() {
    let provider = ProviderServer::start().await.expect("a port is free");
    provider.always(Misbehaviour::named("fail-401").expect("there is one of this name"));
    let checkout = Checkout::new();
    let key = checkout.plant_a_key();

    let said = review(&checkout, &provider, &[]).ends_with(1);

    assert!(said.stdout.contains("secrets/aws-access-key-id"), "{said:#?}");
    let asked = provider.requests().iter().map(|request| request.json().to_string()).collect::<String>();
    assert!(!asked.contains(&key), "the key was sent to a provider");
}
