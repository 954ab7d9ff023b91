//! How risky a change is, from its shape alone. What kind of file a path names is decided in `paths`.

mod paths;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::risk::paths::{Area, Role};
use crate::{Diff, FileDiff, FileKind, FileStatus};

/// The risk of a change, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskScore {
    /// From 0, harmless, to 100.
    pub score: u8,
    /// The score in a word.
    pub level: RiskLevel,
    /// What added to the score or took from it. The sum, held between 0 and 100, is the score.
    pub lines: Vec<RiskReason>,
}

/// A risk score in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RiskLevel {
    /// Under 20.
    Low,
    /// Under 45.
    Medium,
    /// Under 70.
    High,
    /// 70 and more.
    Critical,
}

/// One line of the explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskReason {
    /// What it adds; negative if it makes the change safer.
    pub points: i32,
    /// Why.
    pub what: String,
}

impl RiskLevel {
    fn of(score: u8) -> Self {
        match score {
            0..20 => Self::Low,
            20..45 => Self::Medium,
            45..70 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The word used in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Points for reaching a count; the last step reached counts.
type Steps = &'static [(u64, i32)];

const CHANGED_LINES: Steps =
    &[(10, 2), (50, 5), (100, 8), (200, 11), (400, 14), (800, 18), (1600, 21), (3200, 25)];
const CHANGED_FILES: Steps = &[(3, 2), (8, 4), (20, 7), (50, 10), (150, 14)];
const FOLDERS: Steps = &[(3, 2), (6, 4), (12, 6)];
const AREA_LINES: Steps = &[(0, 8), (20, 11), (100, 14), (400, 18)];
const UNTESTED_LINES: Steps = &[(10, 4), (50, 7), (200, 10)];
const DELETED_FILES: Steps = &[(1, 2), (5, 5), (20, 8)];
const BINARIES: Steps = &[(1, 4), (5, 7)];
const TESTS_TOUCHED: i32 = -8;

fn points(steps: Steps, count: u64) -> i32 {
    steps.iter().rev().find(|(from, _)| count >= *from).map_or(0, |(_, points)| *points)
}

impl RiskScore {
    /// Scores a change. The same diff always gives the same score, and another changed file that is no test never
    /// lowers it.
    pub fn assess(diff: &Diff) -> Self {
        let mut lines = Vec::new();
        size(diff, &mut lines);
        areas(diff, &mut lines);
        supply(diff, &mut lines);
        tests(diff, &mut lines);
        oddities(diff, &mut lines);
        let sum: i32 = lines.iter().map(|line| line.points).sum();
        let score = u8::try_from(sum.clamp(0, 100)).unwrap_or(100);
        Self { score, level: RiskLevel::of(score), lines }
    }
}

fn add(lines: &mut Vec<RiskReason>, points: i32, what: String) {
    if points != 0 {
        lines.push(RiskReason { points, what });
    }
}

fn churn(file: &FileDiff) -> u64 {
    file.additions + file.deletions
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn with_role(diff: &Diff, role: Role) -> impl Iterator<Item = &FileDiff> {
    diff.files.iter().filter(move |file| paths::role(&file.path) == role)
}

fn size(diff: &Diff, lines: &mut Vec<RiskReason>) {
    let locks: u64 = with_role(diff, Role::Lock).map(churn).sum();
    let changed = (diff.totals.additions + diff.totals.deletions).saturating_sub(locks);
    add(lines, points(CHANGED_LINES, changed), format!("{} changed", plural(changed, "line", "lines")));
    let files = diff.totals.files;
    add(lines, points(CHANGED_FILES, files), format!("{} changed", plural(files, "file", "files")));
    let folders: BTreeSet<&str> = diff.files.iter().map(|file| paths::folder(&file.path)).collect();
    let count = folders.len() as u64;
    add(lines, points(FOLDERS, count), format!("spread over {}", plural(count, "folder", "folders")));
}

fn areas(diff: &Diff, lines: &mut Vec<RiskReason>) {
    for area in Area::ALL {
        let touched: Vec<&FileDiff> = diff
            .files
            .iter()
            .filter(|file| {
                let old = file.old_path.as_deref().unwrap_or(&file.path);
                paths::touches(area, &file.path) || paths::touches(area, old)
            })
            .collect();
        if touched.is_empty() {
            continue;
        }
        let changed = touched.iter().map(|file| churn(file)).sum();
        let files = plural(touched.len() as u64, "file", "files");
        let what = format!("touches {} ({files}, {})", area.name(), plural(changed, "line", "lines"));
        add(lines, points(AREA_LINES, changed), what);
    }
}

fn supply(diff: &Diff, lines: &mut Vec<RiskReason>) {
    let parts = [
        (Role::Manifest, 6, "changes which dependencies are used"),
        (Role::Lock, 3, "changes the locked versions of dependencies"),
        (Role::Pipeline, 10, "changes what the build pipeline runs"),
    ];
    for (role, points, what) in parts {
        let count = with_role(diff, role).count() as u64;
        if count > 0 {
            add(lines, points, format!("{what} ({})", plural(count, "file", "files")));
        }
    }
}

fn tests(diff: &Diff, lines: &mut Vec<RiskReason>) {
    let touched =
        with_role(diff, Role::Test).filter(|file| file.status != FileStatus::Deleted).count() as u64;
    if touched > 0 {
        return add(lines, TESTS_TOUCHED, format!("{} changed with it", plural(touched, "test", "tests")));
    }
    let code: u64 = with_role(diff, Role::Code).map(churn).sum();
    let what = format!("no test changed with {} of code", plural(code, "line", "lines"));
    add(lines, points(UNTESTED_LINES, code), what);
}

fn oddities(diff: &Diff, lines: &mut Vec<RiskReason>) {
    let count = |wanted: fn(&FileDiff) -> bool| diff.files.iter().filter(|file| wanted(file)).count() as u64;

    let deleted = count(|file| file.status == FileStatus::Deleted);
    add(lines, points(DELETED_FILES, deleted), format!("{} deleted", plural(deleted, "file", "files")));
    let binaries = count(|file| file.kind == FileKind::Binary && file.status != FileStatus::Deleted);
    let what = format!("{} that cannot be read in review", plural(binaries, "binary file", "binary files"));
    add(lines, points(BINARIES, binaries), what);
    let submodules = count(|file| file.kind == FileKind::Submodule);
    add(lines, points(&[(1, 5)], submodules), "moves a submodule to another commit".to_owned());
    let executables = count(became_executable);
    add(lines, points(&[(1, 3)], executables), "makes a file executable".to_owned());
    let links = count(|file| file.kind == FileKind::Symlink || file.status == FileStatus::TypeChanged);
    add(lines, points(&[(1, 3)], links), "changes a symbolic link".to_owned());
    if diff.is_partial() {
        add(lines, 5, "parts of the change are too large to be looked at".to_owned());
    }
}

fn became_executable(file: &FileDiff) -> bool {
    let executable = |mode: &Option<String>| mode.as_deref() == Some("100755");
    executable(&file.new_mode) && !executable(&file.old_mode)
}
