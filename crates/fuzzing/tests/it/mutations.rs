//! What is kept, changed: what a fuzzer does, within a test's time and on any toolchain.

use codeflow_fuzzing::{Target, target};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use proptest::sample::Index;

/// One change to an input.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Put(Index, &'static str),
    Cut(Index, usize),
    Repeat(Index, usize),
    /// Puts a part of another input here.
    Splice(Index, Index, Index, usize),
}

/// What the formats are made of.
const WORDS: [&str; 40] = [
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\r\r",
    "data:",
    "data: ",
    "event: ",
    "data\n",
    ":",
    "\u{feff}",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "\\",
    "null",
    "true",
    "-1",
    "1e999",
    "1e39",
    "18446744073709551616",
    "\\ud83d",
    "é",
    "\u{0}",
    "{}",
    "[DONE]",
    "\"usage\":null,",
    "\"error\":{},",
    "\"finish_reason\":\"stop\",",
    "\"index\":0,",
    "\"type\":\"text\",",
    "\"model\":\"m\",",
    "\"stream\":true,",
    "\"n\":1,",
    "\"content\":[],",
    "!",
    "\"Model\":1,",
];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, with)| Change::Flip(at, with)),
        (any::<Index>(), prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Change::Put(at, word)),
        (any::<Index>(), 1..80_usize).prop_map(|(at, len)| Change::Cut(at, len)),
        (any::<Index>(), 1..80_usize).prop_map(|(at, len)| Change::Repeat(at, len)),
        (any::<Index>(), any::<Index>(), any::<Index>(), 1..120_usize)
            .prop_map(|(at, other, from, len)| Change::Splice(at, other, from, len)),
    ]
}

fn apply(input: &mut Vec<u8>, change: &Change, all: &[Vec<u8>]) {
    let at = |index: &Index| index.index(input.len() + 1);
    match change {
        Change::Flip(index, with) => {
            let at = at(index);
            if let Some(byte) = input.get_mut(at) {
                *byte ^= with;
            }
        }
        Change::Put(index, word) => {
            let at = at(index);
            input.splice(at..at, word.bytes());
        }
        Change::Cut(index, len) => {
            let at = at(index);
            drop(input.drain(at..(at + len).min(input.len())));
        }
        Change::Repeat(index, len) => {
            let at = at(index);
            let part = input[at..(at + len).min(input.len())].to_vec();
            input.splice(at..at, part);
        }
        Change::Splice(index, other, from, len) => {
            let at = at(index);
            let other = &all[other.index(all.len())];
            let from = from.index(other.len() + 1);
            let part = other[from..(from + len).min(other.len())].to_vec();
            input.splice(at..at, part);
        }
    }
}

fn widen(target: Target) {
    let mut all = target.corpus().expect("every target has a corpus");
    all.extend(target.recorded().expect("can be read"));
    let inputs = prop_oneof![
        20 => (0..all.len()).prop_map(|which| all[which].clone()),
        1 => prop::collection::vec(any::<u8>(), 0..300),
        1 => Just(Vec::new()),
    ];
    proptest!(ProptestConfig::with_cases(384), |(mut input in inputs, changes in prop::collection::vec(change(), 1..6))| {
        changes.iter().for_each(|change| apply(&mut input, change, &all));
        target.run(&input);
    });
}

macro_rules! widened {
    ($($name:ident),+ $(,)?) => {
        const WIDENED: &[&str] = &[$(stringify!($name)),+];

        $(#[test]
        fn $name() {
            widen(target(stringify!($name)).expect("is a target"));
        })+
    };
}

// Each holds for changed inputs, in a test of its own.
widened!(
    sse,
    ndjson,
    event_stream,
    raw_frames,
    openai,
    anthropic,
    gemini,
    bedrock,
    ollama,
    cohere,
    sketch,
    inbound,
);

#[test]
fn every_target_is_widened() {
    assert!(Target::ALL.iter().map(Target::name).eq(WIDENED.iter().copied()));
}
