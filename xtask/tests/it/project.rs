//! A small workspace in a temporary folder that obeys every rule, for tests to break.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;
use xtask::violations_in;

/// A workspace of its own, removed at the end of the test.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// A workspace with one crate, `codeflow-core` of the domain layer, that breaks no rule.
    pub(crate) fn clean() -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        let git = Command::new("git").args(["init", "--quiet"]).current_dir(project.folder.path()).status();
        assert!(git.expect("git can be started").success());
        project.write(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n\n[workspace.lints.rust]\n\n[workspace.dependencies]\n\
             codeflow-core = { path = \"crates/core\" }\ntokio = \"1\"\ndiesel = \"2\"\n",
        );
        project.add_crate("core", "domain", &[]);
        project
    }

    /// Adds `codeflow-NAME` to the workspace, shipping with the given packages.
    pub(crate) fn add_crate(&self, name: &str, layer: &str, ships_with: &[&str]) {
        let manifest = manifest(name, layer);
        let edges = ships_with.iter().map(|other| format!("{other}.workspace = true\n")).collect::<String>();
        self.write(&format!("crates/{name}/Cargo.toml"), &format!("{manifest}\n[dependencies]\n{edges}"));
        self.write(&format!("crates/{name}/src/lib.rs"), "//! Holds nothing yet.\n");
        if name != "core" {
            let root = fs::read_to_string(self.path("Cargo.toml")).expect("the root manifest was written");
            let line = format!("codeflow-{name} = {{ path = \"crates/{name}\" }}\n");
            self.write("Cargo.toml", &format!("{root}{line}"));
        }
    }

    /// Puts a file into the project.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("the path has a folder")).expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }

    /// What every rule together finds, each as `path:line rule`.
    pub(crate) fn violations(&self) -> Vec<String> {
        let found = violations_in(self.folder.path()).expect("the project can be read");
        found
            .iter()
            .map(|violation| match violation.line {
                Some(line) => format!("{}:{line} {}", violation.path, violation.rule),
                None => format!("{} {}", violation.path, violation.rule),
            })
            .collect()
    }

    /// The only violation, as shown on the terminal.
    pub(crate) fn only_violation(&self) -> String {
        let found = violations_in(self.folder.path()).expect("the project can be read");
        assert_eq!(found.len(), 1, "expected one violation: {found:?}");
        found[0].to_string()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}

/// A manifest that obeys every rule, up to its dependencies.
pub(crate) fn manifest(name: &str, layer: &str) -> String {
    format!(
        "[package]\nname = \"codeflow-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [package.metadata.codeflow]\nlayer = \"{layer}\"\n\n[lints]\nworkspace = true\n"
    )
}
