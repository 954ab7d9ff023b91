//! Connections that were closed while nobody used them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use codeflow_net::{Error, Guard, Phase, Pieces, Pool, PoolSettings};
use http_body_util::BodyExt;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};
use url::Url;

use crate::world::policy;

/// A server that answers one request a connection, and closes when it is told to although it never said so.
struct Fickle {
    url: Url,
    close: Sender<()>,
    closed: Receiver<()>,
    answered: JoinHandle<io::Result<usize>>,
}

impl Fickle {
    /// Serves this many connections.
    fn start(connections: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url =
            Url::parse(&format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port())).unwrap();
        let ((close, told), (tell, closed)) = (channel(), channel());
        let answered = thread::spawn(move || {
            for _ in 0..connections {
                let mut socket = listener.accept()?.0;
                answer(&mut socket)?;
                // Whoever hangs up without a word is done.
                if told.recv().is_err() {
                    break;
                }
                socket.shutdown(Shutdown::Both)?;
                tell.send(()).map_err(io::Error::other)?;
            }
            Ok(connections)
        });
        Self { url, close, closed, answered }
    }

    fn close(&self) {
        self.close.send(()).unwrap();
        self.closed.recv().unwrap();
    }
}

fn answer(socket: &mut TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"body") {
        let mut bytes = [0; 512];
        let read = socket.read(&mut bytes)?;
        assert_ne!(read, 0, "a request comes whole");
        request.extend_from_slice(&bytes[..read]);
    }
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
}

/// A runtime that looks at its sockets after every step of a task.
fn watchful() -> Runtime {
    Builder::new_current_thread().enable_all().event_interval(1).build().unwrap()
}

/// Lets everything that is ready happen: the connection goes back to where it is kept.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

fn request(url: &Url) -> http::Request<Pieces> {
    let body = Pieces::from(bytes::Bytes::from_static(b"body"));
    http::Request::post(url.as_str()).body(body).unwrap()
}

fn guard() -> Guard {
    Guard::new(policy(&["127.0.0.1"]))
}

#[test]
fn a_request_that_finds_its_connection_closed_goes_out_on_another() {
    let server = Fickle::start(2);
    let pool = Pool::new(&guard(), PoolSettings::default()).unwrap();
    let origin = pool.origin(&server.url).unwrap();

    let second = watchful().block_on(async {
        let first = origin.send(request(&server.url)).await.unwrap();
        first.into_body().collect().await.unwrap();
        settle().await;
        // Nothing else runs meanwhile, so that the client learns of it no sooner than from the request.
        server.close();
        // This comes first, and after it the sockets are looked at: by the time that the request is taken up, its
        // connection is known to be closed.
        let mut before = JoinSet::new();
        before.spawn(async {});
        origin.send(request(&server.url)).await
    });

    assert_eq!(second.unwrap().status(), 200);
    drop(server.close);
    assert_eq!(server.answered.join().unwrap().unwrap(), 2);
}

#[test]
fn a_request_that_was_never_begun_is_known_not_to_be_sent() {
    let server = Fickle::start(1);
    let client: legacy::Client<_, Pieces> = legacy::Client::builder(TokioExecutor::new())
        .retry_canceled_requests(false)
        .build(guard().connector().unwrap());

    let second = watchful().block_on(async {
        client.request(request(&server.url)).await.unwrap().into_body().collect().await.unwrap();
        settle().await;
        server.close();
        let mut before = JoinSet::new();
        before.spawn(async {});
        client.request(request(&server.url)).await
    });

    let error = Error::from_client(&server.url, second.unwrap_err());
    assert_eq!(error.phase(), Phase::NotSent, "{error:?}");
}
