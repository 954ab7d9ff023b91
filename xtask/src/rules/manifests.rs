//! Members inherit the lints and name no versions: both are written once, in the root manifest.

use toml::{Table, Value};

use crate::{
    violation::Violation,
    workspace::{Member, Workspace},
};

const TABLES: &[&str] = &["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks the manifest of every member.
pub(super) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for member in &workspace.members {
        found.extend(lints(member));
        found.extend(versions(member));
    }
    found
}

fn lints(member: &Member) -> Option<Violation> {
    let inherited = member
        .manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .is_some_and(|inherited| inherited.as_bool() == Some(true));
    let advice = "inherit the workspace's lints: `[lints]` with `workspace = true`";
    (!inherited).then(|| Violation::file("lints", &member.manifest_path(), advice))
}

fn versions(member: &Member) -> Vec<Violation> {
    let targets = member.manifest.get("target").and_then(Value::as_table);
    let per_target = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    std::iter::once(&member.manifest)
        .chain(per_target)
        .flat_map(|table| TABLES.iter().filter_map(|name| table.get(*name)?.as_table()))
        .flatten()
        .filter(|(_, entry)| entry.get("workspace").and_then(Value::as_bool) != Some(true))
        .map(|(name, _)| {
            let advice = format!("`{name}` belongs in the root manifest; say `{name}.workspace = true` here");
            Violation::file("versions", &member.manifest_path(), advice)
        })
        .collect()
}
