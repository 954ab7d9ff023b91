//! Texts in, vectors out: each family of models has a format of its own.

use bytes::Bytes;
use codeflow_model::{ApiClientError, EmbedRequest, EmbedResponse, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Bedrock, path};
use crate::{WireRequest, cohere, content, failure};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Titan {
    embedding: Vec<f32>,
    input_text_token_count: Option<u64>,
}

fn is_of_cohere(model: &str) -> bool {
    model.contains("cohere.embed")
}

/// Amazon's own models take one text at a time.
pub(super) fn at_once(model: &str) -> usize {
    if is_of_cohere(model) { cohere::EMBEDS_AT_ONCE } else { 1 }
}

pub(super) fn request(dialect: &Bedrock, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
    let body = match is_of_cohere(&request.model) {
        true => cohere::vectors(&dialect.provider, request)?,
        false => titan(dialect, request)?,
    };
    let path = path(&request.model, "invoke");
    Ok(WireRequest::post(path, Bytes::from(Value::Object(body).to_string())))
}

fn titan(dialect: &Bedrock, request: &EmbedRequest) -> Result<Map<String, Value>, ApiClientError> {
    let [text] = content::texts(&dialect.provider, request)?[..] else {
        let what = "embeddings of several texts at a time";
        return Err(failure::unsupported(&dialect.provider, &request.model, what));
    };
    let mut body = Map::new();
    body.insert("inputText".into(), json!(text));
    content::put(&mut body, "dimensions", request.dimensions);
    content::add_extra(&mut body, &request.extra);
    Ok(body)
}

/// The reply does not say which model served.
pub(super) fn decode(
    dialect: &Bedrock,
    request: &EmbedRequest,
    body: &[u8],
) -> Result<EmbedResponse, ApiClientError> {
    if is_of_cohere(&request.model) {
        let reply: cohere::Embeddings = failure::parse(&dialect.provider, body)?;
        return reply.normal(&dialect.provider, request);
    }
    let reply: Titan = failure::parse(&dialect.provider, body)?;
    Ok(EmbedResponse {
        model: request.model.clone(),
        vectors: failure::one_each(&dialect.provider, request, vec![reply.embedding])?,
        usage: Usage { input: reply.input_text_token_count, ..Usage::default() },
    })
}
