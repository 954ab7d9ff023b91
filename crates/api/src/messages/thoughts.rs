//! Whose thought a thinking block is.
//!
//! Only the provider that thought it can check a block's signature, and some providers insist on seeing it again. The
//! format has no place for a provider, so the signature of anybody but Anthropic carries its name in front. Clients
//! send signatures back without looking into them.

use codeflow_model::{Thinking, ThinkingContent};

/// Whose thoughts the bare format holds.
const NATIVE: &str = "anthropic";
const MARK: &str = "codeflow:";

/// A signature, or the data of a redacted thought, with the name of whose it is.
pub(super) fn mark(provider: &str, text: &str) -> String {
    if provider == NATIVE || provider.is_empty() {
        return text.to_owned();
    }
    format!("{MARK}{}:{provider}:{text}", provider.len())
}

/// Whether a body may hold a mark. No provider must see one, so such a body cannot be handed on as it is.
pub(super) fn may_be_marked(body: &[u8]) -> bool {
    memchr::memmem::find(body, MARK.as_bytes()).is_some()
}

/// Whose it is, and the text as that provider gave it.
fn unmark(text: &str) -> (&str, &str) {
    read_mark(text).unwrap_or((NATIVE, text))
}

/// The name's length stands before it, because the name may hold any character.
fn read_mark(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.strip_prefix(MARK)?.split_once(':')?;
    let (provider, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some((provider, rest.strip_prefix(':')?))
}

pub(super) fn shown(text: String, marked: &str) -> Thinking {
    let (provider, signature) = unmark(marked);
    let signature = (!signature.is_empty()).then(|| signature.to_owned());
    Thinking { provider: provider.to_owned(), content: ThinkingContent::Shown { text, signature } }
}

pub(super) fn redacted(marked: &str) -> Thinking {
    let (provider, data) = unmark(marked);
    Thinking { provider: provider.to_owned(), content: ThinkingContent::Redacted(data.to_owned()) }
}
