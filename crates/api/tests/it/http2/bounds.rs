//! What a client of HTTP/2 may make the server hold, and floods of frames: the client is cut, the others are served.

use std::time::Duration;

use bytes::Bytes;
use codeflow_api::ServerLimits;
use codeflow_model::{RawPiece, Tap, WireFormat};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PING, PRIORITY, REFUSED_STREAM, RESET,
    SETTINGS, WINDOW_UPDATE, field, fields, frame, unfinished,
};
use super::{Client, SHORT, SOON, limited};
use crate::live::{Live, Play, Setting};

/// Sends this again and again, and reads what comes, until the server closes. Others ask meanwhile, and are answered.
async fn flood(live: &Live, name: &str, mut next: impl FnMut(u32) -> Vec<u8>) {
    let (mut reads, mut writes) = Frames::open(live).await.0.into_split();
    let flooding = async {
        let mut turn = 0;
        while writes.write_all(&next(turn)).await.is_ok() {
            turn += 1;
        }
    };
    let reading = async {
        let mut bytes = [0; 4096];
        while reads.read(&mut bytes).await.is_ok_and(|len| len > 0) {}
    };
    let others = async {
        for _ in 0..20 {
            assert_eq!(live.get("/v1/models").await.status, 200);
        }
    };
    let (cut, ()) = tokio::join!(timeout(SOON * 4, async { tokio::join!(flooding, reading) }), others);
    assert!(cut.is_ok(), "{name} may go on");
    assert_eq!(live.get("/v1/models").await.status, 200);
}

/// The number of the stream of a turn.
fn stream(turn: u32) -> u32 {
    turn * 2 + 1
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_cut_the_connection() {
    let live = Live::new().await;

    flood(&live, "resets", |turn| {
        [unfinished(stream(turn)), frame(RESET, 0, stream(turn), &[0, 0, 0, 8])].concat()
    })
    .await;
}

#[tokio::test]
async fn requests_that_are_taken_back_once_they_are_worked_on_cut_the_connection() {
    let live = Live::new().await;
    let mut line = Frames::open(&live).await;

    let cut = timeout(SOON * 4, async {
        for turn in 0..2_000 {
            let ping = frame(PING, 0, 0, &[7; 8]);
            let _ = line.0.write_all(&[unfinished(stream(turn)), ping].concat()).await;
            // What follows is not with it in the same look of the server's.
            while line.next().await?.payload != [7; 8] {}
            line.send(RESET, 0, stream(turn), &[0, 0, 0, 8]).await;
        }
        Some(())
    });

    assert_eq!(cut.await, Ok(None), "it may go on");
    assert_eq!(live.get("/v1/models").await.status, 200);
}

#[tokio::test]
async fn heads_in_pieces_without_end_cut_the_connection() {
    let live = Live::new().await;
    let begun = frame(HEADERS, 0, 1, &fields(2, "/health/live"));

    for payload in [Vec::new(), field("x-more", "and more of it")] {
        let more = frame(CONTINUATION, 0, 1, &payload);
        flood(&live, "a head", |turn| if turn == 0 { begun.clone() } else { more.clone() }).await;
    }
}

#[tokio::test]
async fn frames_that_ask_for_nothing_cut_the_connection() {
    let live = Live::new().await;
    let kinds: [(&str, Vec<u8>); 6] = [
        ("pings", frame(PING, 0, 0, &[1; 8])),
        ("answers to pings", frame(PING, ACK, 0, &[1; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 7])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("what nobody knows", frame(0x42, 0, 0, &[1; 8])),
    ];

    for (name, one) in kinds {
        flood(&live, name, |_| one.repeat(10)).await;
    }
}

#[tokio::test]
async fn empty_pieces_of_a_body_cut_the_connection() {
    let live = Live::new().await;

    flood(&live, "a body", |turn| if turn == 0 { unfinished(1) } else { frame(DATA, 0, 1, &[]) }).await;
}

#[tokio::test]
async fn a_client_that_says_of_every_few_bytes_that_it_read_them_is_not_cut() {
    const PIECES: usize = 600;
    let live = Live::forwarding(WireFormat::ChatCompletions).await;
    let piece = RawPiece { bytes: Bytes::from(vec![b'x'; 32 << 10]), tap: Tap::default() };
    live.provider.plays([Play::Pieces(vec![Ok(piece); PIECES], false)]);
    let mut line = Frames::open(&live).await;
    line.0.write_all(&unfinished(1)).await.expect("it is open");
    let ask = br#"{"model":"fast","messages":[],"stream":true}"#;
    line.send(DATA, END_STREAM, 1, ask).await;

    let mut updates = 0;
    let ended = timeout(SOON * 4, async {
        loop {
            let came = line.next().await.expect("it is not cut");
            if came.kind == DATA {
                if came.flags & END_STREAM != 0 {
                    return;
                }
                for part in came.payload.chunks(4 << 10) {
                    let len = u32::try_from(part.len()).expect("it is small").to_be_bytes();
                    let said = [0, 1].map(|stream| frame(WINDOW_UPDATE, 0, stream, &len));
                    line.0.write_all(&said.concat()).await.expect("it is open");
                    updates += said.len();
                }
            }
        }
    });

    ended.await.expect("it comes to its end");
    assert!(updates > 5_000, "{updates}");
}

#[tokio::test]
async fn a_client_that_says_late_and_all_at_once_what_it_read_is_not_cut() {
    const PIECES: usize = 128;
    let live = Live::forwarding(WireFormat::ChatCompletions).await;
    let piece = RawPiece { bytes: Bytes::from(vec![b'x'; 32 << 10]), tap: Tap::default() };
    live.provider.plays([Play::Pieces(vec![Ok(piece); PIECES], false)]);
    let mut line = Frames::open(&live).await;
    line.0.write_all(&unfinished(1)).await.expect("it is open");
    let room = [0, 1].map(|stream| frame(WINDOW_UPDATE, 0, stream, &(16_u32 << 20).to_be_bytes()));
    line.0.write_all(&room.concat()).await.expect("it is open");
    let ask = br#"{"model":"fast","messages":[],"stream":true}"#;
    line.send(DATA, END_STREAM, 1, ask).await;
    let whole = async {
        while !matches!(line.next().await, Some(came) if came.kind == DATA && came.flags & END_STREAM != 0) {}
    };
    timeout(SOON * 4, whole).await.expect("all of it comes");

    line.0.write_all(&frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(2_500)).await.expect("it is open");
    line.send(PING, 0, 0, &[7; 8]).await;

    let answered =
        timeout(SOON, async { while line.next().await.expect("it is not cut").payload != [7; 8] {} });
    answered.await.expect("it is answered");
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_and_nothing_else_is() {
    let live = Live::with(limited(ServerLimits { streams: 3, ..ServerLimits::default() })).await;
    let mut line = Frames::open(&live).await;

    for turn in 0..4 {
        line.0.write_all(&unfinished(stream(turn))).await.expect("it is open");
    }
    let refused = timeout(SOON, async {
        loop {
            let frame = line.next().await.expect("the connection stays");
            if frame.kind == RESET {
                return (frame.stream, frame.payload);
            }
        }
    });

    let (stream, reason) = refused.await.expect("one is refused");
    assert_eq!((stream, reason), (7, REFUSED_STREAM.to_be_bytes().to_vec()));
    assert_eq!(ServerLimits::default().streams, 200, "the guide says so");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_the_next_is_not() {
    let limits = ServerLimits { headers: 50, header_bytes: 40 << 10, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    let mut client = Client::of(&live).await;

    let large = |kib: usize| vec![("x-large".to_owned(), "a".repeat(kib << 10))];
    let many = (0..60).map(|number| (format!("x-{number}"), "1".to_owned())).collect();
    for (fields, status) in [(large(30), 200), (large(50), 431), (many, 431)] {
        let mut request = http::Request::get("http://x/health/live");
        for (name, value) in &fields {
            request = request.header(name, value);
        }
        let request = request.body(()).expect("it is one");
        let sent = client.sends.send_request(request, true).expect("it is sent");
        let answer = sent.0.await.expect("it is answered");
        assert_eq!(answer.status(), status, "{} fields", fields.len());
    }
    assert_eq!(client.get("/health/live").await, 200);
    let request = http::Request::get("http://x/health/live").header("x-large", "a".repeat(400 << 10));
    let sent = client.sends.send_request(request.body(()).expect("it is one"), true).expect("it is sent");
    assert!(timeout(SOON, sent.0).await.expect("it is not left alone").is_err(), "it is read on and on");
    assert!(timeout(SOON, client.ends).await.is_ok(), "the connection is closed");
}

#[tokio::test]
async fn a_head_that_begins_and_does_not_end_is_not_waited_for() {
    let limits = ServerLimits { header_time: SHORT, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields(2, "/health/live"));
    let first = frame(HEADERS, 0, 1, &fields(2, "/health/live"));

    for begun in [&whole[..20], &first[..]] {
        let mut line = Frames::open(&live).await;
        line.0.write_all(begun).await.expect("it is open");
        let closed = timeout(SOON, async { while line.next().await.is_some() {} });
        assert!(closed.await.is_ok(), "{} bytes keep the connection", begun.len());
    }
    let mut kept = Frames::open(&live).await;
    kept.get(1, "/health/live").await;
    let closed = timeout(Duration::from_millis(600), async { while kept.next().await.is_some() {} });
    assert!(closed.await.is_err(), "one that is whole keeps it");
}

#[tokio::test]
async fn a_preface_in_pieces_is_watched_like_any_other() {
    let live = Live::with(Setting::default()).await;
    let mut stream = tokio::net::TcpStream::connect(live.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("it is open");
    for piece in [&b"P"[..], b"RI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n"] {
        stream.write_all(piece).await.expect("it is open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut line = Frames(stream);
    line.send(SETTINGS, 0, 0, &[]).await;
    let pings = frame(PING, ACK, 0, &[1; 8]).repeat(5_000);

    let _ = line.0.write_all(&pings).await;

    let closed = timeout(SOON, async { while line.next().await.is_some() {} });
    assert!(closed.await.is_ok(), "its floods are not seen");
}
