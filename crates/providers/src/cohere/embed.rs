//! Texts in, vectors out.

use bytes::Bytes;
use codeflow_model::{ApiClientError, EmbedRequest, EmbedResponse, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Cohere;
use crate::{WireRequest, content, failure};

/// The vendor insists on a purpose; this is what is sent when a request has none.
const PURPOSE: &str = "search_document";

/// How many texts the vendor takes in one request.
pub(crate) const EMBEDS_AT_ONCE: usize = 96;

/// A reply. Where nobody asked for a kind of number, the vectors come without its name.
#[derive(Deserialize)]
pub(crate) struct Embeddings {
    embeddings: ByKind,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ByKind {
    Named { float: Vec<Vec<f32>> },
    Plain(Vec<Vec<f32>>),
}

#[derive(Deserialize)]
struct Meta {
    billed_units: Option<Billed>,
}

#[derive(Deserialize)]
struct Billed {
    input_tokens: Option<f64>,
}

/// What a request asks for, but for the model.
pub(crate) fn vectors(provider: &str, request: &EmbedRequest) -> Result<Map<String, Value>, ApiClientError> {
    let mut body = Map::new();
    body.insert("texts".into(), json!(content::texts(provider, request)?));
    body.insert("input_type".into(), json!(request.purpose.as_deref().unwrap_or(PURPOSE)));
    body.insert("embedding_types".into(), json!(["float"]));
    content::put(&mut body, "output_dimension", request.dimensions);
    content::add_extra(&mut body, &request.extra);
    Ok(body)
}

pub(super) fn request(dialect: &Cohere, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
    let mut body = vectors(&dialect.provider, request)?;
    body.insert("model".into(), json!(request.model));
    Ok(WireRequest::post("/v2/embed", Bytes::from(Value::Object(body).to_string())))
}

/// The reply does not say which model served.
pub(super) fn decode(
    dialect: &Cohere,
    request: &EmbedRequest,
    body: &[u8],
) -> Result<EmbedResponse, ApiClientError> {
    let reply: Embeddings = failure::parse(&dialect.provider, body)?;
    reply.normal(&dialect.provider, request)
}

impl Embeddings {
    /// The reply as we tell it.
    pub(crate) fn normal(
        self,
        provider: &str,
        request: &EmbedRequest,
    ) -> Result<EmbedResponse, ApiClientError> {
        let (ByKind::Named { float: vectors } | ByKind::Plain(vectors)) = self.embeddings;
        let input = self.meta.and_then(|meta| meta.billed_units?.input_tokens);
        Ok(EmbedResponse {
            model: request.model.clone(),
            vectors: failure::one_each(provider, request, vectors)?,
            usage: Usage { input: input.map(|tokens| tokens as u64), ..Usage::default() },
        })
    }
}
