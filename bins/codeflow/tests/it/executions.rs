//! `codeflow execution`: lists, pages, logs and retries.

use crate::support::Checkout;

const FLAKY: &str = "version: 1\nname: flaky\nsteps:\n  diff: { uses: git/diff, with: { range: later } }\n  \
                     nap: { needs: [diff], sleep: 1ms }\n";

#[test]
fn a_failed_execution_is_retried_after_its_cause_is_gone() {
    let checkout = Checkout::new();
    checkout.write("flaky.yaml", FLAKY);
    let said = checkout.codeflow(&["run", "flaky.yaml"]).ends_with(3);
    let id = said.id().to_owned();
    assert!(said.stderr.contains("git.unknown_revision"), "{said:#?}");
    checkout.git(&["branch", "later"]);

    let retried = checkout.codeflow(&["execution", "retry", &id]).ends_with(0);

    assert!(retried.stderr.contains(&format!("retried {id}; no engine was running here")), "{retried:#?}");
    let shown = checkout.codeflow(&["execution", "show", &id]).ends_with(0);
    assert!(shown.stdout.contains("retried once"), "{shown:#?}");
    assert!(shown.stdout.contains("succeeded"), "{shown:#?}");
}

#[test]
fn a_retry_from_a_step_names_a_step_that_exists() {
    let checkout = Checkout::new();
    checkout.codeflow(&["review"]).ends_with(0);

    let wrong = checkout.codeflow(&["execution", "retry", "latest", "--from", "nosuch"]).ends_with(2);
    assert!(wrong.stderr.contains("has no step `nosuch`"), "{wrong:#?}");
    let right = checkout.codeflow(&["execution", "retry", "latest", "--from", "gate"]).ends_with(0);

    assert!(right.stderr.contains("✓ gate"), "{right:#?}");
    assert!(!right.stderr.contains("✓ diff"), "{right:#?}");
}

#[test]
fn a_retry_with_nothing_left_to_run_is_refused() {
    let checkout = Checkout::new();
    checkout.codeflow(&["review"]).ends_with(0);

    let said = checkout.codeflow(&["execution", "retry", "latest"]).ends_with(2);

    assert!(
        said.stderr.contains("every step of execution") && said.stderr.contains("engine.conflict"),
        "{said:#?}"
    );
}

#[test]
fn an_execution_is_run_again_with_other_inputs_and_the_latest_version() {
    let checkout = Checkout::new();
    let workflow = |text: &str| {
        format!(
            "version: 1\nname: tell\ninputs: {{ n: {{ type: integer }} }}\nsteps: {{ nap: {{ sleep: 1ms }} }}\noutputs: {{ said: \"{text} ${{{{ inputs.n }}}}\" }}\n"
        )
    };
    checkout.write("tell.yaml", &workflow("old"));
    let first = checkout.codeflow(&["run", "tell.yaml", "--input", "n=1"]).ends_with(0);
    let id = first.id().to_owned();
    checkout.write("tell.yaml", &workflow("new"));
    checkout.codeflow(&["run", "tell.yaml", "--input", "n=2"]).ends_with(0);

    let same = checkout.codeflow(&["execution", "rerun", &id]).ends_with(0);
    let other = checkout.codeflow(&["execution", "rerun", &id, "--input", "n=5", "--latest"]).ends_with(0);
    let wrong = checkout.codeflow(&["execution", "rerun", &id, "--input", "n=x"]).ends_with(2);

    assert!(
        same.stdout.contains("old 1") && same.stderr.contains(&format!("runs {id} again as exec_")),
        "{same:#?}"
    );
    assert!(other.stdout.contains("new 5"), "{other:#?}");
    assert!(wrong.stderr.contains("engine.invalid_input"), "{wrong:#?}");
}

#[test]
fn a_list_is_filtered_and_bounded() {
    let checkout = Checkout::new();
    checkout.write("flaky.yaml", FLAKY);
    checkout.codeflow(&["review"]).ends_with(0);
    checkout.codeflow(&["run", "flaky.yaml"]).ends_with(3);

    let list = |more: &[&str]| {
        let arguments = [&["execution", "list", "--format", "json"], more].concat();
        let rows = checkout.codeflow(&arguments).ends_with(0).json();
        let names = rows
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| row["workflow"].as_str().unwrap_or("").to_owned());
        names.collect::<Vec<_>>()
    };

    assert_eq!(list(&[]), ["flaky", "pr-review"]);
    assert_eq!(list(&["--limit", "1"]), ["flaky"]);
    assert_eq!(list(&["--status", "succeeded"]), ["pr-review"]);
    assert_eq!(list(&["--workflow", "flaky"]), ["flaky"]);
    assert_eq!(list(&["--workflow", "other"]), [""; 0]);
    let unknown = checkout.codeflow(&["execution", "list", "--status", "sleepy"]).ends_with(2);
    assert!(unknown.stderr.contains("waiting"), "{unknown:#?}");
}

#[test]
fn an_empty_folder_has_no_executions() {
    let checkout = Checkout::folder();

    let list = checkout.codeflow(&["execution", "list"]).ends_with(0);
    assert_eq!(list.stdout, "");
    assert!(list.stderr.contains("no executions"), "{list:#?}");
    let latest = checkout.codeflow(&["execution", "show", "latest"]).ends_with(2);
    assert!(latest.stderr.contains("cli.no_execution"), "{latest:#?}");
    let unknown = checkout.codeflow(&["execution", "logs", &format!("exec_{}", "0".repeat(32))]).ends_with(2);
    assert!(unknown.stderr.contains("engine.not_found"), "{unknown:#?}");
    let nonsense = checkout.codeflow(&["execution", "show", "abc"]).ends_with(2);
    assert!(nonsense.stderr.contains("expected `latest` or an id"), "{nonsense:#?}");
}

#[test]
fn a_page_shows_steps_inputs_outputs_and_the_error() {
    let checkout = Checkout::new();
    checkout.write("flaky.yaml", FLAKY);
    checkout.codeflow(&["run", "flaky.yaml"]).ends_with(3);

    let page = checkout.codeflow(&["execution", "show", "latest"]).ends_with(0).stdout;
    let json = checkout.codeflow(&["execution", "show", "latest", "--format", "json"]).ends_with(0).json();

    assert!(page.contains("✗ diff  failed: `later` names no commit"), "{page}");
    assert!(page.contains("– nap   skipped: step `diff` did not succeed"), "{page}");
    assert!(page.contains("error: step `diff`"), "{page}");
    assert_eq!(json["steps"][0]["name"], "diff");
    assert_eq!(json["steps"][0]["status"], "failed");
    assert_eq!(json["steps"][0]["error"]["code"], "git.unknown_revision");
    assert_eq!(json["steps"][1]["status"], "skipped");
}

#[test]
fn a_retried_step_leaves_lines_in_the_log() {
    let checkout = Checkout::new();
    let workflow = "version: 1\nname: stubborn\nsteps:\n  diff:\n    uses: git/diff\n    with: { range: later }\n    \
                    retry: { attempts: 2, on: [invalid_input] }\n";
    checkout.write("stubborn.yaml", workflow);
    checkout.codeflow(&["run", "stubborn.yaml"]);

    let text = checkout.codeflow(&["execution", "logs", "latest"]).ends_with(0).stdout;
    let json = checkout.codeflow(&["execution", "logs", "latest", "--format", "json"]).ends_with(0).json();

    assert!(text.contains("diff"), "{text}");
    assert_eq!(json[0]["path"], "diff");
}

#[test]
fn a_watch_of_something_that_ended_says_how() {
    let checkout = Checkout::new();
    checkout.codeflow(&["review"]).ends_with(0);

    let said = checkout.codeflow(&["execution", "watch", "latest"]).ends_with(0);

    assert!(said.stderr.contains("succeeded in"), "{said:#?}");
}
