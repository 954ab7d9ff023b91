//! What stands before every handler: names, traces, panics, headers, origins, limits.

use std::collections::BTreeSet;
use std::time::Duration;

use codeflow_api::{ClientAddress, ManageSettings};
use codeflow_ratelimit::Verdict;
use serde_json::{Value, json};

use super::house::{House, Plan, decision};

const TRACE: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_trace_that_can_be_read_goes_on_and_any_other_is_begun_anew() {
    let house = House::new().await;
    let bad = [
        "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "traceparent: ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "traceparent: nonsense",
    ];
    let ask = async |head: &str| {
        let answered = house.live.ask("GET /api/health", &[head], "").await;
        answered.header("traceparent").expect("every answer has one").to_owned()
    };

    let kept = ask(TRACE).await;
    let twice = ask(&format!("{TRACE}\r\n{TRACE}")).await;

    assert!(kept.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && kept.ends_with("-01"), "{kept}");
    assert!(!kept.contains("00f067aa0ba902b7"), "the place in the trace is our own");
    assert!(!twice.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "of two, none is believed");
    for head in bad {
        let begun = ask(head).await;
        assert_eq!((begun.len(), begun.contains("4bf92f")), (55, false), "{head}: {begun}");
    }
    assert!(
        ask("traceparent: 01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")
            .await
            .contains("4bf92f")
    );
}

#[tokio::test]
async fn every_request_has_a_name_of_ours_whatever_it_brings() {
    let house = House::new().await;
    let ask = async || {
        let answered = house.live.ask("GET /api/health", &["x-request-id: mine"], "").await;
        answered.header("x-request-id").expect("every answer has one").to_owned()
    };

    let names = BTreeSet::from([ask().await, ask().await]);

    assert!(names.len() == 2 && names.iter().all(|name| name.starts_with("req_")), "{names:?}");
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_same_shape() {
    let house = House::new().await;

    let nothing = house.ask("admin", "GET /api/v1/nothing", None).await;
    let wrong = house.ask("admin", "DELETE /api/v1/executions", None).await;
    let trailing = house.ask("admin", "GET /api/v1/executions/", None).await;

    assert_eq!((nothing.status, nothing.code()), (404, "api.no_such_path"));
    assert_eq!((wrong.status, wrong.code()), (405, "api.method_not_allowed"));
    let allow: BTreeSet<&str> =
        wrong.header("allow").expect("it says what it takes").split(',').map(str::trim).collect();
    assert_eq!(allow, BTreeSet::from(["GET", "HEAD", "POST"]));
    assert_eq!(trailing.status, 404);
    let mut problem = nothing.json();
    assert_eq!(problem["request_id"].take().as_str(), nothing.header("x-request-id"));
    let told = json!({
        "type": "/docs/errors/api.no_such_path", "title": "Not Found", "status": 404,
        "detail": "there is nothing at this path", "message": "there is nothing at this path",
        "code": "api.no_such_path", "request_id": null, "errors": [],
    });
    assert_eq!(problem, told);
    for answered in [&nothing, &wrong] {
        assert_eq!(answered.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_read_nothing_unless_settings_name_them() {
    let closed = House::new().await;
    let mut plan = Plan::new().await;
    plan.manage.settings =
        ManageSettings { origins: vec!["https://console.example".to_owned()], ..ManageSettings::default() };
    let open = plan.build().await;
    let named = "origin: https://console.example";
    let wants = "access-control-request-method: POST";

    let off = closed.live.ask("GET /api/health", &[named], "").await;
    let off_before = closed.live.ask("OPTIONS /api/v1/executions", &[named, wants], "").await;
    let on = open.live.ask("GET /api/health", &[named], "").await;
    let other = open.live.ask("GET /api/health", &["origin: https://console.example.evil"], "").await;
    let before = open.live.ask("OPTIONS /api/v1/executions", &[named, wants], "").await;
    let other_before = open.live.ask("OPTIONS /api/v1/executions", &["origin: null", wants], "").await;
    let refused = open.live.ask("GET /api/v1/me", &[named], "").await;

    let origin =
        |answered: &crate::live::Answered| answered.header("access-control-allow-origin").map(str::to_owned);
    assert_eq!((origin(&off), off_before.status, origin(&off_before)), (None, 405, None));
    assert_eq!(
        (origin(&on).as_deref(), on.header("vary")),
        (Some("https://console.example"), Some("origin"))
    );
    assert_eq!((origin(&other), other.header("vary")), (None, Some("origin")));
    assert_eq!((before.status, origin(&before).as_deref()), (204, Some("https://console.example")));
    assert!(before.header("access-control-allow-headers").is_some_and(|all| all.contains("authorization")));
    assert!(before.header("access-control-allow-credentials").is_none());
    assert_eq!((other_before.status, origin(&other_before)), (405, None));
    assert_eq!((refused.status, origin(&refused).is_some()), (401, true), "a page has to see why");
}

#[tokio::test]
async fn browsers_are_told_to_use_tls_alone_only_when_settings_say_so() {
    let plain = House::new().await;
    let mut plan = Plan::new().await;
    plan.manage.settings.hsts = Some(Duration::from_secs(31_536_000));
    let strict = plan.build().await;

    let none = plain.ask("nobody", "GET /api/health", None).await;
    let some = strict.ask("nobody", "GET /api/health", None).await;

    assert_eq!(none.header("strict-transport-security"), None);
    assert_eq!(some.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
}

#[tokio::test]
async fn a_limit_is_asked_before_a_credential_is_looked_at_and_told_on_every_answer() {
    let house = House::new().await;
    let later = decision(Verdict::Later(Duration::from_millis(1_200)));
    house.door.enters.lock().expect("nobody panicked").extend([later, decision(Verdict::Allowed)]);
    house.door.admits.lock().expect("nobody panicked").extend([later]);
    let never = house.door.came.lock().expect("nobody panicked").len();

    let flooded = house.live.ask("GET /api/v1/me", &["authorization: Bearer nonsense"], "").await;
    let admitted = house.ask("viewer", "GET /api/v1/me", None).await;
    let refused = house.live.ask("GET /api/v1/me", &["authorization: Bearer nonsense"], "").await;
    house.door.enters.lock().expect("nobody panicked").extend([decision(Verdict::Allowed)]);
    let unknown = house.live.ask("GET /api/v1/me", &[], "").await;

    for answered in [&flooded, &admitted] {
        assert_eq!((answered.status, answered.code()), (429, "api.limited"));
        assert_eq!(answered.header("retry-after"), Some("2"), "it is rounded up");
        let message = answered.json()["message"].clone();
        assert_eq!(message, "the limit of 10 requests in 60 s is used up; try again in 2 s");
    }
    assert_eq!(refused.status, 401, "nothing limits any more");
    assert_eq!((unknown.status, unknown.header("x-ratelimit-limit")), (401, Some("10")));
    assert_eq!(unknown.header("ratelimit-policy"), Some("\"requests\";q=10;w=60"));
    let came = house.door.came.lock().expect("nobody panicked").clone();
    let came: Vec<&str> = came[never..].iter().map(String::as_str).collect();
    assert_eq!(came[0], "127.0.0.1 read");
    assert_eq!(came[1], "127.0.0.1 read");
    assert!(came[2].starts_with("user_") && came[2].ends_with(" authenticated false read"), "{came:?}");
    assert_eq!(came.len(), 5, "who is refused before is not asked after: {came:?}");
}

#[tokio::test]
async fn the_address_is_that_of_the_connection_unless_a_trusted_proxy_says_another() {
    let plain = House::new().await;
    let mut plan = Plan::new().await;
    plan.manage.address = ClientAddress::behind(vec!["127.0.0.1".parse().expect("is an address")]);
    let proxied = plan.build().await;

    for house in [&plain, &proxied] {
        house.live.ask("GET /api/health", &["x-forwarded-for: 203.0.113.9, 192.0.2.7"], "").await;
    }

    let came = |house: &House| house.door.came.lock().expect("nobody panicked").clone();
    assert_eq!(came(&plain), ["127.0.0.1 health", "127.0.0.1 anonymous false health"]);
    assert_eq!(came(&proxied), ["192.0.2.7 health", "192.0.2.7 anonymous false health"]);
}

#[tokio::test]
async fn a_head_is_asked_for_like_what_it_is_the_head_of() {
    let house = House::new().await;

    let head = house.ask("nobody", "HEAD /api/health", None).await;
    let refused = house.ask("nobody", "HEAD /api/v1/me", None).await;

    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!((refused.status, refused.body.as_str()), (401, ""));
}

#[tokio::test]
async fn how_the_process_is_tells_no_place() {
    let house = House::new().await;

    let health = house.ask("nobody", "GET /api/health", None).await;

    let told = json!({ "status": "ok", "version": "1.2.3", "features": { "authentication": true } });
    assert_eq!((health.status, health.json()), (200, told));
    let document: Value = house.document().await;
    assert_eq!(document["openapi"], "3.1.0");
}
