//! Lints are silenced with `expect` and a reason, never with `allow`, also where Clippy does not look.

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};

use crate::{
    tokens,
    tree::{File, Tree},
    violation::Violation,
};

/// Checks the attributes of every Rust file, inside macros too.
pub(super) fn check(tree: &Tree) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for file in tree.rust_files() {
        visit(file, tokens::parse(file)?, &mut found);
    }
    Ok(found)
}

fn visit(file: &File, stream: TokenStream, found: &mut Vec<Violation>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let Some(inner) = tokens::inside(token) else { continue };
        let after_hash = tokens[..index].iter().rev().find(|token| !tokens::is_mark(Some(token), '!'));
        if tokens::is_mark(after_hash, '#') && allows(inner.clone()) {
            let advice = "use `#[expect(lint, reason = \"...\")]` on the smallest item";
            found.push(Violation::line("allow", &file.path, tokens::line(token), advice));
        }
        visit(file, inner, found);
    }
}

/// Whether an attribute is `allow(...)`, or applies it under a condition.
fn allows(attribute: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    match tokens.as_slice() {
        [name, arguments, ..] if tokens::is_word(Some(name), "allow") => tokens::inside(arguments).is_some(),
        [name, arguments, ..] if tokens::is_word(Some(name), "cfg_attr") => tokens::inside(arguments)
            .is_some_and(|inner| {
                let inner: Vec<TokenTree> = inner.into_iter().collect();
                inner.iter().any(|token| tokens::is_word(Some(token), "allow"))
            }),
        _ => false,
    }
}
