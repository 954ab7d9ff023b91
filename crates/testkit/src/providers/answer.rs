//! From what is asked and how to behave to what is sent.

mod stream;
mod whole;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;

use super::asked::Asked;
use super::format::Operation;
use super::formats::{self, Wire};
use super::frames::Framing;
use super::plan::{Answer, Head, Leaving, Plan, Step};
use super::{Behaviour, Manner, Misbehaviour, Moment, Refusal, Shape, Wait};

pub(super) const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const PAGE: &str = "<html><body><h1>Something is wrong here</h1></body></html>";

/// The plan for a request.
pub(super) fn plan(asked: &Asked, behaviour: &Behaviour) -> Plan {
    let wire = formats::wire(asked.format);
    let trouble = behaviour.trouble.filter(|trouble| trouble.reaches(asked.shape));
    if let Some(Misbehaviour::Stops { at: Moment::BeforeHead, how }) = trouble {
        return match how {
            Manner::Hangs => Plan::Hang,
            Manner::Closes | Manner::Ends => Plan::Leave(Leaving::Close),
            Manner::Resets => Plan::Leave(Leaving::Reset),
        };
    }
    Plan::Answer(answer(wire, asked, behaviour, trouble))
}

fn answer(wire: &dyn Wire, asked: &Asked, behaviour: &Behaviour, trouble: Option<Misbehaviour>) -> Answer {
    let streams = match trouble {
        Some(Misbehaviour::AnswersWhole) => false,
        Some(Misbehaviour::AnswersStream) => asked.operation == Operation::Chat,
        _ => asked.shape == Shape::Stream,
    };
    let usual = || match streams {
        true => stream::answer(wire, asked, behaviour, trouble),
        false => whole::answer(wire, asked, behaviour, trouble),
    };
    match trouble {
        Some(Misbehaviour::Refuses(refusal)) => refused(wire, asked, refusal),
        Some(Misbehaviour::RefusesAndHangs) => {
            Answer { steps: [Step::Hang].into(), ..refused(wire, asked, Refusal::Unavailable) }
        }
        Some(Misbehaviour::Redirects) => {
            with(document(307, HTML, PAGE), header::LOCATION, HeaderValue::from_static("/elsewhere"))
        }
        Some(Misbehaviour::Html) => document(200, HTML, PAGE),
        Some(Misbehaviour::ErrorDocument) => {
            let refused = wire.refusal(asked, Refusal::Internal);
            document(200, JSON, &refused.body.to_string())
        }
        Some(Misbehaviour::AnnouncesTooMuch) => {
            let body = [Step::Hang].into();
            Answer { announced: Some(10_000_000_000), steps: body, ..usual() }
        }
        Some(Misbehaviour::NotHttp) => Answer { head: Head::NotHttp, ..usual() },
        Some(Misbehaviour::CutsHead) => Answer { head: Head::Cut, ..usual() },
        Some(Misbehaviour::WrongContentType) => {
            with(usual(), header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))
        }
        Some(Misbehaviour::NoContentType) => {
            let mut answer = usual();
            answer.headers.remove(header::CONTENT_TYPE);
            answer
        }
        Some(Misbehaviour::ClosesAfter) => {
            with(usual(), header::CONNECTION, HeaderValue::from_static("close"))
        }
        _ => usual(),
    }
}

/// A whole document.
pub(super) fn document(status: u16, kind: &'static str, body: &str) -> Answer {
    let body = bytes::Bytes::from(body.to_owned());
    let announced = Some(body.len() as u64);
    Answer { status, headers: headers(kind), announced, steps: [Step::Send(body)].into(), head: Head::Plain }
}

fn headers(kind: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for name in ["x-request-id", "request-id"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("req_1"));
    }
    headers
}

fn with(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers.insert(name, value);
    answer
}

fn refused(wire: &dyn Wire, asked: &Asked, refusal: Refusal) -> Answer {
    if refusal == Refusal::BadGateway {
        return document(502, HTML, PAGE);
    }
    let refused = wire.refusal(asked, refusal);
    let mut answer = document(refused.status, JSON, &refused.body.to_string());
    if let Some((name, value)) = refused.header {
        answer = with(answer, HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    match refusal {
        Refusal::RateLimited(wait) => told_to_wait(answer, wait),
        _ => answer,
    }
}

fn told_to_wait(answer: Answer, wait: Wait) -> Answer {
    let number = |seconds: u32| HeaderValue::from(seconds);
    match wait {
        Wait::Unsaid => answer,
        Wait::Seconds(seconds) => with(answer, header::RETRY_AFTER, number(seconds)),
        Wait::Date(seconds) => {
            let answer = with(answer, header::DATE, date(0));
            with(answer, header::RETRY_AFTER, date(seconds))
        }
        Wait::Milliseconds(milliseconds) => {
            let answer = with(answer, header::RETRY_AFTER, number(60));
            with(answer, HeaderName::from_static("retry-after-ms"), number(milliseconds))
        }
    }
}

/// So many seconds, at most an hour, after some moment.
fn date(seconds: u32) -> HeaderValue {
    let text = format!("Wed, 21 Oct 2026 07:{:02}:{:02} GMT", (seconds / 60).min(59), seconds % 60);
    HeaderValue::try_from(text).expect("a date is plain ASCII")
}

/// The answer to a path that leads nowhere, or to an order that nobody knows.
pub(super) fn unknown(status: u16, what: &str) -> Plan {
    let error = json!({ "message": what, "type": "invalid_request_error", "param": null, "code": null });
    Plan::Answer(document(status, JSON, &json!({ "error": error }).to_string()))
}

/// What a stop does after the bytes before it were sent.
fn stop(how: Manner) -> Option<Step> {
    match how {
        Manner::Hangs => Some(Step::Hang),
        Manner::Closes => Some(Step::Break(Leaving::Close)),
        Manner::Resets => Some(Step::Break(Leaving::Reset)),
        Manner::Ends => None,
    }
}

fn kind(framing: Framing) -> &'static str {
    match framing {
        Framing::Sse => "text/event-stream; charset=utf-8",
        Framing::Lines => "application/x-ndjson",
        Framing::Binary => "application/vnd.amazon.eventstream",
    }
}

/// Where the first character of several bytes at or after `from` has its second byte.
fn inside_character(bytes: &[u8], from: usize) -> Option<usize> {
    let at = bytes.get(from..)?.iter().position(|byte| *byte >= 0xc0)?;
    Some(from + at + 1)
}
