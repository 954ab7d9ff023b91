//! Which formats the server speaks, and which of them a path belongs to.

use http::HeaderMap;

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// OpenAI's chat completions, embeddings and models.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's generateContent and its kin.
    Gemini,
    /// Bedrock's Converse.
    Bedrock,
    /// Ollama's own.
    Ollama,
    /// Cohere's second.
    Cohere,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] =
        [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::Bedrock, Self::Ollama, Self::Cohere];
}

/// How a reply comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// As one document.
    Whole,
    /// Piece by piece.
    Stream,
}

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Chat,
    Embed,
    Models,
    CountTokens,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) format: Format,
    pub(super) operation: Operation,
    /// The shape, where the path says it.
    pub(super) shape: Option<Shape>,
    /// The model, where the path names it.
    pub(super) model: Option<String>,
}

/// Where a path leads. Whatever comes before the format's own path plays no part.
pub(super) fn route(path: &str, headers: &HeaderMap) -> Option<Route> {
    use Operation::{Chat, CountTokens, Embed, Models};
    const SUFFIXES: [(&str, Format, Operation); 10] = [
        ("/chat/completions", Format::OpenAi, Chat),
        ("/embeddings", Format::OpenAi, Embed),
        ("/v1/messages/count_tokens", Format::Anthropic, CountTokens),
        ("/v1/messages", Format::Anthropic, Chat),
        ("/api/chat", Format::Ollama, Chat),
        ("/api/embed", Format::Ollama, Embed),
        ("/api/tags", Format::Ollama, Models),
        ("/v2/chat", Format::Cohere, Chat),
        ("/v2/embed", Format::Cohere, Embed),
        ("/models", Format::OpenAi, Models),
    ];
    if let Some(route) = gemini(path).or_else(|| bedrock(path)) {
        return Some(route);
    }
    let (_, format, operation) = SUFFIXES.into_iter().find(|(suffix, ..)| path.ends_with(suffix))?;
    let is_anthropic = operation == Models && headers.contains_key("anthropic-version");
    let format = if is_anthropic { Format::Anthropic } else { format };
    Some(Route { format, operation, shape: None, model: None })
}

fn gemini(path: &str) -> Option<Route> {
    let (model, verb) = path.rsplit_once("/models/")?.1.rsplit_once(':')?;
    let (operation, shape) = match verb {
        "generateContent" => (Operation::Chat, Shape::Whole),
        "streamGenerateContent" => (Operation::Chat, Shape::Stream),
        "batchEmbedContents" => (Operation::Embed, Shape::Whole),
        "countTokens" => (Operation::CountTokens, Shape::Whole),
        _ => return None,
    };
    Some(Route { format: Format::Gemini, operation, shape: Some(shape), model: Some(model.to_owned()) })
}

fn bedrock(path: &str) -> Option<Route> {
    let (model, verb) = path.rsplit_once("/model/")?.1.rsplit_once('/')?;
    let shape = match verb {
        "converse" => Shape::Whole,
        "converse-stream" => Shape::Stream,
        _ => return None,
    };
    let format = Format::Bedrock;
    Some(Route { format, operation: Operation::Chat, shape: Some(shape), model: Some(model.to_owned()) })
}
