//! HTTP/2: connections over which nothing is asked, answers that nobody takes, bodies that do not come.

mod bounds;
mod frames;

use std::time::Duration;

use bytes::Bytes;
use codeflow_api::{BodyLimits, ServerLimits};
use codeflow_model::{RawPiece, Tap, WireFormat};
use codeflow_runtime::Tasks;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, StatusCode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::live::{Live, Play, Setting};
use frames::{ACK, Frames, GOAWAY, HEADERS, PING};

const SOON: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(200);
/// What says that a connection ends, in a ping that has to be answered.
const FAREWELL: [u8; 8] = [0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54];

/// A client that does what the standard asks for.
struct Client {
    sends: SendRequest<Bytes>,
    ends: JoinHandle<Option<Result<(), h2::Error>>>,
}

impl Client {
    async fn of(live: &Live) -> Self {
        // Streams have little room, the connection has much: one stream that is not read stops no other.
        Self::with(live, Builder::new().initial_connection_window_size(8 << 20)).await
    }

    async fn with(live: &Live, builder: &Builder) -> Self {
        let stream = TcpStream::connect(live.address).await.expect("the server listens");
        let (sends, connection) = builder.handshake(stream).await.expect("it speaks HTTP/2");
        Self { sends, ends: Tasks::new().spawn("client", connection) }
    }

    async fn begin(&mut self, path: &str, ends: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let method = if ends { Method::GET } else { Method::POST };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://x{path}"))
            .header("x-api-key", "k1")
            .header("content-type", "application/json");
        let sends = self.sends.clone().ready().await.expect("there is room for another stream");
        self.sends = sends;
        self.sends.send_request(request.body(()).expect("it is one"), ends).expect("it is sent")
    }

    async fn get(&mut self, path: &str) -> StatusCode {
        let (answer, _) = self.begin(path, true).await;
        let (head, body) = answer.await.expect("it is answered").into_parts();
        all(body).await.expect("it comes whole");
        head.status
    }

    /// Asks a model; the answer is read by whoever asked.
    async fn ask(&mut self, streamed: bool) -> RecvStream {
        let (answer, mut body) = self.begin("/v1/chat/completions", false).await;
        let ask = json!({ "model": "fast", "messages": [], "stream": streamed });
        body.send_data(ask.to_string().into(), true).expect("it is sent");
        answer.await.expect("it is answered").into_body()
    }
}

async fn all(mut body: RecvStream) -> Result<usize, h2::Error> {
    let mut len = 0;
    while let Some(data) = body.data().await {
        let data = data?;
        len += data.len();
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(len)
}

fn limited(limits: ServerLimits) -> Setting {
    Setting { limits, ..Setting::default() }
}

fn large() -> Play {
    Play::Text(Box::leak("x".repeat(200_000).into_boxed_str()))
}

#[tokio::test]
async fn a_connection_that_answers_pings_and_asks_nothing_is_told_to_end() {
    let live = Live::with(limited(ServerLimits { idle_time: SHORT, ..ServerLimits::default() })).await;
    let mut client = Client::of(&live).await;
    let silent = Client::of(&live).await;
    assert_eq!(client.get("/health/live").await, 200);
    tokio::time::sleep(SHORT / 2).await;
    assert_eq!(client.get("/health/live").await, 200, "it is kept while something is asked");

    for ends in [client.ends, silent.ends] {
        let ended = timeout(SOON, ends).await.expect("it ends soon").expect("it ends by itself");
        ended.expect("nothing panics").expect("it ends in good order");
    }
}

#[tokio::test]
async fn a_connection_whose_client_does_not_hear_that_it_ends_is_closed() {
    let limits = ServerLimits { idle_time: SHORT, write_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    let mut line = Frames::open(&live).await;
    let mut told = false;

    let ended = timeout(SOON, async {
        while let Some(frame) = line.next().await {
            told |= frame.kind == GOAWAY;
            if frame.kind == PING && frame.flags & ACK == 0 && frame.payload != FAREWELL {
                line.send(PING, ACK, 0, &frame.payload).await;
            }
        }
    });

    assert!(ended.await.is_ok() && told, "it was told: {told}");
}

#[tokio::test]
async fn a_connection_over_which_something_is_answered_is_not_idle() {
    let limits = ServerLimits { idle_time: SHORT, write_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    live.provider.plays([Play::Hang]);
    let mut client = Client::of(&live).await;
    let (answer, mut body) = client.begin("/v1/chat/completions", false).await;
    let ask = json!({ "model": "fast", "messages": [] });
    body.send_data(ask.to_string().into(), true).expect("it is sent");

    assert!(timeout(SHORT * 4, &mut client.ends).await.is_err(), "it is kept while a model is waited for");
    assert_eq!(client.get("/health/live").await, 200, "and may be asked meanwhile");
    drop((answer, body));
    assert!(timeout(SOON, client.ends).await.is_ok(), "and ends after that");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_no_other() {
    let limits = ServerLimits { write_time: SHORT, ..ServerLimits::default() };
    let setting = Setting { passes: Some(WireFormat::ChatCompletions), ..limited(limits) };
    let live = Live::with(setting).await;
    let big = Bytes::from(vec![b'x'; 1 << 20]);
    let piece = RawPiece { bytes: big, tap: Tap { said: 1, ..Tap::default() } };
    live.provider.plays([Play::Pieces(vec![Ok(piece); 8], true)]);
    let mut client = Client::of(&live).await;

    let mut unread = client.ask(true).await;
    let given_up = timeout(SOON, live.provider.dropped.acquire()).await;

    given_up.expect("the call is given up").expect("nobody closes it").forget();
    let ended = timeout(SOON, async {
        loop {
            if let Err(error) = unread.data().await.expect("it does not look whole") {
                return error;
            }
        }
    });
    assert_eq!(ended.await.expect("it ends").reason(), Some(Reason::CANCEL));
    assert_eq!(client.get("/v1/models").await, 200, "the connection goes on");
}

#[tokio::test]
async fn a_whole_answer_that_nobody_takes_is_given_up_and_one_that_is_taken_slowly_is_not() {
    let limits = ServerLimits { write_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    live.provider.plays([large(), large()]);
    let mut client = Client::of(&live).await;

    let mut unread = client.ask(false).await;
    let mut slow = client.ask(false).await;
    let mut read = 0;
    while let Some(data) = slow.data().await {
        let len = data.expect("something is taken all the time").len();
        read += len;
        tokio::time::sleep(SHORT / 10).await;
        slow.flow_control().release_capacity(len).expect("it was given");
    }
    let ended = timeout(SOON, async {
        loop {
            if let Err(error) = unread.data().await.expect("it does not look whole") {
                return error;
            }
        }
    });

    assert!(read > 200_000);
    assert_eq!(ended.await.expect("it ends").reason(), Some(Reason::CANCEL));
}

#[tokio::test]
async fn a_client_that_says_only_now_and_then_what_it_has_read_is_not_given_up() {
    let limits = ServerLimits { write_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    live.provider.plays([large()]);
    let mut client = Client::of(&live).await;

    let mut answer = client.ask(false).await;
    let (mut read, mut unsaid) = (0, 0);
    loop {
        match timeout(SHORT * 2, answer.data()).await {
            Ok(Some(data)) => {
                let len = data.expect("it is not given up").len();
                (read, unsaid) = (read + len, unsaid + len);
            }
            Ok(None) => break,
            // Twice as long as a client of HTTP/1.1 has.
            Err(_) => {
                answer.flow_control().release_capacity(unsaid).expect("it was given");
                unsaid = 0;
            }
        }
    }

    assert!(read > 200_000, "{read}");
}

#[tokio::test]
async fn the_last_of_an_answer_that_nobody_takes_keeps_no_connection() {
    let limits = ServerLimits { write_time: SHORT, idle_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    let mut client = Client::with(&live, Builder::new().initial_window_size(10)).await;

    let (answer, _) = client.begin("/health/live", true).await;
    let _unread = answer.await.expect("it is answered").into_body();

    assert!(timeout(SOON, client.ends).await.is_ok(), "it is closed");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let body = BodyLimits { time: SHORT, ..BodyLimits::default() };
    let live = Live::with(Setting { body, ..Setting::default() }).await;
    let mut client = Client::of(&live).await;

    let (answer, mut body) = client.begin("/v1/chat/completions", false).await;
    body.send_data("{".into(), false).expect("it is sent");
    let answer = timeout(SOON, answer).await.expect("it is answered").expect("it is not cut");

    assert_eq!(answer.status(), 408);
    let reset = timeout(SOON, std::future::poll_fn(|cx| body.poll_reset(cx))).await;
    assert!(reset.expect("nothing more is read").is_ok());
    assert_eq!(client.get("/v1/models").await, 200, "the connection goes on");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_a_client_that_does_not_hear_it() {
    let limits = ServerLimits { write_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    let mut deaf = Frames::open(&live).await;
    deaf.get(1, "/health/live").await;
    while deaf.next().await.expect("it is answered").kind != HEADERS {}
    let mut client = Client::of(&live).await;
    assert_eq!(client.get("/health/live").await, 200);

    assert!(live.tasks.shut_down(SOON).await);

    let ended = client.ends.await.expect("it ends by itself").expect("nothing panics");
    ended.expect("it ends in good order");
}
