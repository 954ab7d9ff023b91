//! Edges of the crate graph that the architecture forbids.

use crate::project::Project;

#[test]
fn a_project_that_obeys_every_rule_has_no_violations() {
    let project = Project::clean();

    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn a_crate_may_ship_with_a_layer_below_its_own() {
    let project = Project::clean();
    project.add_crate("engine", "app", &["codeflow-core", "tokio"]);

    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn a_dependency_that_points_upwards_is_found() {
    let project = Project::clean();
    project.add_crate("engine", "app", &["codeflow-core"]);
    project.add_crate("expr", "domain", &["codeflow-engine"]);

    assert_eq!(
        project.only_violation(),
        "crates/expr/Cargo.toml: codeflow-expr (domain) must not depend on codeflow-engine (app); \
         its layer may use: domain [layers]"
    );
}

#[test]
fn two_crates_of_use_cases_never_depend_on_each_other() {
    let project = Project::clean();
    project.add_crate("engine", "app", &[]);
    project.add_crate("gateway", "app", &["codeflow-engine"]);

    assert_eq!(project.violations(), ["crates/gateway/Cargo.toml layers"]);
}

#[test]
fn two_adapters_never_depend_on_each_other() {
    let project = Project::clean();
    project.add_crate("persistence", "adapter", &["diesel"]);
    project.add_crate("api", "adapter", &["codeflow-persistence"]);

    assert_eq!(project.violations(), ["crates/api/Cargo.toml layers"]);
}

#[test]
fn a_build_dependency_counts_as_shipped_and_a_dev_dependency_does_not() {
    let project = Project::clean();
    project.add_crate("engine", "app", &[]);
    let manifest = crate::project::manifest("expr", "domain");
    let edges = "\n[build-dependencies]\ncodeflow-engine.workspace = true\n";
    project.write("crates/expr/Cargo.toml", &format!("{manifest}{edges}"));
    project.write("crates/expr/src/lib.rs", "//! Nothing.\n");

    assert_eq!(project.violations(), ["crates/expr/Cargo.toml layers"]);

    project.write("crates/expr/Cargo.toml", &format!("{manifest}{}", edges.replace("build", "dev")));
    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn a_crate_without_a_layer_is_found() {
    let project = Project::clean();
    let manifest = crate::project::manifest("core", "domain").replace("layer = ", "level = ");
    project.write("crates/core/Cargo.toml", &manifest);

    assert!(project.only_violation().contains("declare `layer` in [package.metadata.codeflow]"));
}

#[test]
fn a_layer_that_does_not_exist_is_found() {
    let project = Project::clean();
    project.add_crate("expr", "helpers", &[]);

    assert!(project.only_violation().contains("layer `helpers` does not exist"));
}

#[test]
fn the_domain_never_names_the_async_runtime() {
    let project = Project::clean();
    project.add_crate("core", "domain", &["tokio"]);

    assert_eq!(
        project.only_violation(),
        "crates/core/Cargo.toml: codeflow-core must not depend on tokio: \
         no crate of the domain layer names it [layers]"
    );
}

#[test]
fn only_the_persistence_crate_names_diesel() {
    let project = Project::clean();
    project.add_crate("persistence", "adapter", &["diesel"]);
    project.add_crate("testkit", "test", &["diesel", "codeflow-persistence"]);
    assert_eq!(project.violations(), Vec::<String>::new());

    project.add_crate("config", "adapter", &["diesel"]);

    assert!(project.only_violation().contains("it belongs to codeflow-persistence"));
}
