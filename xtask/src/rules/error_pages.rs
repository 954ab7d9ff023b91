//! Every stable error code has a page that explains it, and every page a code.

use std::collections::BTreeMap;

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};

use crate::{
    tokens,
    tree::{File, Tree},
    violation::Violation,
};

const RULE: &str = "error-pages";
const FOLDER: &str = "docs/errors";
const OVERVIEW: &str = "README.md";

/// Compares the codes in the sources with the pages in `docs/errors`.
pub(super) fn check(tree: &Tree) -> Result<Vec<Violation>> {
    let codes = codes(tree)?;
    let pages: BTreeMap<&str, &File> = tree
        .pages(FOLDER)
        .filter(|page| page.name() != OVERVIEW)
        .filter_map(|page| Some((page.name().strip_suffix(".md")?, page)))
        .collect();
    let mut found = Vec::new();
    for (code, (file, line)) in &codes {
        if !pages.contains_key(code.as_str()) {
            let advice = format!("`{code}` has no page; write {FOLDER}/{code}.md");
            found.push(Violation::line(RULE, &file.path, *line, advice));
        }
    }
    for (code, page) in pages {
        if !codes.contains_key(code) {
            found.push(Violation::file(RULE, &page.path, format!("no `fn code` returns `{code}`")));
        } else if page.text.lines().next() != Some(&format!("# {code}")) {
            found.push(Violation::line(RULE, &page.path, 1, format!("open the page with `# {code}`")));
        }
    }
    Ok(found)
}

/// Every code that shipped sources return, with the place where it stands first.
fn codes(tree: &Tree) -> Result<BTreeMap<String, (&File, usize)>> {
    let mut codes = BTreeMap::new();
    let shipped = tree.rust_files().filter(|file| {
        (file.path.starts_with("crates/") || file.path.starts_with("bins/")) && file.is_below("src")
    });
    for file in shipped {
        functions(tokens::parse(file)?, &mut |code, line| {
            codes.entry(code).or_insert((file, line));
        });
    }
    Ok(codes)
}

/// Looks for functions called `code` at any depth.
fn functions(stream: TokenStream, report: &mut dyn FnMut(String, usize)) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        if let Some(inner) = tokens::inside(token) {
            functions(inner, report);
        } else if tokens::is_word(Some(token), "fn")
            && tokens::is_word(tokens.get(index + 1), "code")
            && let Some(body) = body(&tokens[index..])
        {
            literals(body, report);
        }
    }
}

/// The first braces of a function; a declaration without a body ends at its semicolon.
fn body(function: &[TokenTree]) -> Option<TokenStream> {
    function.iter().take_while(|token| !tokens::is_mark(Some(token), ';')).find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => Some(group.stream()),
        TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

fn literals(stream: TokenStream, report: &mut dyn FnMut(String, usize)) {
    for token in stream {
        if let Some(inner) = tokens::inside(&token) {
            literals(inner, report);
        } else if let TokenTree::Literal(literal) = &token {
            let text = literal.to_string();
            let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            if let Some(code) = quoted.filter(|text| is_code(text)) {
                report(code.to_owned(), tokens::line(&token));
            }
        }
    }
}

/// Whether a text is shaped like `area.what_happened`.
fn is_code(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.split('.').count() == 2 && text.split('.').all(word)
}
