//! What the formats have in common: each puts a reply, an error and vectors into its own words.

mod anthropic;
mod bedrock;
mod cohere;
mod gemini;
mod ollama;
mod openai;

use serde_json::Value;

use super::asked::Asked;
use super::frames::{Frame, Framing};
use super::{Format, Refusal, Reply, UsagePlace};

/// One format.
pub(super) trait Wire: Sync {
    /// How its streams are framed.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// A reply as one document.
    fn whole(&self, asked: &Asked, reply: &Reply) -> Value;

    /// A reply as a stream.
    fn frames(&self, asked: &Asked, reply: &Reply, usage: UsagePlace) -> Vec<Frame>;

    /// An error.
    fn refusal(&self, asked: &Asked, refusal: Refusal) -> Refused;

    /// An error in a stream: the vendor is overloaded.
    fn error_frame(&self, asked: &Asked) -> Frame;

    /// Vectors for texts.
    fn vectors(&self, asked: &Asked) -> Value;

    /// Which models there are.
    fn models(&self) -> Value {
        Value::Null
    }

    /// How many tokens a request has.
    fn count(&self) -> Value {
        Value::Null
    }
}

/// An error as a format says it.
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) body: Value,
}

impl Refused {
    fn new(status: u16, body: Value) -> Self {
        Self { status, header: None, body }
    }
}

/// The models that the server says it has.
const MODELS: [&str; 2] = ["a-model", "b-model"];

pub(super) fn wire(format: Format) -> &'static dyn Wire {
    match format {
        Format::OpenAi => &openai::OpenAi,
        Format::Anthropic => &anthropic::Anthropic,
        Format::Gemini => &gemini::Gemini,
        Format::Bedrock => &bedrock::Bedrock,
        Format::Ollama => &ollama::Ollama,
        Format::Cohere => &cohere::Cohere,
    }
}

/// The status that a refusal has almost everywhere.
fn usual_status(refusal: Refusal) -> u16 {
    match refusal {
        Refusal::RateLimited(_) => 429,
        Refusal::NoCredit => 402,
        Refusal::Internal => 500,
        Refusal::BadGateway => 502,
        Refusal::Unavailable => 503,
        Refusal::TimedOut => 504,
        Refusal::Overloaded => 529,
        Refusal::Unauthorized => 401,
        Refusal::Forbidden => 403,
        Refusal::NoModel => 404,
        Refusal::TooLong | Refusal::Filtered | Refusal::Invalid => 400,
    }
}

/// A vector for a text: the same for the same text, and of length one.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut seed = text.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(seed >> 16).unwrap_or(1)) / 65_536.0 + 0.01
    };
    let raw: Vec<f32> = (0..dimensions).map(|_| next()).collect();
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt();
    raw.into_iter().map(|number| number / length).collect()
}

/// The two halves of a call's arguments, as a stream brings them.
fn halves(arguments: &Value) -> [String; 2] {
    let whole = arguments.to_string();
    let middle = (0..=whole.len() / 2).rev().find(|at| whole.is_char_boundary(*at)).unwrap_or(0);
    let (first, second) = whole.split_at(middle);
    [first.to_owned(), second.to_owned()]
}
