//! Whatever bytes arrive, the parser answers; it never panics and never runs on.

use codeflow_core::NoActions;
use codeflow_core::workflow::{decode, parse};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::{Index, select};
use proptest::{prop_assert, proptest};

const VALID: &str = include_str!("../../../../workflows/pr-review.yaml");

/// Reads bytes as the command line does, and checks that every problem has a place in the text.
fn read(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    let problems = match decode(bytes) {
        Ok(text) => parse(text, &NoActions).err(),
        Err(problems) => Some(problems),
    };
    problems.is_none_or(|problems| problems.iter().all(|p| (1..=lines).contains(&p.location.line)))
}

proptest! {
    #[test]
    fn a_document_with_changed_bytes_is_read_or_refused(changes in vec((any::<Index>(), any::<u8>()), 1..8)) {
        let mut bytes = VALID.as_bytes().to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }

        prop_assert!(read(&bytes));
    }

    #[test]
    fn a_document_with_pieces_moved_is_read_or_refused(
        cuts in vec((any::<Index>(), any::<Index>(), any::<Index>()), 1..5),
    ) {
        let mut text: Vec<char> = VALID.chars().collect();
        for (from, length, to) in cuts {
            let from = from.index(text.len());
            let piece: Vec<char> = text.drain(from..(from + length.index(40)).min(text.len())).collect();
            let to = to.index(text.len());
            text.splice(to..to, piece);
        }

        prop_assert!(read(text.into_iter().collect::<String>().as_bytes()));
    }

    #[test]
    fn a_soup_of_yaml_signs_is_read_or_refused(
        words in vec(select(vec![
            "{", "}", "[", "]", ": ", "- ", "\n", "  ", ",", "&a", "*a", "!", "? ", "|\n", ">\n", "'", "\"", "#", "\t",
            "---\n", "...\n", "steps", "uses", "x/y", "needs", "${{", "}}", "a", "1", "%", "<<", "\\", "\r", "é", "@",
        ]), 0..60),
    ) {
        prop_assert!(read(words.concat().as_bytes()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes));
    }
}
