//! Commands that take all they can get.

use std::time::{Duration, Instant};

use codeflow_actions::{CommandErrorKind, CommandLimits, CommandRequest};

use crate::support::{options, processes_with, python, run, run_with, script, unique};

#[tokio::test]
async fn a_memory_bomb_hits_its_limit() {
    let end = run(python("x = []\nwhile True: x.append(bytearray(8 << 20))")).await;

    assert_ne!(end.exit_code, Some(0));
    assert!(end.stderr.text.contains("MemoryError"), "{}", end.stderr.text);
    assert!(end.max_memory <= 256 << 20, "{}", end.max_memory);
}

#[tokio::test]
async fn a_fork_bomb_runs_into_its_limit_and_nothing_of_it_is_left() {
    let mark = unique();
    let bomb = format!(
        "import os, time, sys\nn = 0\nmark = '{mark}'\ntry:\n  while n < 1000:\n    if os.fork() == 0: time.sleep(100); os._exit(0)\n    n += 1\nexcept BlockingIOError: pass\nprint(n)"
    );

    let end = run(python(&bomb)).await;

    let forked: u32 = end.stdout.text.trim().parse().unwrap_or_else(|_| panic!("{end:?}"));
    assert!((8..32).contains(&forked), "{forked}");
    assert_eq!(processes_with(&mark), Vec::<String>::new());
}

#[tokio::test]
async fn many_processes_together_get_no_more_memory_than_one() {
    let eaters = "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n    x = bytearray(b'x') * (60 << 20)\n    time.sleep(60)\n    os._exit(0)\ntime.sleep(60)";
    let begun = Instant::now();

    let end = run(python(eaters)).await;

    assert_eq!((end.exceeded, end.signal), (Some("memory"), Some(9)));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn many_processes_together_get_no_more_time_than_one() {
    let limits = CommandLimits { cpu: Some(Duration::from_secs(1)), ..CommandLimits::default() };
    let spinners = "for i in 1 2 3 4 5 6; do (while :; do :; done) & done; wait";

    let end = run(CommandRequest { limits, ..script(spinners) }).await;

    assert_eq!((end.exceeded, end.signal), (Some("cpu"), Some(9)));
    assert!(end.cpu < Duration::from_secs(4), "{:?}", end.cpu);
}

#[tokio::test]
async fn a_spinning_program_loses_its_processor() {
    let limits = CommandLimits { cpu: Some(Duration::from_secs(1)), ..CommandLimits::default() };

    let end = run(CommandRequest { limits, ..script("while :; do :; done") }).await;

    // SIGXCPU, or SIGKILL when it is noticed before.
    assert!(matches!((end.exit_code, end.signal), (None, Some(24 | 9))), "{end:?}");
    assert!((500..3_000).contains(&end.cpu.as_millis()), "{:?}", end.cpu);
}

#[tokio::test]
async fn a_huge_file_and_many_files_find_no_room() {
    let one = run(script("head -c 9000000 /dev/zero > big; wc -c < big")).await;
    let many =
        run(script("for i in 1 2 3 4 5; do head -c 8000000 /dev/zero > $i; done; du -sk . | cut -f1")).await;

    assert_eq!(one.stdout.text, format!("{}\n", 8 << 20));
    assert!(many.stderr.text.contains("No space left"), "{}", many.stderr.text);
    assert!(many.stdout.text.trim().parse::<u64>().expect("a number") <= 16 << 10, "{}", many.stdout.text);
}

#[tokio::test]
async fn it_cannot_have_more_files_open_than_it_may() {
    let end =
        run(python("f = []\ntry:\n  while True: f.append(open('/dev/null'))\nexcept OSError: print(len(f))"))
            .await;

    let open: u32 = end.stdout.text.trim().parse().unwrap_or_else(|_| panic!("{end:?}"));
    assert!((100..128).contains(&open), "{open}");
}

#[tokio::test]
async fn limits_cannot_be_lifted_again() {
    let end = run(script("ulimit -n 4096 || ulimit -v unlimited || ulimit -u 9999 || echo held")).await;

    assert_eq!(end.stdout.text, "held\n", "{}", end.stderr.text);
}

#[tokio::test]
async fn a_writer_that_never_ends_is_ended_by_time() {
    let request = CommandRequest { timeout: Duration::from_millis(700), ..script("yes") };
    let begun = Instant::now();

    let error = run_with(options(), request).await.expect_err("it never ends");

    assert_eq!(error.kind(), CommandErrorKind::Timeout);
    assert!(begun.elapsed() < Duration::from_millis(1_900), "{:?}", begun.elapsed());
}
