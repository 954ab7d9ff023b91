//! What a request brings, checked as a whole.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::house::House;
use crate::live::Line;

fn fields(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().expect("is a list").iter();
    errors
        .map(|one| (one["field"].as_str().unwrap_or_default(), one["code"].as_str().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let house = House::new().await;
    let body = json!({
        "display_name": 7, "surprise": true, "roles": "admin", "password": "", "email": null,
        "identity": { "issuer": "", "more": 1 },
    });

    let refused = house.ask("admin", "POST /api/v1/users", Some(&body)).await;

    assert_eq!((refused.status, refused.code()), (422, "api.invalid_body"));
    let problem = refused.json();
    assert_eq!(
        fields(&problem),
        [
            ("/display_name", "api.invalid_field"),
            ("/identity/issuer", "api.invalid_field"),
            ("/identity/more", "api.unknown_field"),
            ("/identity/subject", "api.missing_field"),
            ("/name", "api.missing_field"),
            ("/password", "api.invalid_field"),
            ("/roles", "api.invalid_field"),
            ("/surprise", "api.unknown_field"),
        ]
    );
}

#[tokio::test]
async fn the_rules_of_identity_are_told_with_their_fields() {
    let house = House::new().await;
    let body = json!({ "name": "a b", "password": "short", "email": "nowhere", "roles": ["ghost"] });

    let refused = house.ask("admin", "POST /api/v1/users", Some(&body)).await;

    assert_eq!((refused.status, refused.code()), (422, "auth.invalid_input"));
    let problem = refused.json();
    let mut named: Vec<_> = fields(&problem).into_iter().map(|(field, _)| field).collect();
    named.sort_unstable();
    assert_eq!(named, ["/email", "/name", "/password", "/roles"]);
    assert!(!refused.body.contains("short"), "a password is never repeated");
}

#[tokio::test]
async fn parameters_of_all_places_are_told_together() {
    let house = House::new().await;

    let first = "GET /api/v1/executions?limit=0&limit=5&status=done&workflow=9&before=x&surprise=1";
    let refused = house.ask("viewer", first, None).await;

    assert_eq!((refused.status, refused.code()), (400, "api.invalid_parameter"));
    let problem = refused.json();
    let mut named: Vec<_> = fields(&problem);
    named.dedup();
    let expected = ["before", "limit", "status", "surprise", "workflow"];
    for name in expected {
        assert!(named.iter().any(|(field, _)| *field == name), "{name}: {named:?}");
    }
    assert!(named.contains(&("surprise", "api.unknown_parameter")));
}

#[tokio::test]
async fn a_document_of_a_workflow_is_refused_with_every_problem_and_its_place() {
    let house = House::new().await;
    let body =
        json!({ "document": "version: 1\nname: nap\nsurprise: 1\nsteps: { rest: { sleep: soon } }\n" });

    let refused = house.ask("user", "POST /api/v1/workflows", Some(&body)).await;

    assert_eq!((refused.status, refused.code()), (422, "api.invalid_body"));
    let problem = refused.json();
    let codes: Vec<_> = fields(&problem).into_iter().map(|(_, code)| code).collect();
    assert!(codes.contains(&"workflow.unknown_key") && codes.len() >= 2, "{problem}");
}

#[tokio::test]
async fn a_body_that_ends_early_or_is_announced_too_large_is_told() {
    let house = House::new().await;
    let token = &house.tokens["operator"];
    let head = format!(
        "POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
    );

    let mut large = Line::open(&house.live).await;
    large.say(&format!("{head}content-length: 999999999\r\n\r\n")).await;
    let refused = large.rest().await;
    let mut early = Line::open(&house.live).await;
    early.say(&format!("{head}content-length: 10\r\n\r\n{{")).await;
    early.0.shutdown().await.expect("it can be closed");
    let ended = early.rest().await;

    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("connection: close"), "{refused}");
    assert!(ended.is_empty() || ended.starts_with("HTTP/1.1 400"), "{ended}");
    assert_eq!(house.ask("operator", "GET /api/v1/keys", None).await.status, 200, "others are served");
}

#[tokio::test]
async fn who_may_not_is_refused_before_a_body_is_read() {
    let house = House::new().await;
    let token = &house.tokens["viewer"];
    let mut line = Line::open(&house.live).await;

    let head = format!("POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    line.say(&format!("{head}expect: 100-continue\r\ncontent-length: 50\r\n\r\n")).await;
    let answered = line.until("auth.forbidden").await;

    assert!(answered.starts_with("HTTP/1.1 403"), "it is not told to send it: {answered}");
}
