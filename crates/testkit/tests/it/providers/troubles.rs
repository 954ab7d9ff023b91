//! What goes wrong on request.

use std::time::{Duration, Instant};

use codeflow_testkit::providers::{
    Behaviour, Format, LineEnd, Manner, Misbehaviour, Moment, ProviderServer, Rechunking, Refusal, Reply,
    Shape, Wait, When,
};
use tokio::time::timeout;

use super::world::{Got, ask};

/// Asks for a reply with some trouble. `None` when no answer came.
async fn troubled(format: Format, shape: Shape, trouble: Misbehaviour) -> Option<Got> {
    let server = ProviderServer::start().await.unwrap();
    server.always(trouble);
    ask(&server, format, shape, "Hello").await.ok()
}

fn hangs(trouble: Misbehaviour) -> bool {
    matches!(
        trouble,
        Misbehaviour::Stops { how: Manner::Hangs, .. }
            | Misbehaviour::AnnouncesTooMuch
            | Misbehaviour::RefusesAndHangs
    )
}

/// Whether no answer begins.
fn has_no_head(trouble: Misbehaviour) -> bool {
    matches!(
        trouble,
        Misbehaviour::NotHttp | Misbehaviour::CutsHead | Misbehaviour::Stops { at: Moment::BeforeHead, .. }
    )
}

/// Whether the body is broken off.
fn breaks(trouble: Misbehaviour) -> bool {
    matches!(trouble, Misbehaviour::Stops { how: Manner::Closes | Manner::Resets, .. })
}

#[tokio::test]
async fn every_misbehaviour_happens_in_every_format_and_shape() {
    for format in Format::ALL {
        for shape in [Shape::Whole, Shape::Stream] {
            let server = ProviderServer::start().await.unwrap();
            let plain = ask(&server, format, shape, "Hello").await.unwrap().bytes();
            for trouble in Misbehaviour::ALL {
                let (name, reaches) = (trouble.to_string(), trouble.reaches(shape));
                server.next(*trouble);
                let got = timeout(Duration::from_secs(10), async {
                    tokio::select! {
                        got = ask(&server, format, shape, "Hello") => got.ok(),
                        _ = server.wait_within(Duration::from_secs(10), |counters| counters.stalled > 0) => None,
                    }
                });
                let got = got.await.unwrap_or_else(|_| panic!("{name} never came to an end"));

                if !reaches {
                    assert_eq!(got.expect("comes").bytes(), plain, "{format:?} {shape:?} {name}");
                } else {
                    let comes = !hangs(*trouble) && !has_no_head(*trouble);
                    assert_eq!(got.is_some(), comes, "{format:?} {shape:?} {name}");
                    let is_whole = got.is_none_or(|got| got.is_whole != breaks(*trouble));
                    assert!(is_whole, "{format:?} {shape:?} {name}");
                }
                let over = server.wait_until(|counters| counters.open_requests == 0).await;
                assert_eq!(over.finished + over.broken_off + over.hung_up, over.requests, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn refusals_say_when_to_come_back() {
    for (wait, headers) in [
        (Wait::Unsaid, vec![("retry-after", ""), ("retry-after-ms", "")]),
        (Wait::Seconds(2), vec![("retry-after", "2")]),
        (Wait::Milliseconds(1500), vec![("retry-after", "60"), ("retry-after-ms", "1500")]),
        (
            Wait::Date(90),
            vec![("date", "Wed, 21 Oct 2026 07:00:00 GMT"), ("retry-after", "Wed, 21 Oct 2026 07:01:30 GMT")],
        ),
    ] {
        let refusal = Misbehaviour::Refuses(Refusal::RateLimited(wait));
        let got = troubled(Format::OpenAi, Shape::Whole, refusal).await.unwrap();

        assert_eq!(got.status, 429);
        for (name, value) in headers {
            assert_eq!(got.header(name), value, "{wait:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_stops_exactly_where_it_was_told_to() {
    let at = async |at| {
        let trouble = Misbehaviour::Stops { at, how: Manner::Closes };
        let got = troubled(Format::Anthropic, Shape::Stream, trouble).await;
        got.map(|got| (got.is_whole, got.bytes()))
    };
    let text = async |moment| {
        let (is_whole, bytes) = at(moment).await.expect("a head comes");
        assert!(!is_whole);
        String::from_utf8(bytes).expect("is cut between characters")
    };

    assert_eq!(at(Moment::BeforeHead).await, None);
    assert_eq!(text(Moment::AfterHead).await, "");
    let before = text(Moment::BeforeTokens).await;
    assert!(before.contains("message_start") && before.ends_with("\n\n") && !before.contains("delta"));
    let after = text(Moment::AfterTokens).await;
    assert!(after.contains("Grüße") && after.ends_with("\n\n") && !after.contains("Schön"));
    let inside = text(Moment::InsideFrame).await;
    assert!(inside.starts_with(&after) && inside.len() > after.len() && !inside.ends_with('\n'));
    let (_, character) = at(Moment::InsideCharacter).await.unwrap();
    assert!(character.starts_with(after.as_bytes()) && String::from_utf8(character).is_err());
    let reason = text(Moment::BeforeReason).await;
    assert!(reason.contains("hören.") && !reason.contains("message_delta"));
    let closing = text(Moment::BeforeClosing).await;
    assert!(closing.contains("message_delta") && !closing.contains("message_stop"));
    assert!(text(Moment::AfterClosing).await.contains("message_stop"));
}

#[tokio::test]
async fn a_whole_body_is_cut_short_of_what_was_announced() {
    let cut = async |how| {
        let trouble = Misbehaviour::Stops { at: Moment::AfterTokens, how };
        troubled(Format::OpenAi, Shape::Whole, trouble).await.unwrap()
    };

    let closed = cut(Manner::Closes).await;
    assert!(!closed.is_whole && closed.bytes().len() > 50);
    let ended = cut(Manner::Ends).await;
    assert!(ended.is_whole && ended.json().is_null() && ended.bytes() == closed.bytes());
}

#[tokio::test]
async fn a_reset_is_no_orderly_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (how, is_reset) in [(Manner::Resets, true), (Manner::Closes, false)] {
        let server = ProviderServer::start().await.unwrap();
        server.always(Misbehaviour::Stops { at: Moment::AfterTokens, how });
        let mut stream = tokio::net::TcpStream::connect(server.host()).await.unwrap();
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(head.as_bytes()).await.unwrap();

        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).await;

        assert!(!bytes.is_empty(), "what was sent before arrives");
        assert_eq!(
            end.is_err_and(|it| it.kind() == std::io::ErrorKind::ConnectionReset),
            is_reset,
            "{how:?}"
        );
    }
}

#[tokio::test]
async fn the_same_bytes_come_in_other_pieces() {
    let plain = troubled(Format::OpenAi, Shape::Stream, Misbehaviour::ClosesAfter).await.unwrap();
    let pieces = async |how| {
        let got = troubled(Format::OpenAi, Shape::Stream, Misbehaviour::Rechunks(how)).await.unwrap();
        assert_eq!(got.bytes(), plain.bytes());
        got.pieces
    };

    assert!(pieces(Rechunking::OneByte).await.iter().all(|piece| piece.len() == 1));
    assert_eq!(pieces(Rechunking::AllAtOnce).await.len(), 1);
    let split = pieces(Rechunking::SplitCharacters).await;
    assert!(split.len() > 5 && split[1..].iter().all(|piece| (0x80..0xc0).contains(&piece[0])));
}

#[tokio::test]
async fn lines_end_otherwise_and_comments_come_between() {
    let text = async |trouble| troubled(Format::Anthropic, Shape::Stream, trouble).await.unwrap().text();

    let crlf = text(Misbehaviour::LineEnds(LineEnd::CrLf)).await;
    assert!(crlf.ends_with("\r\n\r\n") && crlf.matches('\n').count() == crlf.matches('\r').count());
    let cr = text(Misbehaviour::LineEnds(LineEnd::Cr)).await;
    assert!(cr.ends_with("\r\r") && !cr.contains('\n'));
    assert!(text(Misbehaviour::Comments).await.matches(": still here").count() > 5);
}

#[tokio::test]
async fn errors_come_after_a_good_status() {
    for (when, has_words) in [(When::BeforeTokens, false), (When::AfterTokens, true)] {
        let error = troubled(Format::Anthropic, Shape::Stream, Misbehaviour::ErrorEvent(when)).await.unwrap();
        assert_eq!((error.status, error.is_whole), (200, true));
        assert_eq!(error.text().contains("Grüße"), has_words);
        assert!(error.text().contains("overloaded_error") && !error.text().contains("message_stop"));
    }
    let document = troubled(Format::OpenAi, Shape::Stream, Misbehaviour::ErrorDocument).await.unwrap();
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    assert_eq!(document.json()["error"]["type"], "server_error");
}

#[tokio::test]
async fn a_slow_reply_takes_its_time() {
    let server = ProviderServer::start().await.unwrap();
    let pause = Duration::from_millis(20);
    server.next(Behaviour { reply: Reply::words(5), trouble: Some(Misbehaviour::Slow(pause)) });

    let began = Instant::now();
    let got = ask(&server, Format::OpenAi, Shape::Stream, "Hello").await.unwrap();

    assert!(began.elapsed() >= pause * 5);
    assert_eq!(got.text().matches("word ").count(), 5);
}

#[tokio::test]
async fn huge_things_are_huge() {
    for (shape, trouble) in [
        (Shape::Whole, Misbehaviour::HugeBody(1 << 20)),
        (Shape::Stream, Misbehaviour::HugeBody(1 << 20)),
        (Shape::Stream, Misbehaviour::HugeFrame(1 << 20)),
    ] {
        let got = troubled(Format::OpenAi, shape, trouble).await.unwrap();
        assert!(got.is_whole && got.bytes().len() > 1 << 20 && got.header("content-length").is_empty());
    }
}
