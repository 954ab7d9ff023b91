//! Death, interruption and resumption: the execution is the same one afterwards.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Checkout, Running};

/// A `git` that stands still until its gate is opened and closed.
struct SlowGit<'c> {
    checkout: &'c Checkout,
}

impl<'c> SlowGit<'c> {
    fn new(checkout: &'c Checkout) -> Self {
        let slow = Self { checkout };
        std::fs::create_dir(slow.folder()).expect("it can be made");
        let gate = slow.folder().join("gate");
        assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo can be run").success());
        let script = format!("#!/bin/sh\ncat '{}' > /dev/null\nexit 1\n", gate.display());
        let git = slow.folder().join("git");
        std::fs::write(&git, script).expect("it can be written");
        std::fs::set_permissions(&git, PermissionsExt::from_mode(0o755)).expect("it is ours");
        slow
    }

    fn folder(&self) -> std::path::PathBuf {
        self.checkout.path().join(".git/slow")
    }

    /// Starts a command that asks this git.
    fn start(&self, arguments: &[&str]) -> Running {
        let path = format!("{}:{}", self.folder().display(), "/usr/bin:/bin");
        self.checkout.start_with(arguments, &[("PATH", &path)])
    }

    /// Waits until somebody stands at the gate. It opens when what this returns is dropped.
    fn reached(&self) -> File {
        OpenOptions::new().write(true).open(self.folder().join("gate")).expect("somebody comes to read")
    }
}

#[test]
fn a_killed_review_is_carried_on_by_resume_as_the_same_execution() {
    let checkout = Checkout::new();
    checkout.plant_a_key();
    let slow = SlowGit::new(&checkout);
    let review = slow.start(&["review"]);
    let gate = slow.reached();
    review.kill();
    drop(gate);
    let before = checkout.codeflow(&["execution", "list", "--format", "json"]).ends_with(0).json();
    let id = before[0]["id"].as_str().expect("it is durable already").to_owned();
    // That it runs is told half a second after it began.
    assert!(["queued", "running"].contains(&before[0]["status"].as_str().unwrap()), "{before:#?}");

    let said = checkout.codeflow(&["review", "--resume"]).ends_with(1);

    assert!(said.stderr.contains(&format!("carrying on with {id}")), "{said:#?}");
    assert!(said.stdout.contains("secrets/aws-access-key-id"), "{said:#?}");
    let after = checkout.codeflow(&["execution", "list", "--format", "json"]).ends_with(0).json();
    assert_eq!(after.as_array().map(Vec::len), Some(1));
    assert_eq!(after[0]["id"], id.as_str());
    assert_eq!(after[0]["status"], "failed");
}

#[test]
fn wherever_a_review_is_killed_the_same_execution_ends_the_same_way() {
    let checkout = Checkout::new();
    for (count, reached) in ["✓ diff", "✓ scan", "– review", "✓ gate", "✓ report"].into_iter().enumerate()
    {
        let mut review = checkout.start(&["review"]);
        review.until(reached);
        review.kill();
        let all = checkout.codeflow(&["execution", "list", "--format", "json"]).ends_with(0).json();
        assert_eq!(all.as_array().map(Vec::len), Some(count + 1), "{all:#}");

        let ended =
            checkout.codeflow(&["execution", "resume", "latest", "--format", "json"]).ends_with(0).json();

        assert_eq!(ended["id"], all[0]["id"]);
        assert_eq!(ended["status"], "succeeded");
        assert_eq!(ended["outputs"]["verdict"], "pass");
    }
}

#[test]
fn a_new_review_puts_an_abandoned_one_to_rest() {
    let checkout = Checkout::new();
    let slow = SlowGit::new(&checkout);
    let review = slow.start(&["review"]);
    let gate = slow.reached();
    review.kill();
    drop(gate);

    let said = checkout.codeflow(&["review"]).ends_with(0);

    assert!(said.stderr.contains("which did not finish; `--resume` would have kept it"), "{said:#?}");
    let all = checkout.codeflow(&["execution", "list", "--format", "json"]).ends_with(0).json();
    assert_eq!(all[0]["status"], "succeeded");
    assert_eq!(all[1]["status"], "cancelled");
    assert_eq!(all.as_array().map(Vec::len), Some(2));
}

#[test]
fn resume_without_anything_unfinished_starts_anew_and_says_so() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review", "--resume"]).ends_with(0);

    assert!(said.stderr.contains("no review is unfinished here; starting a new one"), "{said:#?}");
}

#[test]
fn an_execution_that_was_left_behind_goes_on_beside_another_one_and_that_is_said() {
    let checkout = Checkout::new();
    checkout.write("nap.yaml", "version: 1\nname: nap\nsteps:\n  nap: { sleep: 1ms }\n");
    let slow = SlowGit::new(&checkout);
    let left = slow.start(&["run", "secret-scan"]);
    let gate = slow.reached();
    left.kill();
    drop(gate);

    let said = checkout.codeflow(&["run", "nap.yaml"]).ends_with(0);

    assert!(said.stderr.contains("(secret-scan), unfinished, goes on meanwhile"), "{said:#?}");
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let checkout = Checkout::new();
    let slow = SlowGit::new(&checkout);
    let mut review = slow.start(&["review"]);
    let gate = slow.reached();

    review.signal("INT");
    review.until("interrupt again to stop at once");
    review.signal("TERM");
    let said = review.end().ends_with(130);

    assert!(said.stderr.contains("codeflow review --resume"), "{said:#?}");
    drop(gate);
    checkout.codeflow(&["review", "--resume"]).ends_with(0);
}

#[test]
fn an_interrupt_stops_in_good_order_and_says_how_to_go_on() {
    let checkout = Checkout::new();
    checkout.write("nap.yaml", "version: 1\nname: nap\nsteps:\n  nap: { sleep: 10m }\n");
    let mut run = checkout.start(&["run", "nap.yaml"]);
    run.until("running nap as exec_");

    run.until_asleep(&checkout);
    run.signal("INT");
    let said = run.end().ends_with(130);

    let id = said.id().to_owned();
    assert!(said.stderr.contains(&format!("codeflow execution resume {id}")), "{said:#?}");
    let watched = checkout.codeflow(&["execution", "watch", "latest"]).ends_with(4);
    assert!(watched.stderr.contains("no engine is running here"), "{watched:#?}");
    checkout.codeflow(&["execution", "cancel", &id]).ends_with(0);
}

#[test]
fn an_interrupted_execution_is_resumed_where_it_was() {
    let checkout = Checkout::new();
    let workflow = "version: 1\nname: two\nsteps:\n  diff: { uses: git/diff }\n  \
                    nap: { needs: [diff], wait: { event: go, timeout: 1h } }\n";
    checkout.write("two.yaml", workflow);
    let said = checkout.codeflow(&["run", "two.yaml"]).ends_with(4);
    let id = said.id().to_owned();

    let again = checkout.codeflow(&["execution", "resume", "latest"]).ends_with(4);
    assert!(again.stderr.contains("1 of 2 steps are done"), "{again:#?}");
    let done = checkout.codeflow(&["execution", "signal", &id, "go", "--format", "json"]).ends_with(0);

    assert_eq!(done.json()["id"], id.as_str());
    assert_eq!(done.json()["status"], "succeeded");
}
