//! What every wire format must do with any bytes. The same bytes are read as whole replies, as errors and as streams.

mod passing;
mod streams;

use std::sync::Arc;

use codeflow_model::{ChatResponse, EmbedRequest, ErrorKind, Part, ThinkingContent};
use codeflow_providers::{Dialect, Framing, WireFailure};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{framing, pieces::Dice};

/// Everything about one dialect.
pub(crate) fn check<D: Dialect>(dialect: D, input: &[u8]) {
    let dialect = Arc::new(dialect);
    streams::check(&dialect, input);
    if dialect.framing() == Framing::EventStream {
        // No fuzzer finds the checksums by itself.
        streams::check(&dialect, &framing::binary(&framing::frames_of(input)));
    }
    whole(&*dialect, input);
    failure(&*dialect, input);
    vectors(&*dialect, input);
    if dialect.passes().is_some() {
        passing::check(&dialect, input);
    }
}

/// A provider's words are at most a few times as long here as in its own bytes.
fn is_in_proportion(words: usize, input: &[u8]) -> bool {
    words <= 16 * input.len() + 1024
}

fn whole<D: Dialect>(dialect: &D, input: &[u8]) {
    match dialect.decode(input) {
        Ok(reply) => assert!(is_in_proportion(words(&reply), input)),
        Err(error) => is_the_providers(dialect, &error),
    }
}

fn words(reply: &ChatResponse) -> usize {
    let of = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::ToolCall(call) => call.id.len() + call.name.len() + call.arguments.len(),
        Part::Thinking(thought) => match &thought.content {
            ThinkingContent::Shown { text, signature } => {
                text.len() + signature.as_ref().map_or(0, String::len)
            }
            ThinkingContent::Redacted(data) => data.len(),
        },
        Part::Image(_) | Part::ToolResult(_) => 0,
    };
    reply.id.len() + reply.model.len() + reply.parts.iter().map(of).sum::<usize>()
}

/// The error names the provider, and is not one that only we can cause.
fn is_the_providers<D: Dialect>(dialect: &D, error: &codeflow_model::ApiClientError) {
    assert_eq!(error.details().provider, dialect.provider());
    let ours = [
        ErrorKind::Internal,
        ErrorKind::Cancelled,
        ErrorKind::InvalidPolicy,
        ErrorKind::BudgetExceeded,
        ErrorKind::ProviderConnection,
    ];
    assert!(!ours.contains(&error.kind()), "{error:?}");
    assert!(error.to_string().len() <= 5_000, "a message is bounded");
}

fn failure<D: Dialect>(dialect: &D, input: &[u8]) {
    let mut dice = Dice::new(input);
    let statuses = [400, 401, 403, 404, 408, 413, 429, 500, 503, 529];
    let status = StatusCode::from_u16(statuses[dice.below(statuses.len())]).expect("is a status");
    let (first, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (&[][..], input),
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(first) {
        headers.insert(["retry-after", "retry-after-ms", "x-amzn-errortype"][dice.below(3)], value.clone());
        headers.insert("date", value);
    }
    for (headers, body) in [(&headers, body), (&HeaderMap::new(), input)] {
        let error = dialect.failure(&WireFailure { status, headers, body });
        assert_eq!(error.details().status, Some(status.as_u16()));
        is_the_providers(dialect, &error);
    }
}

fn vectors<D: Dialect>(dialect: &D, input: &[u8]) {
    if !dialect.capabilities().embeddings {
        return;
    }
    for texts in [&["a"][..], &["a", "b"]] {
        let request = EmbedRequest::new("m", texts.iter().copied());
        match dialect.decode_embed(&request, input) {
            Ok(reply) => {
                assert_eq!(reply.vectors.len(), texts.len());
                let mut numbers = reply.vectors.iter().flatten();
                assert!(numbers.all(|number| number.is_finite()), "JSON can say every number again");
            }
            Err(error) => is_the_providers(dialect, &error),
        }
    }
}
