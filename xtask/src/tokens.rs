//! Rust source as tokens with line numbers, so that rules see code and never comments or strings by accident.

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

use crate::tree::File;

/// Splits a file into tokens.
pub(crate) fn parse(file: &File) -> Result<TokenStream> {
    file.text.parse().map_err(|error| anyhow!("{} cannot be read as Rust: {error}", file.path))
}

/// The line a token starts on, counted from one.
pub(crate) fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

/// Whether a token is this word.
pub(crate) fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if *ident == word)
}

/// Whether a token is this punctuation mark.
pub(crate) fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// The tokens inside a group; nothing for any other token.
pub(crate) fn inside(token: &TokenTree) -> Option<TokenStream> {
    match token {
        TokenTree::Group(group) => Some(group.stream()),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    }
}
