//! Decoded streams.

use std::sync::Arc;

use codeflow_model::{ErrorKind, Fold, Phase, StreamEvent, ThinkingDelta};
use codeflow_providers::{Dialect, Limits, StreamDecoder};

use super::is_in_proportion;
use crate::pieces;

/// The events, and with what error they ended.
type Read = (Vec<StreamEvent>, Result<(), (ErrorKind, Phase)>);

pub(super) fn check<D: Dialect>(dialect: &Arc<D>, input: &[u8]) {
    let small = Limits { line: 512, frame: 768 };
    for limits in [Limits::default(), small] {
        let whole = read(dialect, limits, &[input]);
        ends_once(&whole);
        assert!(is_in_proportion(whole.0.iter().map(words).sum(), input));
        for pieces in pieces::ways(input) {
            assert_eq!(read(dialect, limits, &pieces), whole);
        }
    }
}

pub(super) fn read<D: Dialect>(dialect: &Arc<D>, limits: Limits, pieces: &[&[u8]]) -> Read {
    let mut decoder = StreamDecoder::new(dialect.clone(), "asked-for", limits);
    let mut events = Vec::new();
    let mut read = Ok(());
    for piece in pieces {
        read = decoder.push(piece, &mut events);
        if read.is_err() {
            break;
        }
    }
    let read = read.and_then(|()| decoder.finish(&mut events));
    if let Err(error) = &read {
        super::is_the_providers(&**dialect, error);
        assert_eq!(error.details().model, "asked-for");
    }
    let read = read.map_err(|error| (error.kind(), error.details().phase));
    (events, read)
}

/// A reply is complete exactly when it says why it ended, and says nothing after that. An error knows whether anything
/// was said before it.
fn ends_once((events, read): &Read) {
    let is_end = |event: &StreamEvent| matches!(event, StreamEvent::Finished(_));
    let ends = events.iter().filter(|event| is_end(event)).count();
    match read {
        Ok(()) => assert!(ends == 1 && events.last().is_some_and(is_end), "{events:?}"),
        Err((_, phase)) => {
            assert_eq!(ends, 0, "{events:?}");
            assert_eq!(*phase == Phase::AfterFirstToken, events.iter().any(says_something));
        }
    }
    let mut fold = Fold::default();
    let folded = events.iter().cloned().try_for_each(|event| fold.push(event));
    if folded.is_ok() {
        assert_eq!(fold.finish().is_ok(), read.is_ok());
    }
}

fn says_something(event: &StreamEvent) -> bool {
    match event {
        StreamEvent::Text { .. } | StreamEvent::ToolCall { .. } | StreamEvent::Thinking { .. } => true,
        StreamEvent::Started { .. } | StreamEvent::Usage(_) | StreamEvent::Finished(_) => false,
    }
}

fn words(event: &StreamEvent) -> usize {
    match event {
        StreamEvent::Started { id, .. } => id.len(),
        StreamEvent::Text { delta, .. } => delta.len(),
        StreamEvent::ToolCall { name, arguments, .. } => {
            name.as_ref().map_or(0, String::len) + arguments.len()
        }
        StreamEvent::Thinking { delta, .. } => match delta {
            ThinkingDelta::Text(text) | ThinkingDelta::Signature(text) | ThinkingDelta::Redacted(text) => {
                text.len()
            }
        },
        StreamEvent::Usage(_) | StreamEvent::Finished(_) => 0,
    }
}
