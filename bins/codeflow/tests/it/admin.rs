//! `codeflow admin`: who may call the server, managed on its machine.

use crate::support::{Checkout, Said};

const DATABASE: [&str; 2] = ["--database-url", "who.db"];

fn admin(checkout: &Checkout, words: &[&str], code: i32) -> Said {
    let words: Vec<&str> = ["admin"].iter().chain(words).chain(&DATABASE).copied().collect();
    checkout.codeflow(&words).ends_with(code)
}

#[test]
fn the_first_administrator_is_made_once_and_users_follow() {
    let checkout = Checkout::new();

    let first = admin(&checkout, &["bootstrap", "ada", "--format", "json"], 0).json();
    let second = admin(&checkout, &["bootstrap", "eve"], 2);
    let made = admin(&checkout, &["user", "add", "grace", "--role", "viewer", "--email", "g@example.com"], 0);
    let weak = admin(&checkout, &["user", "add", "weak", "--role", "nonsense"], 2);
    admin(&checkout, &["user", "roles", "grace", "--role", "user"], 0);
    admin(&checkout, &["user", "disable", "grace"], 0);
    let disabled = admin(&checkout, &["user", "show", "grace", "--format", "json"], 0).json();
    admin(&checkout, &["user", "enable", "grace"], 0);
    admin(&checkout, &["user", "unlock", "grace"], 0);
    admin(&checkout, &["user", "reset-second-factor", "grace"], 0);
    let password = admin(&checkout, &["user", "set-password", "grace"], 0);
    let listed = admin(&checkout, &["user", "list"], 0);
    let elsewhere = admin(&checkout, &["user", "list", "--tenant", "acme", "--format", "json"], 0).json();
    admin(&checkout, &["user", "remove", "grace"], 0);
    let gone = admin(&checkout, &["user", "show", "grace"], 2);

    assert_eq!(first["roles"], serde_json::json!(["admin", "operator"]));
    assert!(first["password"].as_str().is_some_and(|password| password.len() == 40), "{first}");
    assert!(second.stderr.contains("auth.conflict"), "{second:#?}");
    assert!(made.stdout.contains("shown once") && weak.stderr.contains("auth.invalid_input"), "{weak:#?}");
    assert_eq!((&disabled["disabled"], &disabled["roles"]), (&true.into(), &serde_json::json!(["user"])));
    assert!(password.stdout.contains("changed the password of grace"), "{password:#?}");
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:#?}");
    assert_eq!(elsewhere, serde_json::json!([]));
    assert!(gone.stderr.contains("auth.not_found"), "{gone:#?}");
}

#[test]
fn keys_and_roles_are_made_shown_and_taken_back() {
    let checkout = Checkout::new();
    admin(&checkout, &["bootstrap", "ada"], 0);

    let put = admin(&checkout, &["role", "put", "lead", "--permission", "executions:approve"], 0);
    let odd = admin(&checkout, &["role", "put", "odd", "--permission", "everything"], 2);
    let roles = admin(&checkout, &["role", "list"], 0);
    admin(&checkout, &["role", "remove", "lead"], 0);
    let more = ["--scope", "models:call", "--owner", "ada", "--model", "fast", "--expires", "90d"];
    let words: Vec<&str> =
        ["key", "add", "ci"].iter().chain(&more).chain(&["--format", "json"]).copied().collect();
    let made = admin(&checkout, &words, 0).json();
    let id = made["id"].as_str().unwrap_or_default().to_owned();
    let never = admin(&checkout, &["key", "add", "x", "--scope", "models:call", "--expires", "soon"], 2);
    let rotated = admin(&checkout, &["key", "rotate", &id, "--overlap", "1h"], 0);
    let listed = admin(&checkout, &["key", "list", "--format", "json"], 0).json();
    admin(&checkout, &["key", "revoke", &id], 0);
    let shown = admin(&checkout, &["key", "list"], 0);
    let none = admin(&checkout, &["signing-key", "withdraw", "nobody"], 2);
    admin(&checkout, &["signing-key", "list"], 0);
    let whole = admin(&checkout, &["audit"], 0);

    assert!(put.stdout.starts_with("lead  executions:approve") && odd.stderr.contains("auth.invalid_input"));
    assert!(["operator", "admin", "user", "viewer", "lead"].iter().all(|name| roles.stdout.contains(name)));
    assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("cf_live_")), "{made}");
    assert!(never.stderr.contains("cli.bad_value") && rotated.stdout.contains("cf_live_"), "{never:#?}");
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    assert!(listed.as_array().into_iter().flatten().all(|key| key.get("secret").is_none()), "{listed}");
    assert!(shown.stdout.contains("revoked"), "{shown:#?}");
    assert!(
        none.stdout.contains("there is no such key") && whole.stdout.contains("none was changed"),
        "{whole:#?}"
    );
}
