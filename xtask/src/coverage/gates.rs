//! From LLVM's report to a verdict: lines reached per crate, against the gates in `coverage.toml`.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What `coverage.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gates {
    /// The share of lines, in percent, for every crate and for all of them together.
    default: f64,
    /// Folders that are not measured.
    exclude: Vec<PathBuf>,
    /// Stricter shares for paths.
    gates: BTreeMap<PathBuf, f64>,
}

/// The part of LLVM's report that counts lines per file.
#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<FileCounts>,
}

#[derive(Deserialize)]
struct FileCounts {
    filename: PathBuf,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Lines,
}

/// How many lines there are, and how many were reached.
#[derive(Clone, Copy, Default, Deserialize)]
struct Lines {
    count: u64,
    covered: u64,
}

/// The verdict on each crate, on each path with a gate of its own, and on all together.
pub struct Coverage {
    rows: Vec<Row>,
}

struct Row {
    name: String,
    lines: Lines,
    gate: f64,
}

/// Holds LLVM's report (`export`, in its JSON) against the text of `coverage.toml`.
///
/// Counted are the sources of crates and programs, without `main.rs`: it only hands over to a library.
///
/// # Errors
///
/// Fails when one of the texts is not understood, or a gate names a path without measured lines.
pub fn judge_coverage(gates: &str, export: &str, root: &Path) -> Result<Coverage> {
    let gates: Gates = toml::from_str(gates).context("coverage.toml is not understood")?;
    let export: Export = serde_json::from_str(export).context("llvm-cov's report is not understood")?;
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    let mut gated: BTreeMap<&Path, Lines> =
        gates.gates.keys().map(|path| (path.as_path(), Lines::default())).collect();
    let mut all = Lines::default();
    for file in export.data.iter().flat_map(|data| &data.files) {
        let Some((package, path)) = measured(&file.filename, root, &gates.exclude) else { continue };
        crates.entry(package).or_default().add(file.summary.lines);
        all.add(file.summary.lines);
        for (prefix, lines) in &mut gated {
            // A gate on `src/execution` also holds for `src/execution.rs`.
            if path.starts_with(prefix) || path.with_extension("") == **prefix {
                lines.add(file.summary.lines);
            }
        }
    }
    ensure!(all.count > 0, "no line of any crate was measured");
    let mut rows: Vec<Row> = Vec::new();
    for (path, lines) in gated {
        let name = path.display().to_string();
        ensure!(lines.count > 0, "coverage.toml has a gate for `{name}`, where nothing was measured");
        crates.remove(&name);
        rows.push(Row { gate: gates.gates[path], name, lines });
    }
    rows.extend(crates.into_iter().map(|(name, lines)| Row { name, lines, gate: gates.default }));
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows.push(Row { name: "all crates".to_owned(), lines: all, gate: gates.default });
    Ok(Coverage { rows })
}

/// The crate's folder and the relative path of a file that counts.
fn measured<'a>(file: &'a Path, root: &Path, exclude: &[PathBuf]) -> Option<(String, &'a Path)> {
    let path = file.strip_prefix(root).ok()?;
    let mut parts = path.iter().map(|part| part.to_str());
    let (kind, name, inside) = (parts.next()??, parts.next()??, parts.next()??);
    let is_shipped = matches!(kind, "crates" | "bins") && inside == "src" && !path.ends_with("src/main.rs");
    let is_excluded = exclude.iter().any(|folder| path.starts_with(folder));
    (is_shipped && !is_excluded).then(|| (format!("{kind}/{name}"), path))
}

impl Lines {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.covered += other.covered;
    }
}

impl Row {
    #[expect(clippy::cast_precision_loss, reason = "nobody writes 2^52 lines")]
    fn percent(&self) -> f64 {
        if self.lines.count == 0 {
            100.0
        } else {
            self.lines.covered as f64 * 100.0 / self.lines.count as f64
        }
    }

    fn is_met(&self) -> bool {
        self.percent() >= self.gate
    }
}

impl Coverage {
    /// What is below its gate.
    #[must_use]
    pub fn missed(&self) -> Vec<&str> {
        self.rows.iter().filter(|row| !row.is_met()).map(|row| row.name.as_str()).collect()
    }

    /// The share of all measured lines that was reached, in percent.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.rows.last().map_or(100.0, Row::percent)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        writeln!(f, "{:width$}  {:>7} {:>7} {:>7} {:>5}", "", "lines", "reached", "percent", "gate")?;
        for row in &self.rows {
            let Lines { count, covered } = row.lines;
            let verdict = if row.is_met() { "" } else { "  TOO LOW" };
            let (percent, gate) = (row.percent(), row.gate);
            writeln!(f, "{:width$}  {count:>7} {covered:>7} {percent:>7.2} {gate:>5}{verdict}", row.name)?;
        }
        Ok(())
    }
}
