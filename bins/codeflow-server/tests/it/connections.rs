//! Clients in great numbers: the program holds them, serves others, and needs little memory for each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::program::{KEY, Program, server};

const MANY: usize = 10_000;
/// Descriptors of either process for everything else.
const SPARE: u64 = 500;
const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: g\r\n\r\n";
/// What a page of memory is, on every machine that this is run on.
const PAGE: u64 = 4096;

/// How many sockets this process and the program, which begins with the same limit, may hold each, after asking for as many
/// as are wanted.
#[expect(clippy::print_stderr, reason = "a test that does less than it says has to say so")]
fn room() -> usize {
    let wanted = MANY as u64 + SPARE;
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |hard| hard.min(wanted));
    let current = limit.current.map_or(allowed, |soft| soft.max(allowed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum })
        .expect("the soft limit may be raised to the hard one");
    let count = usize::try_from(allowed.saturating_sub(SPARE)).unwrap_or(MANY).min(MANY);
    if count < MANY {
        eprintln!("ONLY {count} OF {MANY} CONNECTIONS: a process may open no more than {allowed} files here");
    }
    count
}

/// What the program has in memory, in bytes.
fn memory(program: &Program) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/statm", program.id())).expect("it runs");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("it is a number");
    pages * PAGE
}

/// Asks over a connection that stays open.
fn ask(stream: &mut TcpStream) {
    stream.write_all(LIVE).expect("it is open");
    let (mut answer, mut bytes) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"\"live\"}") {
        let len = stream.read(&mut bytes).expect("it is answered in time");
        assert!(len > 0, "it is closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&bytes[..len]);
    }
}

fn open(program: &Program) -> TcpStream {
    let stream = TcpStream::connect(&program.address).expect("the program accepts");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time is legal");
    stream
}

#[test]
fn ten_thousand_idle_connections_hold_nobody_up_and_cost_little() {
    let count = room();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let settings = "[server]\nmax_connections = 10100\nidle_timeout = \"10m\"\n[log]\nfilter = \"warn\"\n";
    std::fs::write(folder.path().join("codeflow.toml"), settings).expect("it can be written");
    let mut command = server(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--database-url"]).arg(folder.path().join("calls.db"));
    command.env("CODEFLOW_MASTER_KEY", KEY);
    let program = Program::start(command);
    // What is made at first use is made now.
    for _ in 0..100 {
        ask(&mut open(&program));
    }
    let before = memory(&program);

    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(&program);
        ask(&mut stream);
        idle.push(stream);
    }
    let after = memory(&program);
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let began = Instant::now();
        ask(&mut open(&program));
        slowest = slowest.max(began.elapsed());
    }

    let each = after.saturating_sub(before) / count as u64;
    eprintln!(
        "{count} idle connections: {each} bytes each, {} MiB in all; others are served within {slowest:?}",
        after >> 20
    );
    assert!(each < 48 << 10, "an idle connection costs {each} bytes");
    assert!(slowest < Duration::from_secs(1), "another client waits for {slowest:?}");
    for stream in idle.iter_mut().step_by(100) {
        ask(stream);
    }
}
