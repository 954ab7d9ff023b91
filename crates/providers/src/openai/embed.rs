//! Texts or tokens in, vectors out.

use bytes::Bytes;
use codeflow_model::{ApiClientError, EmbedInput, EmbedRequest, EmbedResponse, Usage};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{OpenAi, errors, reply::WireUsage};
use crate::{WireRequest, content, failure};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    data: Option<Vec<Embedding>>,
    model: Option<String>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Embedding {
    index: Option<usize>,
    embedding: Numbers,
}

/// Some servers do not know the shorter form and answer in the other one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Base64(String),
    Floats(Vec<f32>),
}

pub(super) fn request(dialect: &OpenAi, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
    let differences = &dialect.compatibility;
    if !differences.capabilities.embeddings {
        return Err(failure::unsupported(&dialect.provider, &request.model, "embeddings"));
    }
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("input".into(), input(dialect, request)?);
    content::put(&mut body, "dimensions", request.dimensions);
    content::put(&mut body, "user", request.user.clone());
    content::add_extra(&mut body, &request.extra);
    if differences.base64_vectors {
        body.entry("encoding_format").or_insert_with(|| json!("base64"));
    }
    Ok(WireRequest::post(differences.embed_path.clone(), Bytes::from(Value::Object(body).to_string())))
}

/// All texts, or all tokens.
fn input(dialect: &OpenAi, request: &EmbedRequest) -> Result<Value, ApiClientError> {
    let is_text = |input: &EmbedInput| matches!(input, EmbedInput::Text(_));
    if request.input.iter().any(is_text) && !request.input.iter().all(is_text) {
        let what = "embeddings of texts and tokens at once";
        return Err(failure::unsupported(&dialect.provider, &request.model, what));
    }
    let one = |input: &EmbedInput| match input {
        EmbedInput::Text(text) => json!(text),
        EmbedInput::Tokens(tokens) => json!(tokens),
    };
    Ok(request.input.iter().map(one).collect())
}

pub(super) fn decode(
    dialect: &OpenAi,
    request: &EmbedRequest,
    body: &[u8],
) -> Result<EmbedResponse, ApiClientError> {
    if !dialect.compatibility.capabilities.embeddings {
        return Err(failure::unsupported(&dialect.provider, &request.model, "embeddings"));
    }
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    if let Some(error) = reply.error {
        return Err(errors::in_band(&dialect.provider, &error));
    }
    let mut data = reply.data.ok_or_else(|| failure::bad(&dialect.provider, "a reply without vectors"))?;
    // Sorting is stable, so that vectors without numbers stay as they came.
    data.sort_by_key(|embedding| embedding.index.unwrap_or(0));
    let vectors =
        data.into_iter().map(|embedding| embedding.embedding.read(dialect)).collect::<Result<_, _>>()?;
    Ok(EmbedResponse {
        model: reply.model.filter(|model| !model.is_empty()).unwrap_or_else(|| request.model.clone()),
        vectors: failure::one_each(&dialect.provider, request, vectors)?,
        usage: Usage { output: None, ..reply.usage.map(|usage| usage.normal(dialect)).unwrap_or_default() },
    })
}

impl Numbers {
    fn read(self, dialect: &OpenAi) -> Result<Vec<f32>, ApiClientError> {
        let text = match self {
            Self::Floats(numbers) => return Ok(numbers),
            Self::Base64(text) => text,
        };
        let bytes = aws_smithy_types::base64::decode(&text)
            .map_err(|cause| failure::bad(&dialect.provider, "a vector that is not base64").because(cause))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(failure::bad(&dialect.provider, "a vector that ends within a number"));
        }
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}
