//! `codeflow backup` and `codeflow restore` of the file beside a checkout.

use crate::support::Checkout;

#[test]
fn a_backup_is_restored_elsewhere_and_never_over_something_by_accident() {
    let checkout = Checkout::new();
    let empty = checkout.codeflow(&["backup", "early.backup"]).ends_with(3);
    checkout.codeflow(&["review"]).ends_with(0);

    let made = checkout.codeflow(&["backup", "one.backup"]).ends_with(0);
    let again = checkout.codeflow(&["backup", "one.backup"]).ends_with(2);
    let full = checkout.codeflow(&["restore", "one.backup"]).ends_with(2);
    let json = checkout
        .codeflow(&["restore", "one.backup", "--database-url", "other.db", "--format", "json"])
        .ends_with(0)
        .json();
    checkout.codeflow(&["restore", "one.backup", "--force"]).ends_with(0);
    checkout.codeflow(&["execution", "replay", "latest", "--database-url", "other.db"]).ends_with(0);

    assert!(empty.stderr.contains("there is no database"), "{empty:#?}");
    assert!(made.stderr.contains("backed up and checked: one.backup"), "{made:#?}");
    assert!(again.stderr.contains("codeflow.not_empty"), "{again:#?}");
    assert!(full.stderr.contains("is not empty") && full.stderr.contains("--force"), "{full:#?}");
    assert_eq!(json["tables"]["workflow_executions"], 1);
    let wrong = checkout.codeflow(&["restore", "README", "--force"]).ends_with(2);
    assert!(wrong.stderr.contains("codeflow.bad_backup"), "{wrong:#?}");
    assert!(checkout.codeflow(&["execution", "show", "latest"]).ends_with(0).stdout.contains("succeeded"));
}
