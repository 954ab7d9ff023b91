//! Two processes at the same folder: one runs the engine, the other one looks and talks.

use crate::support::{Checkout, id_in};

const NAP: &str = "version: 1\nname: nap\nsteps:\n  nap: { sleep: 10m }\n";

#[test]
fn a_second_engine_is_refused_while_looking_works() {
    let checkout = Checkout::new();
    checkout.write("nap.yaml", NAP);
    let mut first = checkout.start(&["run", "nap.yaml"]);
    let id = id_in(first.until("running nap as exec_")).expect("it tells the id").to_owned();

    let second = checkout.codeflow(&["review"]).ends_with(3);
    let third = checkout.codeflow(&["execution", "resume", &id]).ends_with(3);
    let list = checkout.codeflow(&["execution", "list"]).ends_with(0);
    let show = checkout.codeflow(&["execution", "show", &id]).ends_with(0);

    assert!(second.stderr.contains("is using the folder"), "{second:#?}");
    assert!(second.stderr.contains("engine.locked"), "{second:#?}");
    assert!(third.stderr.contains("help: wait until it ends"), "{third:#?}");
    assert!(list.stdout.contains(&id), "{list:#?}");
    assert!(show.stdout.contains("nap"), "{show:#?}");
    first.kill();
}

#[test]
fn an_execution_is_cancelled_from_another_process() {
    let checkout = Checkout::new();
    checkout.write("nap.yaml", NAP);
    let mut first = checkout.start(&["run", "nap.yaml", "--format", "json"]);
    first.until("running nap as exec_");

    let cancel = checkout.codeflow(&["execution", "cancel", "latest", "--reason", "enough"]).ends_with(0);

    assert!(cancel.stderr.contains("the engine that runs here takes it from there"), "{cancel:#?}");
    let said = first.end().ends_with(3);
    assert_eq!(said.json()["status"], "cancelled");
    let again = checkout.codeflow(&["execution", "cancel", "latest"]).ends_with(2);
    assert!(again.stderr.contains("is cancelled and cannot be cancelled"), "{again:#?}");
}

#[test]
fn an_execution_is_watched_from_another_process() {
    let checkout = Checkout::new();
    checkout.write("nap.yaml", NAP);
    let mut first = checkout.start(&["run", "nap.yaml"]);
    first.until("running nap as exec_");
    let watch = checkout.start(&["execution", "watch", "latest", "--format", "json"]);

    checkout.codeflow(&["execution", "cancel", "latest"]).ends_with(0);

    assert_eq!(watch.end().ends_with(3).json()["status"], "cancelled");
    first.end().ends_with(3);
}
