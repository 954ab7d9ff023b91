//! A relay between a client and a server on this machine that a test can hold up or cut. It runs on threads of its own, so
//! that it serves programs and runtimes alike.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long the relay may take to notice what the test wants.
const BEAT: Duration = Duration::from_millis(10);

const FORWARDS: u8 = 0;
const HOLDS: u8 = 1;
const CUT: u8 = 2;
const OVER: u8 = 3;

/// A relay to one server. It ends with this value.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    manner: AtomicU8,
    accepted: AtomicUsize,
}

impl Proxy {
    /// A relay to `server`, on any free port.
    ///
    /// # Panics
    /// When there is none.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state =
            Arc::new(State { server, manner: AtomicU8::new(FORWARDS), accepted: AtomicUsize::new(0) });
        let shared = Arc::clone(&state);
        thread::spawn(move || shared.accept(&listener));
        Self { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made to it.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Forwards from now on; what was held up goes on.
    pub fn forward(&self) {
        self.state.manner.store(FORWARDS, Ordering::SeqCst);
    }

    /// Forwards nothing from now on and closes nothing, like a network that lost its way.
    pub fn hold(&self) {
        self.state.manner.store(HOLDS, Ordering::SeqCst);
    }

    /// Ends all connections, and new ones at once.
    pub fn cut(&self) {
        self.state.manner.store(CUT, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.manner.store(OVER, Ordering::SeqCst);
        // It waits for a connection, and looks around after one.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn manner(&self) -> u8 {
        self.manner.load(Ordering::SeqCst)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.manner() == OVER {
                return;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
            let state = Arc::clone(&self);
            thread::spawn(move || state.relay(client));
        }
    }

    fn relay(self: Arc<Self>, client: TcpStream) {
        if self.manner() == CUT {
            return;
        }
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let pair = client.try_clone().and_then(|reader| Ok((reader, server.try_clone()?)));
        let Ok((client_reader, server_writer)) = pair else { return };
        let there = Arc::clone(&self);
        thread::spawn(move || there.copy(client_reader, server_writer));
        self.copy(server, client);
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        from.set_read_timeout(Some(BEAT)).expect("it is longer than nothing");
        from.set_nodelay(true).ok();
        to.set_nodelay(true).ok();
        loop {
            match self.manner() {
                FORWARDS => match from.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) if !self.pass_on(&mut to, &buffer[..read]) => break,
                    Ok(_) => {}
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(_) => break,
                },
                HOLDS => thread::sleep(BEAT),
                _ => break,
            }
        }
        from.shutdown(Shutdown::Both).ok();
        to.shutdown(Shutdown::Both).ok();
    }

    /// What was read before the test held the relay up waits, too.
    fn pass_on(&self, to: &mut TcpStream, bytes: &[u8]) -> bool {
        while self.manner() == HOLDS {
            thread::sleep(BEAT);
        }
        self.manner() == FORWARDS && to.write_all(bytes).is_ok()
    }
}
