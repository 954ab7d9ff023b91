//! `run` steps through the whole program, with the sandbox that settings allow.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::Checkout;

const WORDS: &str = r#"
version: 1
name: words
inputs: { text: { type: string } }
steps:
  count:
    run: { command: [wc, -w], stdin: "${{ inputs.text }}", memory: 64 MiB }
  echo:
    run: [printf, "%s", "${{ inputs.text }}"]
  fails:
    run: [sh, -c, "echo a reason >&2; exit 3"]
    on_error: continue
outputs:
  count: "${{ steps.count.outputs.stdout }}"
  echo: "${{ steps.echo.outputs.stdout }}"
  code: "${{ steps.fails.error.code }}"
  reason: "${{ steps.fails.outputs.stderr }}"
"#;

fn allowed() -> Checkout {
    let checkout = Checkout::folder();
    checkout.write("codeflow.toml", "[sandbox]\nenabled = true\n[worker]\ngrace = \"200ms\"\n");
    checkout
}

#[test]
fn a_workflow_with_commands_is_refused_where_settings_do_not_allow_them() {
    let checkout = Checkout::folder();
    checkout.write("words.yaml", WORDS);

    let said = checkout.codeflow(&["run", "words.yaml", "-i", "text=a"]).ends_with(2);

    assert!(said.stderr.contains("workflow.commands_off") && said.stderr.contains("[sandbox]"), "{said:#?}");
    checkout.codeflow(&["workflow", "validate", "words.yaml"]).ends_with(0);
}

#[test]
fn commands_run_and_what_they_wrote_is_read_by_other_steps() {
    let checkout = allowed();
    checkout.write("words.yaml", WORDS);

    let said = checkout.codeflow(&["run", "words.yaml", "-i", "text=$(id) two; three", "--format", "json"]);

    let outputs = said.ends_with(0).json()["outputs"].clone();
    assert_eq!(outputs["count"], "3\n");
    assert_eq!(outputs["echo"], "$(id) two; three");
    assert_eq!((&outputs["code"], &outputs["reason"]), (&"sandbox.exit_code".into(), &"a reason\n".into()));
}

#[test]
fn a_step_may_not_reach_the_network_unless_settings_allow_it() {
    let checkout = allowed();
    checkout
        .write("net.yaml", "version: 1\nname: net\nsteps:\n  a: { run: { command: [ls], network: true } }\n");

    let said = checkout.codeflow(&["run", "net.yaml", "--format", "json"]).ends_with(3);

    assert_eq!(said.json()["error"]["code"], "sandbox.network_forbidden");
}

/// How long a process of this test sleeps: a number that nobody else has.
fn seconds(checkout: &Checkout) -> String {
    let own = checkout
        .path()
        .to_string_lossy()
        .bytes()
        .fold(7_u64, |all, byte| all.wrapping_mul(31) + u64::from(byte));
    format!("9{:011}", own % 100_000_000_000)
}

fn sleepers(seconds: &str) -> usize {
    let lines = fs::read_dir("/proc").expect("it is Linux").flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        fs::read(entry.path().join("cmdline")).ok()
    });
    lines.filter(|line| String::from_utf8_lossy(line).contains(&format!("sleep\0{seconds}"))).count()
}

fn until(what: &str, most: Duration, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < most, "{what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_interrupt_and_a_death_of_the_worker_leave_no_command_behind() {
    for is_death in [false, true] {
        let checkout = allowed();
        let seconds = seconds(&checkout);
        let document = format!(
            "version: 1\nname: naps\nsteps:\n  nap: {{ run: [setsid, -f, sleep, '{seconds}'] }}\n  long: {{ run: [sh, -c, 'sleep {seconds}; true'] }}\n"
        );
        checkout.write("naps.yaml", &document);
        let running = checkout.start(&["run", "naps.yaml"]);
        until("it did not start", Duration::from_secs(20), || sleepers(&seconds) > 0);

        if is_death {
            running.kill();
        } else {
            running.signal("INT");
            running.end();
        }

        until("something is left", Duration::from_secs(1), || sleepers(&seconds) == 0);
    }
}
