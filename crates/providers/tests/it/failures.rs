//! Replies with a bad status.

use std::time::Duration;

use codeflow_model::{ApiClientError, ErrorKind};
use codeflow_providers::{
    Anthropic, Bedrock, Cohere, Compatibility, Dialect, Gemini, Ollama, OpenAi, WireFailure,
};
use http::{HeaderMap, HeaderValue, StatusCode};

fn failure(
    dialect: &impl Dialect,
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: &str,
) -> ApiClientError {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let status = StatusCode::from_u16(status).expect("is a status");
    dialect.failure(&WireFailure { status, headers: &headers, body: body.as_bytes() })
}

fn openai() -> OpenAi {
    OpenAi::new("openai", Compatibility::default())
}

#[test]
fn openai_words_say_more_than_statuses() {
    for (status, code, kind) in [
        (400, "context_length_exceeded", ErrorKind::ContextTooLong),
        (429, "insufficient_quota", ErrorKind::PermissionDenied),
        (429, "rate_limit_exceeded", ErrorKind::RateLimited),
        (400, "content_policy_violation", ErrorKind::ContentFiltered),
        (400, "model_not_found", ErrorKind::ModelNotAvailable),
        (400, "unheard_of", ErrorKind::InvalidRequest),
        (401, "invalid_api_key", ErrorKind::Authentication),
    ] {
        let body = format!(r#"{{"error":{{"message":"no","type":"x","code":"{code}"}}}}"#);

        let error = failure(&openai(), status, &[], &body);

        assert_eq!(error.kind(), kind, "{code}");
        assert_eq!(error.details().provider_code.as_deref(), Some(code));
        assert_eq!(error.details().status, Some(status));
        assert_eq!(error.to_string(), "`openai` says: no");
    }
}

#[test]
fn statuses_speak_when_the_body_does_not() {
    for (status, kind) in [
        (302, ErrorKind::BadResponse),
        (401, ErrorKind::Authentication),
        (402, ErrorKind::PermissionDenied),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::ModelNotAvailable),
        (408, ErrorKind::Timeout),
        (422, ErrorKind::InvalidRequest),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Overloaded),
        (503, ErrorKind::Overloaded),
        (504, ErrorKind::Timeout),
        (529, ErrorKind::Overloaded),
    ] {
        assert_eq!(failure(&openai(), status, &[], "<html>").kind(), kind, "{status}");
        let error = failure(&Anthropic::new("a"), status, &[], "");
        assert_eq!(error.kind(), kind, "{status}");
        assert_eq!(error.to_string(), format!("`a` answered with status {status}"));
    }
}

#[test]
fn imitators_of_openai_are_understood() {
    for body in [r#"{"error":"no"}"#, r#"[{"error":{"message":"no"}}]"#, r#"{"detail":"no"}"#] {
        assert_eq!(failure(&openai(), 400, &[], body).to_string(), "`openai` says: no");
    }
    let listed = r#"{"object":"error","message":{"detail":[{"msg":"Extra inputs are not permitted"}]}}"#;
    assert!(failure(&openai(), 422, &[], listed).to_string().contains("Extra inputs"));
    let error = openai().decode(br#"{"error":{"message":"slow down","code":429}}"#);
    assert_eq!(error.expect_err("is an error").kind(), ErrorKind::RateLimited);
}

#[test]
fn anthropic_types_become_kinds() {
    for (status, word, message, kind) in [
        (400, "invalid_request_error", "no", ErrorKind::InvalidRequest),
        (400, "invalid_request_error", "prompt is too long: 9 > 8", ErrorKind::ContextTooLong),
        (401, "authentication_error", "no", ErrorKind::Authentication),
        (402, "billing_error", "no", ErrorKind::PermissionDenied),
        (403, "permission_error", "no", ErrorKind::PermissionDenied),
        (404, "not_found_error", "no", ErrorKind::ModelNotAvailable),
        (413, "request_too_large", "no", ErrorKind::InvalidRequest),
        (429, "rate_limit_error", "no", ErrorKind::RateLimited),
        (500, "api_error", "no", ErrorKind::Overloaded),
        (504, "timeout_error", "no", ErrorKind::Timeout),
        (529, "overloaded_error", "no", ErrorKind::Overloaded),
        (418, "new_error", "no", ErrorKind::InvalidRequest),
    ] {
        let body = format!(r#"{{"type":"error","error":{{"type":"{word}","message":"{message}"}}}}"#);
        let error = failure(&Anthropic::new("a"), status, &[], &body);
        assert_eq!(error.kind(), kind, "{word}");
        assert_eq!(error.details().provider_code.as_deref(), Some(word));
    }
    let in_band = Anthropic::new("a").decode(br#"{"type":"error","error":{"type":"api_error"}}"#);
    assert_eq!(in_band.expect_err("is an error").kind(), ErrorKind::Overloaded);
}

#[test]
fn every_way_to_say_when_to_come_back_is_read() {
    let date = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
    for (headers, wait) in [
        (vec![("retry-after-ms", "1500"), ("retry-after", "9")], Some(1500)),
        (vec![("retry-after", "2")], Some(2000)),
        (vec![("retry-after", "0.25")], Some(250)),
        (vec![date, ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")], Some(30_000)),
        (vec![date, ("retry-after", "Wed, 21 Oct 2026 07:27:00 GMT")], Some(0)),
        (vec![("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")], None),
        (vec![("retry-after", "-1")], None),
        (vec![("retry-after", "soon")], None),
        (vec![], None),
    ] {
        let error = failure(&openai(), 429, &headers, "");
        assert_eq!(error.details().retry_after, wait.map(Duration::from_millis), "{headers:?}");
    }
}

#[test]
fn google_statuses_become_kinds() {
    let gemini = Gemini::new("g");
    for (status, word, message, kind) in [
        (400, "INVALID_ARGUMENT", "no", ErrorKind::InvalidRequest),
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ErrorKind::ContextTooLong,
        ),
        (400, "FAILED_PRECONDITION", "no", ErrorKind::PermissionDenied),
        (401, "UNAUTHENTICATED", "no", ErrorKind::Authentication),
        (403, "PERMISSION_DENIED", "no", ErrorKind::PermissionDenied),
        (404, "NOT_FOUND", "no", ErrorKind::ModelNotAvailable),
        (429, "RESOURCE_EXHAUSTED", "no", ErrorKind::RateLimited),
        (500, "INTERNAL", "no", ErrorKind::Overloaded),
        (503, "UNAVAILABLE", "no", ErrorKind::Overloaded),
        (504, "DEADLINE_EXCEEDED", "no", ErrorKind::Timeout),
        (418, "NEW", "no", ErrorKind::InvalidRequest),
    ] {
        let body = format!(r#"{{"error":{{"code":{status},"message":"{message}","status":"{word}"}}}}"#);
        for body in [body.clone(), format!("[{body}]")] {
            let error = failure(&gemini, status, &[], &body);
            assert_eq!(error.kind(), kind, "{word}");
            assert_eq!(error.details().provider_code.as_deref(), Some(word));
            assert_eq!(error.to_string(), format!("`g` says: {message}"));
        }
    }
    let key = r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
    assert_eq!(failure(&gemini, 400, &[], key).kind(), ErrorKind::Authentication);
}

#[test]
fn google_says_in_the_body_when_to_come_back() {
    let body = r#"{"error":{"status":"RESOURCE_EXHAUSTED","details":[
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17.5s"}]}}"#;

    let of = |headers: &[_]| failure(&Gemini::new("g"), 429, headers, body).details().retry_after;

    assert_eq!(of(&[]), Some(Duration::from_millis(17_500)));
    assert_eq!(of(&[("retry-after", "2")]), Some(Duration::from_secs(2)));
}

#[test]
fn amazons_exceptions_become_kinds() {
    for (status, name, message, kind) in [
        (400, "ValidationException", "no", ErrorKind::InvalidRequest),
        (400, "ValidationException", "Input is too long for requested model.", ErrorKind::ContextTooLong),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            ErrorKind::ModelNotAvailable,
        ),
        (403, "AccessDeniedException", "no", ErrorKind::PermissionDenied),
        (403, "ExpiredTokenException", "no", ErrorKind::Authentication),
        (403, "UnrecognizedClientException", "no", ErrorKind::Authentication),
        (404, "ResourceNotFoundException", "no", ErrorKind::ModelNotAvailable),
        (408, "ModelTimeoutException", "no", ErrorKind::Timeout),
        (424, "ModelErrorException", "no", ErrorKind::Overloaded),
        (429, "ModelNotReadyException", "no", ErrorKind::Overloaded),
        (429, "ThrottlingException", "no", ErrorKind::RateLimited),
        (500, "InternalServerException", "no", ErrorKind::Overloaded),
        (418, "NewException", "no", ErrorKind::InvalidRequest),
    ] {
        let in_body = format!(r#"{{"__type":"com.amazon.coral.service#{name}","Message":"{message}"}}"#);
        let error = failure(&Bedrock::new("b", "eu-west-1"), status, &[], &in_body);
        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.details().provider_code.as_deref(), Some(name));
        assert_eq!(error.to_string(), format!("`b` says: {message}"));
    }
    let header = [("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/")];
    let error = failure(&Bedrock::new("b", "eu-west-1"), 400, &header, r#"{"message":"slow down"}"#);
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn plain_sentences_are_kept() {
    let cohere = Cohere::new("c");
    for (status, message, kind) in [
        (400, "too many tokens: total is 9", ErrorKind::ContextTooLong),
        (400, "no", ErrorKind::InvalidRequest),
        (401, "no", ErrorKind::Authentication),
        (402, "no", ErrorKind::PermissionDenied),
        (429, "no", ErrorKind::RateLimited),
        (498, "no", ErrorKind::ContentFiltered),
        (499, "no", ErrorKind::Overloaded),
    ] {
        let error = failure(&cohere, status, &[], &format!(r#"{{"message":"{message}"}}"#));
        assert_eq!((error.kind(), error.to_string()), (kind, format!("`c` says: {message}")));
    }
    let error = failure(&Ollama::new("o"), 404, &[], r#"{"error":"model \"x\" not found"}"#);
    assert_eq!(error.kind(), ErrorKind::ModelNotAvailable);
    assert_eq!(error.to_string(), "`o` says: model \"x\" not found");
}
