//! OpenAI's embeddings as its SDKs speak them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use codeflow_model::{EmbedInput, EmbedRequest, EmbedResponse};
use serde::Serialize;

use crate::fields::{Fields, Node, Shape};
use crate::{Error, Stamp, sse};

/// As many texts as OpenAI takes in one request.
const MOST_INPUTS: usize = 2048;

/// The wire format of `POST /v1/embeddings`.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings;

/// A request for vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedEmbed {
    /// What is asked.
    pub request: EmbedRequest,
    /// How the client wants the numbers.
    pub format: VectorFormat,
    /// The paths of fields that are not understood and lost.
    pub dropped: Vec<String>,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorFormat {
    /// As numbers.
    #[default]
    Float,
    /// As base64 of little-endian 32-bit floats, which the SDKs ask for by themselves.
    Base64,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    usage: WireUsage,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Float(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct WireUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

impl Embeddings {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidJson`]; `InvalidField`, which names the field.
    pub fn decode(body: &[u8]) -> Result<DecodedEmbed, Error> {
        let mut fields = Fields::of_body(body)?;
        let mut dropped = Vec::new();
        let request = EmbedRequest {
            model: fields.need("model")?.string()?,
            input: input(fields.need("input")?)?,
            dimensions: dimensions(&mut fields)?,
            user: fields.string("user")?,
            ..EmbedRequest::new("", [""; 0])
        };
        let format = match fields.take("encoding_format") {
            None => VectorFormat::default(),
            Some(node) => match node.string()?.as_str() {
                "float" => VectorFormat::Float,
                "base64" => VectorFormat::Base64,
                _ => return Err(node.wrong("must be float or base64")),
            },
        };
        fields.drop_rest(&mut dropped);
        Ok(DecodedEmbed { request, format, dropped })
    }

    /// Writes the vectors. Unknown usage is zero here, because the format has no other way to say it.
    pub fn encode(response: &EmbedResponse, format: VectorFormat, stamp: &Stamp) -> Vec<u8> {
        let vectors = response.vectors.iter().map(|numbers| vector(numbers, format)).enumerate();
        let item = |(index, embedding)| Item { object: "embedding", index, embedding };
        let data = vectors.map(item).collect();
        let tokens = response.usage.input.unwrap_or(0);
        let usage = WireUsage { prompt_tokens: tokens, total_tokens: tokens };
        let model = if response.model.is_empty() { &stamp.model } else { &response.model };
        let mut out = Vec::new();
        sse::json(&mut out, &List { object: "list", data, model, usage });
        out
    }
}

fn dimensions(fields: &mut Fields<'_, '_>) -> Result<Option<u32>, Error> {
    let Some(node) = fields.take("dimensions") else { return Ok(None) };
    match node.read("must be a whole number greater than zero")? {
        0 => Err(node.wrong("must be greater than zero")),
        number => Ok(Some(number)),
    }
}

/// A text, the tokens of one, or a list of either.
fn input(node: Node<'_, '_>) -> Result<Vec<EmbedInput>, Error> {
    let inputs = match node.shape() {
        Shape::Text => vec![EmbedInput::Text(node.string()?)],
        Shape::List if holds_numbers(node) => vec![EmbedInput::Tokens(tokens(node)?)],
        Shape::List => node.each(|item| match item.shape() {
            Shape::Text => Ok(EmbedInput::Text(item.string()?)),
            Shape::List => Ok(EmbedInput::Tokens(tokens(item)?)),
            Shape::Object | Shape::Other => Err(item.wrong("must be a string or an array of tokens")),
        })?,
        Shape::Object | Shape::Other => return Err(node.wrong("must be a string or an array")),
    };
    match inputs.len() {
        0 => Err(node.wrong("must not be empty")),
        1..=MOST_INPUTS => Ok(inputs),
        _ => Err(node.wrong(&format!("must hold at most {MOST_INPUTS} items"))),
    }
}

fn holds_numbers(list: Node<'_, '_>) -> bool {
    let first = list.written().trim_start_matches(['[', ' ', '\t', '\r', '\n']).bytes().next();
    let opens_once = list.written().bytes().filter(|byte| *byte == b'[').take(2).count() == 1;
    opens_once && first.is_some_and(|byte| byte == b'-' || byte.is_ascii_digit())
}

fn tokens(node: Node<'_, '_>) -> Result<Vec<u32>, Error> {
    let tokens: Vec<u32> = node.read("must hold the numbers of tokens")?;
    if tokens.is_empty() { Err(node.wrong("must not be empty")) } else { Ok(tokens) }
}

fn vector(numbers: &[f32], format: VectorFormat) -> Vector<'_> {
    match format {
        VectorFormat::Float => Vector::Float(numbers),
        VectorFormat::Base64 => Vector::Base64(base64(numbers)),
    }
}

fn base64(numbers: &[f32]) -> String {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}
