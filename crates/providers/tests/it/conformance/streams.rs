//! Streams: whole, cut, split and broken.

use codeflow_model::{ErrorKind, Phase, StreamEvent};
use codeflow_providers::Dialect;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::{Frames, Suite};
use crate::support::{fold, read};

pub(super) fn a_folded_stream_is_the_whole_reply<D: Dialect>(suite: &Suite<D>) {
    for name in suite.names() {
        let (events, end) = read(&suite.dialect, [&suite.stream(name)[..]]);

        end.expect("is complete");
        assert_eq!(fold(events), suite.whole(name), "{name}");
    }
}

pub(super) fn a_stream_cut_anywhere_never_ends_well<D: Dialect>(suite: &Suite<D>) {
    for name in ["text", "tools", "thinking"] {
        let bytes = suite.stream(name);
        // The last line of JSON lines needs no line end.
        let needed = if suite.frames == Frames::Ndjson { bytes.len() - 1 } else { bytes.len() };
        for cut in 0..needed {
            let (events, end) = read(&suite.dialect, [&bytes[..cut]]);

            assert_eq!(end.expect_err("is cut").kind(), ErrorKind::BadResponse);
            let finished = |event: &_| matches!(event, StreamEvent::Finished(_));
            assert!(!events.iter().any(finished), "{name} cut at {cut}");
        }
    }
}

pub(super) fn every_line_end_means_the_same<D: Dialect>(suite: &Suite<D>) {
    if suite.frames == Frames::EventStream {
        // Binary frames have no lines: whatever is added to one breaks it.
        let mut bytes = suite.stream("text");
        bytes.insert(0, b'\n');
        read(&suite.dialect, [&bytes[..]]).1.expect_err("is broken");
        return;
    }
    for name in suite.names() {
        let text = suite.text(name);
        let expected = read(&suite.dialect, [text.as_bytes()]).0;
        for end in ["\r\n", "\r"] {
            let other = text.replace('\n', end);
            assert_eq!(read(&suite.dialect, [other.as_bytes()]).0, expected);
        }
    }
}

pub(super) fn an_error_in_the_stream_says_whether_somebody_else_may_answer<D: Dialect>(suite: &Suite<D>) {
    let broken = suite.cut(suite.broken).concat();
    let (events, early) = read(&suite.dialect, [&broken[..]]);
    let early = early.expect_err("is broken");
    assert!(events.is_empty() && early.may_fall_back());
    assert_eq!(early.details().model, "asked-for");

    let frames = suite.cut(&suite.text("text"));
    let says_something =
        |event: &StreamEvent| matches!(event, StreamEvent::Text { delta, .. } if !delta.is_empty());
    let spoken = (1..frames.len())
        .find(|taken| read(&suite.dialect, [&frames[..*taken].concat()[..]]).0.iter().any(says_something))
        .expect("says something before its end");
    let (events, late) = read(&suite.dialect, [&frames[..spoken].concat()[..], &broken[..]]);
    let late = late.expect_err("is broken");
    assert!(events.iter().any(says_something));
    assert_eq!(late.details().phase, Phase::AfterFirstToken);
    assert!(!late.may_fall_back() && !late.may_retry());
    assert_eq!(late.kind(), early.kind());
}

pub(super) fn bytes_split_anywhere_give_the_same_events<D: Dialect>(suite: &Suite<D>) {
    let names = suite.names();
    proptest!(|(
        which in 0..names.len(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    )| {
        let bytes = suite.stream(names[which]);
        let mut cuts: Vec<_> = cuts.drain(..).map(|it| it.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();

        let pieces = cuts.windows(2).map(|it| &bytes[it[0]..it[1]]);
        let (events, end) = read(&suite.dialect, pieces);

        prop_assert!(end.is_ok());
        prop_assert_eq!(events, read(&suite.dialect, [&bytes[..]]).0);
    });
}
