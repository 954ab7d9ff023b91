//! The plain text of a review, with colour on the words that matter most.

use anstyle::{AnsiColor, Style};

/// Colours the first word of each line that begins a part of the report.
pub(crate) fn paint(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    let (word, rest) = line.split_at(line.find([' ', '\n']).unwrap_or(line.len()));
    let style = match word {
        "PASS" => AnsiColor::Green.on_default().bold(),
        "FAIL" | "critical" | "high" => AnsiColor::Red.on_default().bold(),
        "medium" => AnsiColor::Yellow.on_default().bold(),
        "low" | "info" => AnsiColor::Cyan.on_default().bold(),
        "Risk" | "Suppressed" | "Skipped" | "Models" | "Notes" | "Not" => Style::new().bold(),
        _ => return line.to_owned(),
    };
    format!("{style}{word}{style:#}{rest}")
}
