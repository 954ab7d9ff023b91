//! Workflows that call others, from files beside them.

use crate::support::Checkout;

const CALLER: &str = "version: 1\nname: caller\nsteps:\n  each: { uses: workflow/part, for_each: [1, 2], with: { n: '${{ item }}' } }\n  \
     nap: { needs: [each], sleep: 1ms }\noutputs: { all: '${{ steps.each.outputs.items }}' }\n";
const PART: &str = "version: 1\nname: part\ninputs: { n: { type: integer } }\nsteps: { nap: { sleep: 1ms } }\noutputs: { n: '${{ inputs.n }}' }\n";

#[test]
fn a_called_workflow_is_found_beside_its_caller_and_both_are_shown() {
    let checkout = Checkout::new();
    checkout.write("caller.yaml", CALLER);
    checkout.write("part.yml", PART);

    let said = checkout.codeflow(&["run", "caller.yaml", "--format", "json"]).ends_with(0);

    assert_eq!(said.json()["outputs"]["all"], serde_json::json!([{ "n": 1 }, { "n": 2 }]));
    let called = said.json()["steps"][0]["called"].clone();
    let child = called[1].as_str().unwrap_or_default().to_owned();
    let page = checkout.codeflow(&["execution", "show", &child]).ends_with(0).stdout;
    assert!(
        page.contains(&format!("called by {}, step each[1]", said.json()["id"].as_str().unwrap_or("?"))),
        "{page}"
    );
    let page = checkout
        .codeflow(&["execution", "show", said.json()["id"].as_str().unwrap_or("?")])
        .ends_with(0)
        .stdout;
    assert!(page.contains("✓ each  2 executions"), "{page}");
}

#[test]
fn a_caller_waits_for_somebody_when_what_it_called_does() {
    let checkout = Checkout::new();
    checkout.write("caller.yaml", "version: 1\nname: caller\nsteps: { ask: { uses: workflow/part } }\n");
    checkout.write("part.yaml", "version: 1\nname: part\nsteps: { ok: { approval: {} } }\n");

    let said = checkout.codeflow(&["run", "caller.yaml"]).ends_with(4);
    let child =
        said.stderr.split("execution show ").nth(1).map(|rest| rest.trim().to_owned()).unwrap_or_default();
    checkout.codeflow(&["execution", "approve", &child, "ok"]).ends_with(0);
    let ended = checkout.codeflow(&["execution", "resume", said.id()]).ends_with(0);

    assert!(said.stderr.contains("which waits too"), "{said:#?}");
    assert!(ended.stderr.contains("succeeded"), "{ended:#?}");
}

#[test]
fn a_file_that_holds_another_workflow_than_is_called_is_refused() {
    let checkout = Checkout::new();
    checkout.write("caller.yaml", CALLER);
    checkout.write("part.yml", &PART.replace("name: part", "name: other"));

    let said = checkout.codeflow(&["run", "caller.yaml"]).ends_with(2);

    assert!(said.stderr.contains("holds the workflow `other`, and `part` is called"), "{said:#?}");
}
