//! What clients are told when something fails.

use std::time::Duration;

use codeflow_api::{ChatCompletions, Failure};
use codeflow_model::WireFormat::{ChatCompletions as OpenAi, Messages as Anthropic};
use codeflow_model::{ApiClientError, Details, ErrorKind, Reach, WireFormat};
use serde_json::{Value, json};

fn body(failure: &Failure, format: WireFormat) -> Value {
    serde_json::from_slice(&failure.body(format, "req_1")).expect("is JSON")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one flat table")]
fn every_kind_has_its_status_and_words() {
    let table: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| {
            let failure = Failure::from(&ApiClientError::new(*kind, "x"));
            let (openai, anthropic) = (body(&failure, OpenAi), body(&failure, Anthropic));
            let word = |value: &Value| value.as_str().expect("is a text").to_owned();
            let statuses = (failure.status(OpenAi), failure.status(Anthropic));
            let types = (word(&openai["error"]["type"]), word(&anthropic["error"]["type"]));
            (*kind, statuses, types.0, types.1, word(&openai["error"]["code"]))
        })
        .collect();
    let table: Vec<_> =
        table.iter().map(|(kind, status, a, b, code)| (*kind, *status, &**a, &**b, &**code)).collect();

    assert_eq!(
        table,
        [
            (ErrorKind::ProviderConnection, (502, 502), "server_error", "api_error", "model.connection"),
            (ErrorKind::Timeout, (504, 504), "server_error", "timeout_error", "model.timeout"),
            (
                ErrorKind::RateLimited,
                (429, 429),
                "rate_limit_error",
                "rate_limit_error",
                "rate_limit_exceeded"
            ),
            (ErrorKind::Overloaded, (503, 529), "server_error", "overloaded_error", "model.overloaded"),
            (ErrorKind::Authentication, (502, 502), "server_error", "api_error", "model.authentication"),
            (ErrorKind::PermissionDenied, (502, 502), "server_error", "api_error", "model.permission_denied"),
            (
                ErrorKind::InvalidRequest,
                (400, 400),
                "invalid_request_error",
                "invalid_request_error",
                "model.invalid_request"
            ),
            (
                ErrorKind::ContextTooLong,
                (400, 400),
                "invalid_request_error",
                "invalid_request_error",
                "context_length_exceeded"
            ),
            (
                ErrorKind::ContentFiltered,
                (400, 400),
                "invalid_request_error",
                "invalid_request_error",
                "content_filter"
            ),
            (
                ErrorKind::ModelNotAvailable,
                (404, 404),
                "invalid_request_error",
                "not_found_error",
                "model_not_found"
            ),
            (
                ErrorKind::InvalidPolicy,
                (403, 403),
                "permission_error",
                "permission_error",
                "model.invalid_policy"
            ),
            (
                ErrorKind::BudgetExceeded,
                (429, 429),
                "insufficient_quota",
                "rate_limit_error",
                "insufficient_quota"
            ),
            (ErrorKind::Cancelled, (503, 529), "server_error", "overloaded_error", "model.cancelled"),
            (ErrorKind::BadResponse, (502, 502), "server_error", "api_error", "model.bad_response"),
            (ErrorKind::Internal, (500, 500), "server_error", "api_error", "model.internal"),
        ]
    );
}

/// The kinds of which a client reads the error's own words.
fn told(details: &Details) -> Vec<&'static str> {
    let is_told = |kind: &ErrorKind| {
        let error = ApiClientError::new(*kind, "MARKER sk-123 at 10.0.0.7").about(details.clone());
        let failure = Failure::from(&error.because("CAUSE"));
        let bodies = [OpenAi, Anthropic].map(|format| body(&failure, format).to_string());
        let headers = failure.headers().into_iter().map(|(_, value)| value).collect::<String>();
        assert!(
            !bodies.concat().contains("CAUSE") && !headers.contains("CAUSE") && !headers.contains("MARKER")
        );
        bodies.iter().any(|body| body.contains("MARKER"))
    };
    ErrorKind::ALL.into_iter().filter(is_told).map(ErrorKind::code).collect()
}

#[test]
fn a_providers_words_go_outside_only_when_they_are_about_the_clients_own_request() {
    let status = Details { status: Some(500), ..Details::default() };
    let code = Details { provider_code: Some("MARKER".into()), ..Details::default() };
    let reach = Details { reach: Reach::Unknown, ..Details::default() };
    for details in [status, code, reach] {
        let about_the_request = ["model.invalid_request", "model.context_too_long", "model.content_filtered"];
        assert_eq!(told(&details), about_the_request);
    }
}

#[test]
fn our_own_words_go_outside_when_they_are_meant_for_the_client() {
    let meant = [
        "model.rate_limited",
        "model.invalid_request",
        "model.context_too_long",
        "model.content_filtered",
        "model.not_available",
        "model.invalid_policy",
        "model.budget_exceeded",
    ];
    assert_eq!(told(&Details::default()), meant);
}

#[test]
fn a_wait_is_told_in_whole_seconds_and_a_budget_is_not_waited_for() {
    let limited = |kind| {
        let retry_after = Some(Duration::from_millis(1200));
        Failure::from(&ApiClientError::new(kind, "x").about(Details { retry_after, ..Details::default() }))
    };

    let code = |code: &str| ("x-codeflow-error", code.to_owned());
    assert_eq!(
        limited(ErrorKind::RateLimited).headers(),
        [code("model.rate_limited"), ("retry-after", "2".to_owned())]
    );
    assert_eq!(
        limited(ErrorKind::BudgetExceeded).headers(),
        [code("model.budget_exceeded"), ("x-should-retry", "false".to_owned())]
    );
}

#[test]
fn a_body_that_is_not_understood_names_its_field() {
    let bad = br#"{"model":"m","messages":[{"role":"user","content":[{"type":"txt"}]}]}"#;
    let failure = Failure::from(&ChatCompletions::decode(bad).expect_err("is refused"));

    let message = "`messages[0].content[0].type` must be text, image_url or refusal";
    assert_eq!(
        body(&failure, OpenAi),
        json!({ "error": { "message": message, "type": "invalid_request_error",
            "param": "messages[0].content[0].type", "code": "api.invalid_field" } })
    );
    assert_eq!(
        body(&failure, Anthropic),
        json!({ "type": "error", "error": { "type": "invalid_request_error", "message": message }, "request_id": "req_1" })
    );
    assert_eq!(failure.status, 400);
}

#[test]
fn a_budget_that_nobody_knows_is_no_fault_of_a_provider() {
    let unknown = codeflow_gateway::BudgetError::Unavailable;
    let error = ApiClientError::new(ErrorKind::Overloaded, unknown.to_string()).because(unknown);

    let failure = Failure::from(&error);

    assert_eq!((failure.status, failure.code), (503, "budget.unavailable"));
    assert_eq!(failure.message, "what is left of the budgets is not known at the moment");
}
