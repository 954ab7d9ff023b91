//! The workspace as `cargo metadata` and the manifests describe it, cut down to what the rules ask about.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The members of the workspace.
pub(crate) struct Workspace {
    pub(crate) members: Vec<Member>,
}

/// One crate of ours.
pub(crate) struct Member {
    pub(crate) name: String,
    /// The folder, relative to the root, with forward slashes.
    pub(crate) folder: String,
    /// What `[package.metadata.codeflow] layer` says.
    pub(crate) layer: Option<String>,
    /// The names of the packages it ships with, ours and others; dev-dependencies are left out.
    pub(crate) ships_with: Vec<String>,
    /// The names of all its dependencies.
    names: Vec<String>,
    pub(crate) manifest: toml::Table,
}

impl Workspace {
    /// Asks cargo about the workspace in `root`, without resolving or downloading anything.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("could not read the workspace with cargo metadata")?;
        let members =
            metadata.packages.iter().map(|package| member(&metadata, package)).collect::<Result<_>>()?;
        Ok(Self { members })
    }
}

impl Workspace {
    /// Whether some member depends on a package directly, be it only for its tests.
    pub(crate) fn names(&self, package: &str) -> bool {
        self.members.iter().any(|member| member.names.iter().any(|name| name == package))
    }

    /// Whether a package is a member.
    pub(crate) fn has(&self, package: &str) -> bool {
        self.members.iter().any(|member| member.name == package)
    }
}

impl Member {
    /// The path of the manifest, relative to the root.
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

fn member(metadata: &Metadata, package: &cargo_metadata::Package) -> Result<Member> {
    let manifest_path = &package.manifest_path;
    let text =
        fs::read_to_string(manifest_path).with_context(|| format!("could not read {manifest_path}"))?;
    let folder = manifest_path.parent().unwrap_or(manifest_path);
    let ships_with = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.clone())
        .collect();
    Ok(Member {
        name: package.name.to_string(),
        folder: folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder).as_str().replace('\\', "/"),
        layer: package.metadata["codeflow"]["layer"].as_str().map(str::to_owned),
        ships_with,
        names: package.dependencies.iter().map(|dependency| dependency.name.clone()).collect(),
        manifest: text.parse().with_context(|| format!("{manifest_path} is not valid TOML"))?,
    })
}
