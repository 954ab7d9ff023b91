//! The formats read in the plainest way: all of the text at once, line by line. Nothing where it is not UTF-8.

use codeflow_providers::Frame;

/// Every line that has ended, and what is left.
fn lines(input: &[u8]) -> Option<(Vec<String>, String)> {
    let text = std::str::from_utf8(input).ok()?.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    if let Some(first) = lines.first_mut()
        && let Some(rest) = first.strip_prefix('\u{feff}')
    {
        *first = rest.to_owned();
    }
    let rest = lines.pop()?;
    Some((lines, rest))
}

pub(super) fn sse(input: &[u8]) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    let (mut event, mut data) = (None, Vec::new());
    for line in lines(input)?.0 {
        if line.is_empty() {
            let (event, data) = (event.take(), std::mem::take(&mut data));
            if !data.is_empty() {
                frames.push(Frame { event, data: data.join("\n"), is_error: false });
            }
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "event" => event = Some(value),
            "data" => data.push(value),
            _ => {}
        }
    }
    Some(frames)
}

pub(super) fn ndjson(input: &[u8]) -> Option<Vec<Frame>> {
    let (mut lines, rest) = lines(input)?;
    lines.push(rest);
    let lines = lines.into_iter().filter(|line| !line.trim().is_empty());
    Some(lines.map(|data| Frame { event: None, data, is_error: false }).collect())
}
