//! Bytes nobody would send. Whatever they are, a decoder says so and does not panic.

use codeflow_model::EmbedRequest;
use codeflow_providers::{Dialect, WireFailure};
use http::{HeaderMap, StatusCode};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use proptest::sample::Index;

use super::Suite;
use crate::support::{fixture, read};

fn feed<D: Dialect>(suite: &Suite<D>, bytes: &[u8]) {
    let _ = suite.dialect.decode(bytes);
    let _ = suite.dialect.decode_embed(&EmbedRequest::new("m", ["a"]), bytes);
    let headers = HeaderMap::new();
    let failure = WireFailure { status: StatusCode::BAD_REQUEST, headers: &headers, body: bytes };
    let _ = suite.dialect.failure(&failure);
    let _ = read(&suite.dialect, [bytes]);
}

pub(super) fn no_bytes_make_a_decoder_panic<D: Dialect>(suite: &Suite<D>) {
    proptest!(|(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}")| {
        feed(suite, &bytes);
        feed(suite, text.as_bytes());
        let _ = read(&suite.dialect, [&suite.frame(&text)[..]]);
    });
}

/// One change to a document.
#[derive(Clone, Debug)]
enum Change {
    Put(Index, char),
    Cut(Index, Index),
    Repeat(Index, Index),
}

fn apply(text: &mut Vec<char>, change: &Change) {
    if text.is_empty() {
        return;
    }
    let range = |from: &Index, to: &Index| {
        let (from, to) = (from.index(text.len()), to.index(text.len()));
        from.min(to)..(from.max(to)).min(from.min(to) + 60)
    };
    match change {
        Change::Put(at, with) => {
            let at = at.index(text.len());
            text[at] = *with;
        }
        Change::Cut(from, to) => drop(text.drain(range(from, to))),
        Change::Repeat(from, to) => {
            let range = range(from, to);
            let (end, copy) = (range.end, text[range].to_vec());
            text.splice(end..end, copy);
        }
    }
}

fn changes() -> impl prop::strategy::Strategy<Value = Vec<Change>> {
    use prop::strategy::Strategy;
    let put = (any::<Index>(), prop::sample::select("\"{}[]:,\\0-9anull\n".chars().collect::<Vec<_>>()));
    let ranges = || (any::<Index>(), any::<Index>());
    let one = proptest::prop_oneof![
        put.prop_map(|(at, with)| Change::Put(at, with)),
        ranges().prop_map(|(from, to)| Change::Cut(from, to)),
        ranges().prop_map(|(from, to)| Change::Repeat(from, to)),
    ];
    prop::collection::vec(one, 1..6)
}

/// The corpus is the fixtures. Changed before they are framed, they reach the dialect; changed after, its framing.
pub(super) fn no_changed_fixture_makes_a_decoder_panic<D: Dialect>(suite: &Suite<D>) {
    let names = suite.names();
    proptest!(ProptestConfig::with_cases(512), |(which in 0..names.len(), changes in changes(), flip in any::<(Index, u8)>())| {
        let name = names[which];
        let changed = |text: String| {
            let mut text: Vec<_> = text.chars().collect();
            changes.iter().for_each(|change| apply(&mut text, change));
            text.into_iter().collect::<String>()
        };

        let streamed = suite.cut(&changed(suite.text(name))).concat();
        let whole = fixture(suite.folder, &format!("{name}.json"));
        feed(suite, &streamed);
        feed(suite, changed(String::from_utf8(whole).expect("is UTF-8")).as_bytes());
        let mut bytes = suite.stream(name);
        let at = flip.0.index(bytes.len());
        bytes[at] ^= flip.1;
        feed(suite, &bytes);
    });
}
