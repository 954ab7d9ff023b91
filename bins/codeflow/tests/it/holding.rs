//! `codeflow execution pause` and `resume`.

use crate::support::Checkout;

const WAITS: &str =
    "version: 1\nname: careful\nsteps:\n  ok: { approval: {} }\n  nap: { needs: [ok], sleep: 1ms }\n";

#[test]
fn a_paused_execution_takes_a_decision_and_acts_on_it_when_it_is_resumed() {
    let checkout = Checkout::new();
    checkout.write("careful.yaml", WAITS);
    let id = checkout.codeflow(&["run", "careful.yaml"]).ends_with(4).id().to_owned();

    let paused = checkout.codeflow(&["execution", "pause", &id, "--reason", "lunch"]).ends_with(4);
    let approved = checkout.codeflow(&["execution", "approve", &id, "ok"]).ends_with(4);
    let shown = checkout.codeflow(&["execution", "show", &id]).ends_with(0);
    let twice = checkout.codeflow(&["execution", "pause", &id]).ends_with(2);
    let resumed = checkout.codeflow(&["execution", "resume", &id]).ends_with(0);

    assert!(
        paused.stderr.contains(&format!("{id} is paused (lunch); `codeflow execution resume {id}`")),
        "{paused:#?}"
    );
    assert!(approved.stderr.contains("is paused"), "{approved:#?}");
    assert!(shown.stdout.contains("paused") && shown.stdout.contains("waits for an approval"), "{shown:#?}");
    assert!(twice.stderr.contains("is paused and cannot be paused"), "{twice:#?}");
    assert!(resumed.stderr.contains("resumed") && resumed.stderr.contains("✓ nap"), "{resumed:#?}");
}
