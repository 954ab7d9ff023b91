//! Problems of a document, each with the line it is in and a mark under the place.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use codeflow::core::{Problem, Problems};

use crate::show::clean;

/// How much of a long line is shown.
const LINE_CHARS: usize = 100;

/// All problems of the document `text`, which is called `name`.
pub(crate) fn render(name: &str, text: &str, problems: &Problems) -> String {
    let lines: Vec<&str> = text.lines().collect();
    problems.iter().map(|problem| one(name, &lines, problem)).collect::<Vec<_>>().join("\n")
}

fn one(name: &str, lines: &[&str], problem: &Problem) -> String {
    let red = AnsiColor::Red.on_default().bold();
    let blue = AnsiColor::Blue.on_default();
    let cyan = AnsiColor::Cyan.on_default();
    let dim = Style::new().dimmed();
    let Problem { code, message, hint, location } = problem;
    let mut out = format!("{red}error{red:#}: {} {dim}[{code}]{dim:#}\n", clean(message));
    let margin = location.line.to_string().len();
    let _ = writeln!(out, "{:margin$}{blue}-->{blue:#} {name}:{location}", "");
    if let Some((line, column)) =
        lines.get(location.line.saturating_sub(1)).map(|line| cut(line, location.column))
    {
        let _ = writeln!(out, "{:margin$} {blue}|{blue:#}", "");
        let _ = writeln!(out, "{blue}{} |{blue:#} {line}", location.line);
        let _ = writeln!(out, "{:margin$} {blue}|{blue:#} {:column$}{red}^{red:#}", "", "");
    }
    if !hint.is_empty() {
        let _ = writeln!(out, "{:margin$} {blue}={blue:#} {cyan}help{cyan:#}: {}", "", clean(hint));
    }
    out
}

/// The part of a line around a column, and how far from its start the mark stands.
fn cut(line: &str, column: usize) -> (String, usize) {
    let line = clean(&line.replace('\t', " "));
    let at = column.saturating_sub(1);
    let from = if at < LINE_CHARS { 0 } else { at - LINE_CHARS / 2 };
    let mut part: String = line.chars().skip(from).take(LINE_CHARS).collect();
    let mut mark = at - from;
    if from > 0 {
        part.insert(0, '…');
        mark += 1;
    }
    if line.chars().count() > from + LINE_CHARS {
        part.push('…');
    }
    (part, mark)
}
