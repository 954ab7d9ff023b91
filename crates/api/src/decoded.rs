//! What a decoded request is, whichever format it came in.

use codeflow_model::ChatRequest;

/// At most this many names are told in a header.
const MOST_NAMES: usize = 16;
/// A longer name is told by its beginning.
const LONGEST_NAME: usize = 64;

/// A request for a reply, as a provider of any dialect can be asked it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What is asked.
    pub request: ChatRequest,
    /// Whether the reply is wanted piece by piece.
    pub stream: bool,
    /// Whether the client wants to be told the usage in the stream.
    pub wants_usage: bool,
    /// The paths of fields that only the client's own dialect knows, and that are lost on the way to another.
    pub dropped: Vec<String>,
}

impl Decoded {
    /// The lost fields as one header value; `None` when nothing was lost. What no header can carry is left out of the
    /// names, and a long list ends in `...`.
    pub fn dropped_header(&self) -> Option<String> {
        if self.dropped.is_empty() {
            return None;
        }
        let mut names: Vec<String> =
            self.dropped.iter().take(MOST_NAMES).map(|name| printable(name)).collect();
        if self.dropped.len() > MOST_NAMES {
            names.push("...".to_owned());
        }
        Some(names.join(", "))
    }
}

fn printable(name: &str) -> String {
    let is_plain = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | '[' | ']');
    name.chars().filter(is_plain).take(LONGEST_NAME).collect()
}
