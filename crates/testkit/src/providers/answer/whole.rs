//! Replies as one document.

use bytes::Bytes;

use super::{JSON, document, inside_character, stop};
use crate::providers::asked::Asked;
use crate::providers::format::Operation;
use crate::providers::formats::Wire;
use crate::providers::plan::{Answer, Step};
use crate::providers::{Behaviour, Manner, Misbehaviour, Moment, Rechunking, Reply};

pub(super) fn answer(
    wire: &dyn Wire,
    asked: &Asked,
    behaviour: &Behaviour,
    trouble: Option<Misbehaviour>,
) -> Answer {
    let value = match (asked.operation, trouble) {
        (Operation::Chat, Some(Misbehaviour::HugeBody(size))) => {
            wire.whole(asked, &Reply::text("x".repeat(size)))
        }
        (Operation::Chat, _) => wire.whole(asked, &behaviour.reply),
        (Operation::Embed, _) => wire.vectors(asked),
        (Operation::Models, _) => wire.models(),
        (Operation::CountTokens, _) => wire.count(),
    };
    let plain = document(200, JSON, &value.to_string());
    let Some(trouble) = trouble else { return plain };
    let body = Bytes::from(value.to_string());
    match trouble {
        Misbehaviour::Stops { at, how } => stopped(plain, &body, at, how),
        Misbehaviour::Garbles(_) => document(200, JSON, r#"{"id": "1", "choices": [nonsense"#),
        Misbehaviour::Slow(pause) => Answer { steps: [Step::Pause(pause), Step::Send(body)].into(), ..plain },
        Misbehaviour::HugeBody(_) => Answer { announced: None, ..plain },
        Misbehaviour::Rechunks(how) => Answer {
            steps: pieces(&body, how).into_iter().map(Step::Send).collect(),
            announced: None,
            ..plain
        },
        _ => plain,
    }
}

fn stopped(plain: Answer, body: &Bytes, at: Moment, how: Manner) -> Answer {
    let middle = body.len() / 2;
    let len = match at {
        Moment::BeforeHead | Moment::AfterHead | Moment::BeforeTokens => 0,
        Moment::AfterTokens | Moment::InsideFrame => middle,
        Moment::InsideCharacter => inside_character(body, 0).unwrap_or(middle),
        Moment::BeforeReason | Moment::BeforeClosing | Moment::AfterClosing => body.len(),
    };
    let sent = Some(body.slice(..len)).filter(|sent| !sent.is_empty());
    let announced = if how == Manner::Ends { len } else { body.len() };
    let steps = sent.map(Step::Send).into_iter().chain(stop(how)).collect();
    Answer { steps, announced: Some(announced as u64), ..plain }
}

/// The same bytes in other pieces.
pub(super) fn pieces(bytes: &Bytes, how: Rechunking) -> Vec<Bytes> {
    match how {
        Rechunking::AllAtOnce => vec![bytes.clone()],
        Rechunking::OneByte => (0..bytes.len()).map(|at| bytes.slice(at..=at)).collect(),
        Rechunking::SplitCharacters => {
            let mut pieces = Vec::new();
            let mut from = 0;
            while let Some(cut) = inside_character(bytes, from) {
                pieces.push(bytes.slice(from..cut));
                from = cut;
            }
            pieces.push(bytes.slice(from..));
            pieces
        }
    }
}
