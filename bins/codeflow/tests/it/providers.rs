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

const POOR: &str = "version: 1\nname: poor\nbudget: { usd: 0.000001 }\nsteps:\n  nap: { sleep: 1ms }\n  \
                    ask: { needs: nap, uses: llm/chat, with: { prompt: 'Why?' } }\n\
                    outputs: { answer: '${{ steps.ask.outputs.text }}' }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_execution_that_cannot_pay_is_paused_and_goes_on_with_more() {
    let provider = ProviderServer::start().await.expect("a port is free");
    provider.always(Reply::text("Because."));
    let checkout = Checkout::new();
    checkout.write("poor.yaml", POOR);
    let with_provider = |arguments: &[&str]| {
        let mut program = checkout.program(arguments);
        let base = format!("{}/v1", provider.url());
        program.env("OPENAI_API_KEY", "sk-nobodys").env("OPENAI_BASE_URL", base);
        said(program)
    };

    let paused = with_provider(&["run", "poor.yaml"]).ends_with(4);
    let asked = provider.requests().len();
    let listed = checkout.codeflow(&["execution", "list", "--status", "paused"]).ends_with(0);
    let paid = with_provider(&["execution", "resume", "latest", "--budget", "2.50"]).ends_with(0);
    let over = with_provider(&["execution", "resume", "latest", "--budget", "9"]).ends_with(2);

    assert_eq!(asked, 0, "nothing was spent");
    assert!(paused.stderr.contains("is paused (the budget does not cover the call"), "{paused:#?}");
    assert!(paused.stderr.contains("--budget DOLLARS` lets it go on"), "{paused:#?}");
    assert!(listed.stdout.contains("poor"), "{listed:#?}");
    assert!(paid.stdout.contains("answer  Because."), "{paid:#?}");
    assert_eq!(provider.requests().len(), 1);
    assert!(over.stderr.contains("is succeeded and cannot be resumed"), "{over:#?}");
}
