//! Texts in, vectors out.

use bytes::Bytes;
use codeflow_model::{ApiClientError, EmbedRequest, EmbedResponse};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Gemini, path, reply::WireUsage};
use crate::{WireRequest, content, failure};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    embeddings: Vec<Embedding>,
    usage_metadata: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Embedding {
    values: Vec<f32>,
}

pub(super) fn request(dialect: &Gemini, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
    let texts = content::texts(&dialect.provider, request)?;
    let full_name =
        if request.model.contains('/') { request.model.clone() } else { format!("models/{}", request.model) };
    let purpose = request.purpose.as_deref().map(purpose);
    let one = |text: &str| {
        let mut out = Map::new();
        out.insert("model".into(), json!(full_name));
        out.insert("content".into(), json!({ "parts": [{ "text": text }] }));
        content::put(&mut out, "taskType", purpose.clone());
        content::put(&mut out, "outputDimensionality", request.dimensions);
        Value::Object(out)
    };
    let mut body = Map::new();
    body.insert("requests".into(), texts.into_iter().map(one).collect());
    content::add_extra(&mut body, &request.extra);
    let path = path(&request.model, "batchEmbedContents");
    Ok(WireRequest::post(path, Bytes::from(Value::Object(body).to_string())))
}

/// The format has its own words for the purposes that others know too.
fn purpose(purpose: &str) -> String {
    match purpose {
        "search_document" => "RETRIEVAL_DOCUMENT".to_owned(),
        "search_query" => "RETRIEVAL_QUERY".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

/// The reply does not say which model served.
pub(super) fn decode(
    dialect: &Gemini,
    request: &EmbedRequest,
    body: &[u8],
) -> Result<EmbedResponse, ApiClientError> {
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    let vectors = reply.embeddings.into_iter().map(|embedding| embedding.values).collect();
    Ok(EmbedResponse {
        model: request.model.clone(),
        vectors: failure::one_each(&dialect.provider, request, vectors)?,
        usage: reply.usage_metadata.map(|usage| usage.normal()).unwrap_or_default(),
    })
}
