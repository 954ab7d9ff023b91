//! Takes secrets out of text before a person or a log sees it. Finding secrets in code is `analysis`.

/// What stands in place of a secret.
const MASK: &str = "[redacted]";

/// Words that announce a secret in `name=value`, `name: value` or a header.
const NAMES: [&str; 9] =
    ["authorization", "api_key", "api-key", "apikey", "password", "passwd", "secret", "token", "cookie"];

/// Returns `text` with passwords in addresses, bearer tokens and values of secret-looking names masked.
///
/// It errs on the side of masking. It is a last line of defence: secrets are kept in
/// [`secrecy::SecretString`] and do not reach a message in the first place.
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
    let named = NAMES.iter().filter_map(|name| lower.find(name).map(|at| at + name.len())).min();
    let bearer = lower.find("bearer ").map(|at| at + "bearer".len());
    let Some(from) = named.into_iter().chain(bearer).min() else {
        return line.to_owned();
    };
    let value = &line[from..];
    let skipped = value.find(|c: char| !matches!(c, ' ' | ':' | '=' | '"' | '\'' | '_' | '-')).unwrap_or(0);
    let separated = value[..skipped].contains([':', '=']) || bearer == Some(from);
    if !separated {
        return line.to_owned();
    }
    let ending = if line.ends_with('\n') { "\n" } else { "" };
    format!("{}{MASK}{ending}", &line[..from + skipped])
}
