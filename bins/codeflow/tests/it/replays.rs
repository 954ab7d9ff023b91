//! `codeflow execution replay`: what a journal leads to, with the same workflow, another one, or another model.

use codeflow_testkit::providers::{ProviderServer, Reply};
use serde_json::{Value, json};

use crate::support::{Checkout, Said, said};

const OTHER: &str = "openai/gpt-6-luna";

fn opinion(severity: &str) -> Reply {
    let finding = json!({
        "rule": "naming", "severity": severity, "path": "notes.txt", "line": 1, "end_line": null,
        "message": "This name says nothing.", "help": null,
    });
    Reply::text(json!({ "findings": [finding] }).to_string())
}

/// Runs the program with a provider that is known by its variables alone.
fn with(checkout: &Checkout, provider: &ProviderServer, arguments: &[&str]) -> Said {
    let mut program = checkout.program(arguments);
    program.env("OPENAI_API_KEY", "sk-nobodys").env("OPENAI_BASE_URL", format!("{}/v1", provider.url()));
    said(program)
}

fn shown(checkout: &Checkout) -> Value {
    checkout.codeflow(&["execution", "show", "latest", "--format", "json"]).ends_with(0).json()
}

fn step<'d>(document: &'d Value, name: &str) -> &'d Value {
    let steps = document["steps"].as_array().into_iter().flatten();
    steps.into_iter().find(|step| step["name"] == name).unwrap_or(&Value::Null)
}

fn paths(step: &Value) -> Vec<&str> {
    let changes = step["changes"].as_array().into_iter().flatten();
    changes.filter_map(|change| change["path"].as_str()).collect()
}

#[test]
fn a_journal_leads_to_the_same_end_whatever_became_of_the_repository() {
    let checkout = Checkout::new();
    checkout.plant_a_key();
    checkout.codeflow(&["review"]).ends_with(1);
    checkout.git(&["update-ref", "-d", "HEAD"]);
    let before = shown(&checkout);

    let text = checkout.codeflow(&["execution", "replay", "latest"]).ends_with(0);
    let json = checkout.codeflow(&["execution", "replay", "latest", "--json"]).ends_with(0).json();

    assert!(text.stdout.contains("equal: the journal leads to the same end"), "{text:#?}");
    assert!(text.stdout.contains("gate    failed  from the journal"), "{text:#?}");
    assert_eq!((&json["equal"], &step(&json, "diff")["answered"]), (&json!(true), &json!(["journal"])));
    assert_eq!(shown(&checkout), before);
}

#[test]
fn another_document_shows_what_would_have_been_decided() {
    let checkout = Checkout::new();
    let document = |least: u32| {
        format!(
            "version: 1\nname: look\nsteps:\n  diff: {{ uses: git/diff, with: {{ range: HEAD~1..HEAD }} }}\n  \
             risk: {{ needs: [diff], uses: core/risk-score, with: {{ diff: '${{{{ steps.diff.outputs.diff }}}}' }} }}\n  \
             nap: {{ needs: [risk], if: 'steps.risk.outputs.score >= {least}', sleep: 1ms }}\n"
        )
    };
    checkout.write("look.yaml", &document(0));
    checkout.commit("notes.txt", "one\n");
    checkout.codeflow(&["run", "look.yaml"]).ends_with(0);
    checkout.write("look.yaml", &document(101));

    let replay = |more: &[&str]| checkout.codeflow(&[&["execution", "replay", "latest"], more].concat());
    let other = replay(&["--document", "look.yaml"]).ends_with(1);
    let json = replay(&["--document", "look.yaml", "--json"]).ends_with(1).json();
    replay(&["--latest"]).ends_with(0);
    let wrong = replay(&["--document", "look.yaml", "--latest"]).ends_with(2);
    let none = replay(&["--from", "nosuch"]).ends_with(2);

    assert!(other.stdout.contains("nap   succeeded → skipped"), "{other:#?}");
    assert!(paths(step(&json, "nap")).contains(&"status"), "{json:#}");
    assert_eq!(step(&json, "risk")["changes"], json!([]));
    assert!(wrong.stderr.contains("cannot be used with"), "{wrong:#?}");
    assert!(none.stderr.contains("has no step `nosuch`"), "{none:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_is_asked_and_only_what_follows_from_it_is_computed_anew() {
    let provider = ProviderServer::start().await.expect("a port is free");
    provider.always(opinion("medium"));
    let checkout = Checkout::new();
    checkout.commit("notes.txt", "one\ntwo\n");
    with(&checkout, &provider, &["review"]).ends_with(0);
    provider.always(opinion("high"));
    let before = shown(&checkout);
    let asked = provider.requests().len();

    let json = with(&checkout, &provider, &["execution", "replay", "latest", "--model", OTHER, "--json"])
        .ends_with(1)
        .json();

    let requests = provider.requests();
    assert_eq!(requests.len(), asked + 1);
    assert_eq!(requests[asked].json()["model"], "gpt-6-luna");
    assert_eq!(step(&json, "diff")["answered"], json!(["journal"]));
    assert_eq!(step(&json, "scan")["answered"], json!(["journal"]));
    assert_eq!(step(&json, "review")["answered"], json!(["anew"]));
    assert_eq!(step(&json, "gate")["answered"], json!(["anew"]));
    assert!(paths(step(&json, "review")).contains(&"outputs.findings[0].severity"), "{json:#}");
    assert_eq!(
        (&json["recorded"]["status"], &json["replayed"]["status"]),
        (&json!("succeeded"), &json!("failed"))
    );
    assert_ne!(json["cost"]["recorded"], json["cost"]["replayed"], "{json:#}");
    assert_eq!(shown(&checkout), before);
}

#[test]
fn a_model_that_nobody_serves_is_refused() {
    let checkout = Checkout::new();
    checkout.codeflow(&["review"]).ends_with(0);

    let said = checkout.codeflow(&["execution", "replay", "latest", "--model", OTHER]).ends_with(2);

    assert!(said.stderr.contains("nobody can be asked as `openai/gpt-6-luna`"), "{said:#?}");
}

#[test]
fn from_a_step_on_actions_are_run_again_on_what_is_there_now() {
    let checkout = Checkout::new();
    checkout.commit("notes.txt", "one\n");
    checkout.codeflow(&["review"]).ends_with(0);
    checkout.plant_a_key();

    let again =
        checkout.codeflow(&["execution", "replay", "latest", "--from", "diff", "--json"]).ends_with(1);
    let later = checkout.codeflow(&["execution", "replay", "latest", "--from", "scan", "--json"]);

    let (again, later) = (again.json(), later.json());
    assert_eq!(again["replayed"]["status"], "failed", "{again:#}");
    assert_eq!(step(&again, "scan")["answered"], json!(["anew"]));
    assert_eq!(step(&later, "diff")["answered"], json!(["journal"]));
    assert_eq!(step(&later, "scan")["changes"], json!([]), "{later:#}");
}
