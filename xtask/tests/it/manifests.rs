//! Manifests that go their own way.

use crate::project::{Project, manifest};

#[test]
fn a_crate_that_does_not_inherit_the_lints_is_found() {
    let project = Project::clean();
    project.write(
        "crates/core/Cargo.toml",
        &manifest("core", "domain").replace("[lints]\nworkspace = true\n", ""),
    );

    assert_eq!(project.violations(), ["crates/core/Cargo.toml lints"]);
}

#[test]
fn a_version_outside_the_root_manifest_is_found_in_every_table() {
    for table in ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
    {
        let project = Project::clean();
        let text = format!("{}\n[{table}]\ntokio = {{ version = \"1\" }}\n", manifest("engine", "app"));
        project.add_crate("engine", "app", &[]);
        project.write("crates/engine/Cargo.toml", &text);

        assert_eq!(project.violations(), ["crates/engine/Cargo.toml versions"], "in {table}");
    }
}

#[test]
fn a_path_outside_the_root_manifest_is_found() {
    let project = Project::clean();
    let text =
        format!("{}\n[dependencies]\ncodeflow-core = {{ path = \"../core\" }}\n", manifest("engine", "app"));
    project.add_crate("engine", "app", &[]);
    project.write("crates/engine/Cargo.toml", &text);

    assert!(project.only_violation().contains("say `codeflow-core.workspace = true` here"));
}
