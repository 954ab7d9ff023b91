//! A Redis of a test's own, which it can stop and start.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server on a port of this machine. It ends with this value.
pub(crate) struct RedisServer {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let child = launch(&folder, port);
        Self { folder, port, child }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    /// What a command answers, as `redis` reads it.
    pub(crate) fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("the address is well formed");
        let mut connection = client.get_connection().expect("it is there");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection).expect("it answers")
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.command(&["KEYS", "*"])
    }

    /// How often scripts were called.
    pub(crate) fn scripts(&self) -> u64 {
        let text: String = self.command(&["INFO", "commandstats"]);
        let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default()
    }

    /// Looks again and again.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}: never");
            sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// On the same port as before.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(&self.folder, self.port);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts it and waits until it answers.
fn launch(folder: &TempDir, port: u16) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
    command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child =
        command.spawn().expect("redis-server can be started: install it, or let `cargo xtask test` do so");
    let began = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = child.try_wait().expect("it can be waited for");
        assert!(ended.is_none(), "redis-server ended: {ended:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "redis-server does not answer");
        sleep(Duration::from_millis(5));
    }
    child
}
