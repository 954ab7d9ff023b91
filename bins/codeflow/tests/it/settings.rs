//! Where executions are kept, and what happens when that does not work.

use crate::support::{Checkout, said};

const PASSWORD: &str = "hunter2";

#[test]
fn a_database_that_is_named_is_used() {
    let checkout = Checkout::new();

    checkout.codeflow(&["review", "--database-url", "elsewhere.db"]).ends_with(0);

    assert!(checkout.path().join("elsewhere.db").is_file());
    assert!(!checkout.path().join(".codeflow").exists());
    let list =
        checkout.codeflow(&["execution", "list", "--database-url", "sqlite:elsewhere.db"]).ends_with(0);
    assert!(list.stdout.contains("pr-review"), "{list:#?}");
}

#[test]
fn a_review_leaves_the_database_of_an_application_alone() {
    let checkout = Checkout::new();
    let mut program = checkout.program(&["review"]);
    program.env("DATABASE_URL", "application.db");

    said(program).ends_with(0);

    assert!(!checkout.path().join("application.db").exists());
    assert!(checkout.path().join(".codeflow/codeflow.db").is_file());
}

#[test]
fn a_settings_file_says_where_executions_are() {
    let checkout = Checkout::folder();
    checkout.write("codeflow.toml", "[database]\nurl = \"kept.db\"\n");

    checkout.codeflow(&["execution", "list"]).ends_with(0);

    assert!(checkout.path().join("kept.db").is_file());
}

#[test]
fn a_database_of_another_kind_is_refused_without_showing_its_password() {
    let checkout = Checkout::folder();

    let url = format!("mysql://u:{PASSWORD}@h/d");

    let said = checkout.codeflow(&["execution", "list", "--database-url", &url]).ends_with(2);

    assert!(said.stderr.contains("codeflow.database_address"), "{said:#?}");
    assert!(!said.stderr.contains(PASSWORD), "{said:#?}");
}

#[test]
fn a_server_that_is_away_is_a_failure_with_its_cause() {
    let checkout = Checkout::folder();
    let mut program = checkout.program(&["execution", "list"]);
    program.env("DATABASE_URL", format!("postgres://u:{PASSWORD}@127.0.0.1:1/d")).env("DB_POOL_TIMEOUT", "2");

    let said = said(program).ends_with(3);

    assert!(said.stderr.contains("could not open the database"), "{said:#?}");
    assert!(said.stderr.contains("because:"), "{said:#?}");
    assert!(!said.stderr.contains(PASSWORD), "{said:#?}");
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let checkout = Checkout::folder();

    let said = checkout.codeflow(&["execution", "list", "--repo", "nowhere"]).ends_with(2);

    assert!(said.stderr.contains("there is no folder `nowhere`"), "{said:#?}");
}

#[test]
fn a_data_folder_that_cannot_be_made_is_a_failure_with_a_way_out() {
    let checkout = Checkout::new();
    checkout.write(".codeflow", "in the way");

    let said = checkout.codeflow(&["review"]).ends_with(3);

    assert!(said.stderr.contains("could not make the folder"), "{said:#?}");
    assert!(said.stderr.contains("--database-url"), "{said:#?}");
}

#[test]
fn bad_settings_are_wrong_use() {
    let checkout = Checkout::folder();
    checkout.write("codeflow.toml", "[database]\npoolsize = 3\n");

    let said = checkout.codeflow(&["execution", "list"]).ends_with(2);

    assert!(said.stderr.contains("config.unknown_key"), "{said:#?}");
}
