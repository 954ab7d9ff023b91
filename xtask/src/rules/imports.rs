//! Imports name what they bring in: no globs, apart from Diesel's prelude and a test module's parent.

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};

use crate::{
    tokens,
    tree::{File, Tree},
    violation::Violation,
};

const DIESEL: &str = "diesel::prelude::*";
const PARENT: &str = "super::*";

/// Checks every `use` of every Rust file.
pub(super) fn check(tree: &Tree) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for file in tree.rust_files() {
        let in_tests = file.is_below("tests") || file.is_below("benches");
        visit(file, tokens::parse(file)?, in_tests, &mut found);
    }
    Ok(found)
}

fn visit(file: &File, stream: TokenStream, in_tests: bool, found: &mut Vec<Violation>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        if let Some(inner) = tokens::inside(token) {
            let opens_tests = index >= 2
                && tokens::is_word(tokens.get(index - 2), "mod")
                && tokens::is_word(tokens.get(index - 1), "tests");
            visit(file, inner, in_tests || opens_tests, found);
        } else if tokens::is_word(Some(token), "use") {
            let path = imported(&tokens[index + 1..]);
            let excused = path == DIESEL || (in_tests && path == PARENT);
            if path.contains('*') && !excused {
                let advice = format!("name what `{path}` should bring in");
                found.push(Violation::line("glob-import", &file.path, tokens::line(token), advice));
            }
        }
    }
}

/// The text of an import up to its semicolon. `impl Trait + use<'a>` imports nothing.
fn imported(rest: &[TokenTree]) -> String {
    if tokens::is_mark(rest.first(), '<') {
        return String::new();
    }
    let path = rest.iter().take_while(|token| !tokens::is_mark(Some(token), ';'));
    path.map(ToString::to_string).collect::<String>().replace(' ', "")
}
