//! A Redis of a test's own, which it can stop and start.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A `redis-server` on a port of this machine. It ends with this value.
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// Starts one that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further options of its command line, in which `{port}` is its port.
    #[expect(clippy::missing_panics_doc, reason = "a test without its server fails")]
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let options: Vec<String> =
            options.iter().map(|option| option.replace("{port}", &port.to_string())).collect();
        let child = launch(&folder, port, &options);
        Self { folder, port, options, child }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// How clients write that.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    /// Ends it at once.
    pub fn stop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Starts it on the same port as before.
    pub fn start_again(&mut self) {
        self.child = launch(&self.folder, self.port, &self.options);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts it and waits until it answers.
fn launch(folder: &TempDir, port: u16, options: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
    command.args(options);
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
