//! Error codes without a page, and pages without a code.

use crate::project::Project;

const ERROR: &str = "//! An error.\npub enum Kind { Lost }\nimpl Kind {\n    pub fn code(self) -> &'static str {\n\
                     \x20       match self { Self::Lost => \"core.lost_way\" }\n    }\n}\n";

#[test]
fn a_code_with_its_page_is_fine() {
    let project = Project::clean();
    project.write("crates/core/src/error.rs", ERROR);
    project.write("docs/errors/core.lost_way.md", "# core.lost_way\n\nIt got lost.\n");
    project.write("docs/errors/README.md", "# Errors\n");

    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn a_code_without_a_page_is_found_where_it_stands() {
    let project = Project::clean();
    project.write("crates/core/src/error.rs", ERROR);

    assert_eq!(project.violations(), ["crates/core/src/error.rs:5 error-pages"]);
    assert!(project.only_violation().contains("write docs/errors/core.lost_way.md"));
}

#[test]
fn a_page_without_a_code_is_found() {
    let project = Project::clean();
    project.write("docs/errors/core.gone.md", "# core.gone\n");

    assert_eq!(project.violations(), ["docs/errors/core.gone.md error-pages"]);
}

#[test]
fn a_page_that_opens_with_another_title_is_found() {
    let project = Project::clean();
    project.write("crates/core/src/error.rs", ERROR);
    project.write("docs/errors/core.lost_way.md", "# Lost way\n");

    assert_eq!(project.violations(), ["docs/errors/core.lost_way.md:1 error-pages"]);
}

#[test]
fn text_in_tests_and_in_other_functions_is_not_a_code() {
    let project = Project::clean();
    let elsewhere = "//! Names a file.\npub fn file() -> &'static str {\n    \"notes.txt\"\n}\n";
    project.write("crates/core/src/file.rs", elsewhere);
    project.write("crates/core/tests/it/main.rs", &ERROR.replace("lost_way", "made_up"));

    assert_eq!(project.violations(), Vec::<String>::new());
}
