//! What a command sees of the machine, and of the process that started it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;

use codeflow_actions::CommandRequest;
use codeflow_sandbox::Options;

use crate::support::{options, python, run, run_with, script, whole};

#[tokio::test]
async fn its_variables_are_a_few_that_say_nothing() {
    let end = run(script("env | cut -d= -f1 | sort | tr '\\n' ' '")).await;

    // The shell itself adds two or three.
    let names: Vec<&str> =
        end.stdout.text.split_whitespace().filter(|it| !matches!(*it, "_" | "OLDPWD" | "SHLVL")).collect();
    assert_eq!(names, ["HOME", "LANG", "PATH", "PWD", "TMPDIR"]);
}

#[tokio::test]
async fn no_process_but_its_own_is_there_and_the_first_one_is_closed_to_it() {
    let text =
        "ls /proc | grep -c '^[0-9]'; cat /proc/1/environ 2>&1; ls /proc/1/fd 2>&1; kill -KILL 1; echo $?";

    let end = run(script(text)).await;

    let lines: Vec<&str> = end.stdout.text.lines().collect();
    assert!(lines[0].parse::<u32>().is_ok_and(|count| count <= 5), "{lines:?}");
    assert!(end.stdout.text.matches("Permission denied").count() >= 1, "{lines:?}");
    assert_eq!(lines.last(), Some(&"0"), "a signal to the first process is lost");
}

#[tokio::test]
async fn nothing_that_the_worker_has_in_its_environment_is_found_in_any_process() {
    // Whatever runs these tests sets some of these.
    let own = std::fs::read("/proc/self/environ").expect("it is there");
    assert!(String::from_utf8_lossy(&own).contains("PATH="), "this process has variables to hide");

    let end =
        run(script("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | cut -d= -f1 | sort -u")).await;

    for name in end.stdout.text.lines() {
        assert!(["HOME", "LANG", "PATH", "PWD", "TMPDIR", "OLDPWD", "SHLVL", "_"].contains(&name), "{name}");
    }
}

#[tokio::test]
async fn variables_of_the_step_reach_the_command_and_none_of_its_stages() {
    let environment = [("LD_PRELOAD", "/workspace/none.so"), ("LEVEL", "a=b c"), ("LANG", "C")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();

    let end = run(CommandRequest { environment, ..script("echo \"$LEVEL $LANG\"") }).await;

    assert_eq!(end.stdout.text, "a=b c C\n");
    // The loader complains once, for the shell, and not for the stage before it.
    assert_eq!(end.stderr.text.matches("/workspace/none.so").count(), 1, "{}", end.stderr.text);
}

#[tokio::test]
async fn the_program_of_the_worker_cannot_be_reached_through_its_own_stages() {
    let end = run(script(
        "for f in exe root cwd fd/0 mem; do cat /proc/1/$f >/dev/null 2>&1 && echo $f; done; echo end",
    ))
    .await;

    assert_eq!(end.stdout.text, "end\n");
}

#[tokio::test]
async fn a_file_that_the_worker_has_open_is_not_open_for_it() {
    let file = tempfile::tempfile().expect("a file");
    let open = file.try_clone().expect("a second one");
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).expect("it would be inherited");

    let end = run(script("ls /proc/self/fd")).await;

    assert!(open.as_raw_fd() > 3);
    // The last one is the folder that is being listed.
    assert_eq!(end.stdout.text, "0\n1\n2\n3\n");
}

#[tokio::test]
async fn homes_settings_and_data_are_not_there() {
    let end =
        run(script("ls -A / | tr '\\n' ' '; ls -A /etc | tr '\\n' ' '; ls -A . /root /home 2>&1")).await;

    for absent in ["root ", "home ", "var ", "sys ", "run ", "shadow", "ssh", "systemd"] {
        assert!(!end.stdout.text.lines().next().expect("a line").contains(absent), "{}", end.stdout.text);
    }
}

#[tokio::test]
async fn nothing_outside_of_its_folder_can_be_written() {
    let end = run(script(
        "for d in / /usr /usr/bin /etc /dev /proc/sys/kernel; do touch $d/x 2>/dev/null && echo $d; done; \
         touch here \"$TMPDIR/there\" && echo inside",
    ))
    .await;

    assert_eq!(end.stdout.text, "inside\n");
}

#[tokio::test]
async fn it_has_no_capability_and_gets_none() {
    let end = run(script(
        "grep -E 'Cap|NoNewPrivs' /proc/self/status | tr -d '\\t'; \
         unshare -U true || unshare -r true || mount -t tmpfs x /workspace || chroot / || echo powerless",
    ))
    .await;

    let none = "0".repeat(16);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(end.stdout.text.contains(&format!("{set}:{none}")), "{}", end.stdout.text);
    }
    assert!(end.stdout.text.contains("NoNewPrivs:1"));
    assert!(end.stdout.text.ends_with("powerless\n"), "{end:?}");
}

#[tokio::test]
async fn what_is_in_force_is_said() {
    let closed = run(script("true")).await;
    let open = run(CommandRequest { network: true, ..script("true") }).await;

    let closed: Vec<&str> = closed.in_force.iter().map(String::as_str).collect();
    assert!(closed.contains(&"pid_namespace") && closed.contains(&"network_namespace"), "{closed:?}");
    assert!(!open.in_force.iter().any(|name| name == "network_namespace"), "{:?}", open.in_force);
}

#[tokio::test]
async fn a_listener_of_this_machine_is_reached_only_with_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        stream.write_all(b"hello").expect("it listens");
        let _ = stream.read(&mut [0; 8]);
    });
    let ask = python(&format!(
        "import socket\ntry:\n  s = socket.create_connection(('127.0.0.1', {port}), 5)\n  print(s.recv(5).decode())\nexcept OSError as e: print('refused', e.errno)"
    ));

    let without = run(ask.clone()).await;
    let with = run(CommandRequest { network: true, ..ask }).await;

    assert!(without.stdout.text.starts_with("refused"), "{without:?}");
    assert_eq!(with.stdout.text, "hello\n");
    answer.join().expect("it was asked once");
}

#[tokio::test]
async fn a_folder_that_settings_show_can_be_read_and_not_written() {
    let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
    std::fs::write(folder.path().join("tool"), "a tool").expect("a file");
    open_to_all(folder.path());
    let path = folder.path().to_str().expect("text").to_owned();
    let options = Options { read_only: vec![folder.path().to_owned()], ..options() };

    let end =
        run_with(options, script(&format!("cat {path}/tool; touch {path}/x 2>/dev/null || echo ' held'")))
            .await;

    let end = end.unwrap_or_else(|error| panic!("{}", whole(&error)));
    assert_eq!(end.stdout.text, "a tool held\n", "{}", end.stderr.text);
}

fn open_to_all(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;

    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, open).expect("it is ours");
}
