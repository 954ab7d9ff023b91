//! Every operation of the document, called by everybody and with everything that nobody means well.

use codeflow_auth::{BuiltInRole, Permission};
use serde_json::{Value, json};

use super::house::House;
use super::script::{Operation, operations, strings};
use crate::live::Answered;

/// What holds for every answer.
fn check(operation: &Operation, case: &str, answered: &Answered) {
    let about = format!("{}, {case}: {answered:?}", operation.name());
    assert!(operation.documents(answered.status), "a status that is not documented: {about}");
    assert!(answered.status < 500, "a fault: {about}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(answered.header(name), Some(value), "{about}");
    }
    assert!(answered.header("traceparent").is_some_and(|trace| trace.len() == 55), "{about}");
    if answered.status < 400 {
        return;
    }
    let problem = answered.json();
    assert_eq!(answered.header("content-type"), Some("application/problem+json"), "{about}");
    assert_eq!(problem["code"].as_str(), answered.header("x-codeflow-error"), "{about}");
    assert_eq!(problem["request_id"].as_str(), answered.header("x-request-id"), "{about}");
    assert_eq!(problem["status"], answered.status, "{about}");
    assert!(problem["message"].is_string() && problem["errors"].is_array(), "{about}");
    let is_401 = answered.status == 401;
    assert_eq!(answered.header("www-authenticate").is_some(), is_401, "{about}");
}

#[tokio::test]
async fn nobody_gets_further_than_the_permission_of_a_route() {
    let house = House::new().await;
    let all = operations(&house.document().await);
    assert!(all.len() > 50, "the document has {} operations", all.len());

    for operation in &all {
        let nobody = house.call("nobody", operation).await;
        check(operation, "without a credential", &nobody);
        let Some(permission) = operation.permission() else {
            let code = nobody.header("x-codeflow-error").unwrap_or_default();
            assert_ne!(code, "auth.missing_credential", "{}", operation.name());
            continue;
        };
        assert_eq!((nobody.status, nobody.code()), (401, "auth.missing_credential"), "{}", operation.name());
        let permission: Permission = permission.parse().expect("is a permission");
        for role in BuiltInRole::ALL {
            let answered = house.call(role.as_str(), operation).await;
            check(operation, role.as_str(), &answered);
            let lacks = answered.status == 403
                && answered.body.contains(&format!("this needs the permission `{permission}`"));
            if !role.permissions().has(permission) {
                assert!(lacks, "{} is not refused to {}: {answered:?}", operation.name(), role.as_str());
            } else {
                assert!(!lacks, "{} is refused to {}", operation.name(), role.as_str());
                assert_ne!(answered.code_or_none(), "auth.missing_credential");
            }
        }
    }
}

#[tokio::test]
async fn a_credential_that_is_none_is_refused_everywhere() {
    let house = House::new().await;
    let all = operations(&house.document().await);
    let token = &house.tokens["admin"];
    let cases = [
        ("authorization: Bearer nonsense".to_owned(), 401),
        (format!("authorization: Bearer {}x", token), 401),
        (format!("authorization: Basic {token}"), 401),
        ("authorization: Bearer ".to_owned(), 401),
        (format!("authorization: Bearer {token}\r\nx-api-key: other"), 401),
        (format!("authorization: Bearer {token}\r\nauthorization: Bearer {token}"), 401),
        ("x-api-key: cf_live_key_00000000000000000000000000000000_secret".to_owned(), 401),
    ];

    for operation in all.iter().filter(|one| one.permission().is_some()) {
        for (head, status) in &cases {
            let answered = house.live.ask(&operation.first(), &[head], "").await;
            check(operation, head, &answered);
            assert_eq!(answered.status, *status, "{}: {head}", operation.name());
            assert!(!answered.body.contains(token.as_str()));
        }
    }
}

#[tokio::test]
async fn what_is_of_another_tenant_is_not_there() {
    let house = House::new().await;
    let document = json!({ "document": "version: 1\nname: nap\nsteps: { rest: { sleep: 10ms } }\n" });
    assert_eq!(house.ask("user", "POST /api/v1/workflows", Some(&document)).await.status, 201);
    let start = json!({ "workflow": "nap" });
    let execution = house.ask("user", "POST /api/v1/executions", Some(&start)).await.json()["id"].clone();
    let user = house.ask("user", "GET /api/v1/me", None).await.json()["user"].clone();
    let wish = json!({ "name": "ci", "scopes": ["executions:read"] });
    let key = house.ask("admin", "POST /api/v1/keys", Some(&wish)).await.json()["key"]["id"].clone();
    let ours = [("{id}", "executions", &execution), ("{id}", "users", &user), ("{id}", "keys", &key)];

    for operation in operations(&house.document().await) {
        let Some((_, _, id)) =
            ours.iter().find(|(_, kind, _)| operation.path.contains(&format!("/{kind}/{{id}}")))
        else {
            continue;
        };
        let first = operation.first_with("id", id.as_str().expect("is a text"));
        let answered = house.ask("other", &first, operation.body().as_ref()).await;
        check(&operation, "another tenant", &answered);
        assert_eq!(answered.status, 404, "{}: {answered:?}", operation.name());
    }
    for path in ["/api/v1/executions", "/api/v1/workflows", "/api/v1/keys"] {
        let listed = house.ask("other", &format!("GET {path}"), None).await.json();
        assert_eq!(listed["data"], json!([]), "{path}");
    }
    let start = house.ask("other", "POST /api/v1/executions", Some(&start)).await;
    assert_eq!((start.status, start.code()), (404, "engine.not_found"));
    let shown = house.ask("other", "GET /api/v1/workflows/nap", None).await;
    assert_eq!(shown.status, 404);
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused_by_name() {
    let house = House::new().await;
    let token = format!("authorization: Bearer {}", house.tokens["operator"]);
    let json = "content-type: application/json";
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(2 << 20));
    let cases = [
        (json, "{", 400, "api.invalid_json"),
        (json, "", 400, "api.invalid_json"),
        (json, "{}{}", 400, "api.invalid_json"),
        (json, "{\"a\":1,\"a\":2}", 400, "api.duplicate_member"),
        (json, deep.as_str(), 400, "api.too_deep"),
        (json, "[]", 422, "api.invalid_body"),
        (json, "null", 422, "api.invalid_body"),
        (json, "{\"surprise\":1}", 422, "api.invalid_body"),
        (json, "{\"a\":\"\\u0000\"}", 422, "api.invalid_body"),
        ("content-type: text/plain", "{}", 415, "api.content_type"),
        ("content-type: application/x-www-form-urlencoded", "a=b", 415, "api.content_type"),
        ("content-encoding: gzip\r\ncontent-type: application/json", "{}", 415, "api.content_type"),
        ("x-none: 1", "{}", 415, "api.content_type"),
        (json, large.as_str(), 413, "api.body_too_large"),
    ];

    for operation in operations(&house.document().await).iter().filter(|one| one.schema().is_some()) {
        for (kind, body, status, code) in &cases {
            let answered = house.live.ask(&operation.first(), &[&token, kind], body).await;
            let shown: String = body.chars().take(30).collect();
            check(operation, &shown, &answered);
            let about = format!("{}: {kind} {shown}", operation.name());
            assert_eq!((answered.status, answered.code()), (*status, *code), "{about}");
        }
    }
}

/// Texts that mean something to somebody else.
fn hostile() -> Vec<String> {
    let long = "e".repeat(9_000);
    [
        "'; DROP TABLE users; --",
        "\" OR 1=1",
        "<script>alert(1)</script>",
        "a\u{0}b",
        "\u{202e}gnp.exe",
        "../../../etc/passwd",
        "..%2f..%2f",
        "${jndi:ldap://x/y}",
        "{{7*7}}",
        "\r\nx-evil: 1",
        "𝕏\u{fffd}\u{10ffff}",
        "-1",
        "99999999999999999999999",
        "",
        " ",
        long.as_str(),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn hostile_texts_are_taken_as_texts_or_refused_wherever_they_stand() {
    let house = House::new().await;

    for operation in operations(&house.document().await) {
        for text in hostile() {
            let shown: String = text.chars().take(30).collect();
            for parameter in operation.parameters("path").into_iter().chain(operation.parameters("query")) {
                let name = parameter["name"].as_str().expect("it has a name");
                let first = operation.first_with(name, &text);
                let answered = house.ask("operator", &first, operation.body().as_ref()).await;
                // Nothing, or two points, between two slashes is another path.
                if answered.status == 404 && answered.code() == "api.no_such_path" {
                    continue;
                }
                check(&operation, &format!("`{name}` is {shown:?}"), &answered);
                assert!(answered.header("x-evil").is_none());
            }
            let Some(body) = operation.body() else { continue };
            let mut places = Vec::new();
            strings(&body, "", &mut places);
            for place in places {
                let mut spoilt = body.clone();
                *spoilt.pointer_mut(&place).expect("is there") = Value::from(text.clone());
                let answered = house.ask("operator", &operation.first(), Some(&spoilt)).await;
                check(&operation, &format!("{place} is {shown:?}"), &answered);
                let reflects = answered.body.contains("<script>") && answered.status >= 400;
                assert!(!reflects, "{}: what was sent comes back: {answered:?}", operation.name());
            }
        }
    }
}
