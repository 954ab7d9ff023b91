//! Machines that give no namespaces: commands are refused, or run with less, as settings say.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use codeflow_actions::{CommandErrorKind, CommandRequest, Commands};
use codeflow_sandbox::{Options, Sandbox, Stage};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{
    command, options, processes_with, python, run_with, script, unique, until_gone, until_running, whole,
};

/// The stage on a machine where no user namespace can be made any more, and a folder that holds it.
///
/// Within a namespace of its own the number of further ones can be set to none; and whoever is in another root makes
/// none, not even as root. Where there are none to begin with, the stage is as it is.
fn without_namespaces(reduced: bool) -> (Options, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |path: &Path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o755));
    open(folder.path()).expect("it is ours");
    let program = folder.path().join("stage");
    let stage = env!("CARGO_BIN_EXE_codeflow-sandbox-stage");
    let text = format!(
        "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n\
         if [ $(id -u) = 0 ] && unshare -m true 2>/dev/null; then\n\
         exec unshare -m sh -c 'mount --rbind / /mnt && exec chroot /mnt \"$0\" \"$@\"' '{stage}' \"$@\"\n\
         elif unshare -Ur true 2>/dev/null; then\n\
         exec unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec \"$0\" \"$@\"' '{stage}' \"$@\"\n\
         fi\nexec '{stage}' \"$@\"\n"
    );
    std::fs::write(&program, text).expect("a file");
    open(&program).expect("it is ours");
    (Options { stage: Stage::Program(program), reduced, ..options() }, folder)
}

fn open_network(request: CommandRequest) -> CommandRequest {
    CommandRequest { network: true, ..request }
}

#[tokio::test]
async fn without_namespaces_commands_are_refused_unless_settings_say_otherwise() {
    let (options, _folder) = without_namespaces(false);

    let error = run_with(options, open_network(script("true"))).await.expect_err("there are none");

    assert_eq!(error.kind(), CommandErrorKind::Unavailable, "{}", whole(&error));
}

#[tokio::test]
async fn without_namespaces_a_command_that_is_not_to_reach_the_network_is_refused() {
    let (options, _folder) = without_namespaces(true);

    let error = run_with(options, script("true")).await.expect_err("nothing keeps it from the network");

    assert_eq!(error.kind(), CommandErrorKind::NetworkOpen, "{}", whole(&error));
}

#[tokio::test]
async fn with_less_isolation_limits_hold_all_the_same_and_it_is_said_what_is_missing() {
    let (options, _folder) = without_namespaces(true);
    let bomb = "import os\nprint(sorted(k for k in os.environ if k != 'LC_CTYPE'))\nx = []\nwhile True: x.append(bytearray(8 << 20))";

    let end = run_with(options, open_network(python(bomb)))
        .await
        .unwrap_or_else(|error| panic!("{}", whole(&error)));

    assert!(end.stderr.text.contains("MemoryError"), "{}", end.stderr.text);
    assert_eq!(end.stdout.text, "['HOME', 'LANG', 'PATH', 'TMPDIR']\n");
    assert_eq!(end.in_force, ["no_new_privileges", "process_limits", "child_subreaper"]);
}

#[tokio::test]
async fn with_less_isolation_the_working_folder_is_a_real_one_and_gone_afterwards() {
    let (options, _folder) = without_namespaces(true);
    let request = CommandRequest {
        files: [("a.txt".to_owned(), "a".to_owned())].into(),
        ..open_network(script("pwd; cat a.txt; mkdir deep; touch deep/b"))
    };

    let end = run_with(options, request).await.unwrap_or_else(|error| panic!("{}", whole(&error)));

    let (folder, rest) = end.stdout.text.split_once('\n').expect("a line");
    assert_eq!(rest, "a");
    assert!(folder.contains("codeflow-run-") && !Path::new(folder).exists(), "{folder}");
}

#[tokio::test]
async fn with_less_isolation_a_daemon_ends_with_the_command_and_with_a_stop() {
    let (options, _folder) = without_namespaces(true);
    let (ended, stopped) = (unique(), unique());
    let daemon = |mark: &str, last: &str| {
        open_network(command("sh", &["-c", &format!("setsid -f setsid sleep {mark}; sleep {last}")]))
    };
    let sandbox = Sandbox::new(options);
    let stop = CancellationToken::new();

    let end = sandbox.run(daemon(&ended, "0.1"), CancellationToken::new()).await;
    let mut begun = None;
    let (cancelled, ()) = tokio::join!(sandbox.run(daemon(&stopped, "600"), stop.clone()), async {
        until_running(&stopped, 2).await;
        begun = Some(Instant::now());
        stop.cancel();
    });

    assert_eq!(end.unwrap_or_else(|error| panic!("{}", whole(&error))).exit_code, Some(0));
    assert_eq!(cancelled.expect_err("it was stopped").kind(), CommandErrorKind::Cancelled);
    assert!(begun.expect("it was stopped").elapsed() < Duration::from_secs(1));
    assert_eq!((processes_with(&ended), processes_with(&stopped)), (vec![], vec![]));
}

#[tokio::test]
async fn with_less_isolation_a_future_that_is_dropped_takes_its_command_along() {
    let (options, _folder) = without_namespaces(true);
    let mark = unique();
    let sandbox = Sandbox::new(options);
    let nap = command("sh", &["-c", &format!("setsid -f setsid sleep {mark}; sleep 600")]);

    tokio::select! {
        ended = sandbox.run(open_network(nap), CancellationToken::new()) => panic!("{ended:?}"),
        () = until_running(&mark, 2) => {}
    }

    until_gone(&mark).await;
}

#[tokio::test]
async fn a_delegated_cgroup_gets_a_group_for_the_command_with_its_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cgroup.subtree_control"), "cpu memory pids\n").expect("a file");
    let options = Options { cgroup: Some(folder.path().to_owned()), ..options() };

    let end = run_with(options, script("true")).await.unwrap_or_else(|error| panic!("{}", whole(&error)));

    // A folder that is no cgroup keeps what was written, and is not removed.
    let group = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    let group = group.map(|entry| entry.path()).find(|path| path.is_dir()).expect("a group");
    let written = |name: &str| std::fs::read_to_string(group.join(name)).unwrap_or_default();
    assert_eq!(written("memory.max"), (256 << 20).to_string());
    assert_eq!(written("pids.max"), "35");
    assert!(group.ends_with(format!("codeflow-run-{}", written("cgroup.procs"))), "{}", group.display());
    assert_eq!(written("cgroup.kill"), "1");
    assert!(end.in_force.iter().any(|name| name == "cgroup"), "{:?}", end.in_force);
}

#[tokio::test]
async fn a_folder_in_the_settings_that_is_not_there_is_no_reason_to_isolate_less() {
    let read_only = vec!["/no/such/folder".into()];
    let options = Options { reduced: true, read_only, ..options() };

    let error = run_with(options, open_network(script("true"))).await.expect_err("it is not there");

    assert_eq!(error.kind(), CommandErrorKind::Broken);
    assert!(whole(&error).contains("/no/such/folder"), "{}", whole(&error));
}

#[tokio::test]
async fn a_cgroup_that_cannot_limit_anything_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cgroup.subtree_control"), "cpu pids\n").expect("a file");
    let options = Options { cgroup: Some(folder.path().to_owned()), ..options() };

    let error = run_with(options, script("true")).await.expect_err("memory is not limited there");

    assert_eq!(error.kind(), CommandErrorKind::Unavailable);
    assert!(whole(&error).contains("`memory` is not in"), "{}", whole(&error));
}
