//! The rules about the source tree: one module each, a pure function from what was read to what is wrong.

mod attributes;
mod changelog;
mod conflict_markers;
mod error_pages;
mod imports;
mod layers;
mod manifests;
mod module_docs;
mod secrets;
mod sizes;

use std::path::Path;

use anyhow::Result;

use crate::{tree::Tree, violation::Violation, workspace::Workspace};

/// Applies every rule to the project in `root` and returns what breaks them, in order of path and line.
///
/// # Errors
///
/// Fails when git or cargo cannot describe the project, or a source file is not Rust.
pub fn violations_in(root: &Path) -> Result<Vec<Violation>> {
    let tree = Tree::read(root)?;
    let workspace = Workspace::read(root)?;
    let mut found = Vec::new();
    found.extend(layers::check(&workspace));
    found.extend(manifests::check(&workspace));
    found.extend(sizes::check(&tree));
    found.extend(module_docs::check(&tree));
    found.extend(attributes::check(&tree)?);
    found.extend(imports::check(&tree)?);
    found.extend(error_pages::check(&tree)?);
    found.extend(conflict_markers::check(&tree));
    found.extend(changelog::check(&tree));
    found.extend(secrets::check(&tree));
    found.sort();
    Ok(found)
}
