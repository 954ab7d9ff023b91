//! Takes secrets out of text before a person or a log sees it. Finding secrets in code is `analysis`.

/// What stands in place of a secret.
const MASK: &str = "[redacted]";

/// Words that announce a secret in `name=value`, `name: value` or a header.
const NAMES: [&str; 9] =
    ["authorization", "api_key", "api-key", "apikey", "password", "passwd", "secret", "token", "cookie"];

/// Returns `text` with passwords in addresses, bearer tokens and values of secret-looking names masked.
///
/// It errs on the side of masking. It is a last line of defence: secrets are kept in
/// `SecretString`s and do not reach a message in the first place.
pub fn redact(text: &str) -> String {
    text.split_inclusive('\n').map(|line| redact_line(&mask_addresses(line))).collect()
}

fn mask_addresses(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        out.push_str(before);
        let end = after.find(['/', ' ', '"', '\'', '\n', '?', '#']).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(at) => {
                out.push_str(MASK);
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

fn redact_line(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let named = NAMES.iter().flat_map(|name| ends_of(&lower, name)).filter_map(|end| value_after(line, end));
    // A bearer token needs no separator: the word before it is one.
    let value = |end| line[end..].find(|c: char| !c.is_whitespace()).map(|skipped| end + skipped);
    let bearer = ends_of(&lower, "bearer ").filter_map(value);
    let Some(from) = named.chain(bearer).min() else {
        return line.to_owned();
    };
    let ending = if line.ends_with('\n') { "\n" } else { "" };
    format!("{}{MASK}{ending}", &line[..from])
}

/// Where each occurrence of a word ends.
fn ends_of<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word).map(|(at, found)| at + found.len())
}

/// Where the value begins whose name ends at `end`, if a separator stands between.
fn value_after(line: &str, end: usize) -> Option<usize> {
    let rest = &line[end..];
    let skipped = rest.find(|c: char| !matches!(c, ' ' | ':' | '=' | '"' | '\'' | '_' | '-'))?;
    rest[..skipped].contains([':', '=']).then_some(end + skipped)
}
