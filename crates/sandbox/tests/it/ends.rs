//! Every way in which a command is ended, and that nothing of it is left.

use std::time::{Duration, Instant};

use codeflow_actions::{CommandErrorKind, CommandRequest, Commands};
use codeflow_sandbox::Sandbox;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{options, processes_with, python, run, unique, until_gone, until_running};

/// Leaves the session and the parent, as a daemon does, and ignores everything that can be ignored.
fn daemon(mark: &str) -> String {
    format!(
        "import os, signal, time, sys\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\n\
         if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    os.setsid()\n    mark = '{mark}'\n    time.sleep(600)\n  os._exit(0)\n"
    )
}

#[tokio::test]
async fn a_grandchild_that_left_the_session_ends_with_the_command() {
    let mark = unique();

    let end = run(python(&format!("{}time.sleep(0.1)", daemon(&mark)))).await;

    assert_eq!(end.exit_code, Some(0), "{}", end.stderr.text);
    assert_eq!(processes_with(&mark), Vec::<String>::new());
}

#[tokio::test]
async fn a_cancelled_command_is_gone_within_a_second_with_all_that_it_started() {
    let mark = unique();
    let (sandbox, stop) = (Sandbox::new(options()), CancellationToken::new());
    let stubborn = format!("{}time.sleep(600)", daemon(&mark));
    let mut begun = None;

    let (ended, ()) = tokio::join!(sandbox.run(python(&stubborn), stop.clone()), async {
        until_running(&mark, 2).await;
        begun = Some(Instant::now());
        stop.cancel();
    });

    let took = begun.expect("it was cancelled").elapsed();
    assert_eq!(ended.expect_err("it was cancelled").kind(), CommandErrorKind::Cancelled);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(processes_with(&mark), Vec::<String>::new());
}

#[tokio::test]
async fn a_cancelled_command_is_asked_to_end_before_it_is_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let polite = python(&format!(
        "import signal, socket, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: (s.send(b'bye'), sys.exit()))\n\
         s = socket.create_connection(('127.0.0.1', {port}))\ns.send(b'hello ')\ntime.sleep(600)"
    ));
    let (sandbox, stop) = (Sandbox::new(options()), CancellationToken::new());
    let mut heard = String::new();

    let (ended, ()) =
        tokio::join!(sandbox.run(CommandRequest { network: true, ..polite }, stop.clone()), async {
            let (mut stream, _) = listener.accept().await.expect("it comes");
            let mut hello = [0; 6];
            stream.read_exact(&mut hello).await.expect("it says hello");
            stop.cancel();
            let _ = stream.read_to_string(&mut heard).await;
        });

    assert_eq!(ended.expect_err("it was cancelled").kind(), CommandErrorKind::Cancelled);
    assert_eq!(heard, "bye");
}

#[tokio::test]
async fn a_future_that_is_dropped_takes_its_command_along() {
    let mark = unique();
    let sandbox = Sandbox::new(options());
    let stubborn = format!("{}time.sleep(600)", daemon(&mark));

    tokio::select! {
        ended = sandbox.run(python(&stubborn), CancellationToken::new()) => panic!("{ended:?}"),
        () = until_running(&mark, 2) => {}
    }

    until_gone(&mark).await;
}
