//! How many tokens a request may cost before anybody has counted them. No vendor's vocabulary is here: the numbers
//! serve for reservations and for `count_tokens` where the provider cannot count, so they tend to be too high.

use crate::{ChatRequest, Image, Message, Part, ResponseFormat, ThinkingContent, Tool};

/// What a vendor's template adds to each message, at most, and to each reply.
const PER_MESSAGE: u64 = 5;
/// What the description of tools in the prompt takes before the first one.
const FOR_TOOLS: u64 = 350;
/// What surrounds each tool, each call and each result.
const PER_TOOL: u64 = 12;
/// A picture as large as vendors look at without being asked for more.
const PER_IMAGE: u64 = 1600;
/// A picture that should be looked at only roughly.
const PER_ROUGH_IMAGE: u64 = 100;
/// Bytes a token, where nothing but a length is known. Plain English has more than four and code about three.
const BYTES: u64 = 3;

/// Estimates what goes in with a request. It tends to be too high, by a fifth for English and by more for code.
pub fn estimate_tokens(request: &ChatRequest) -> u64 {
    let messages: u64 = request.messages.iter().map(message).sum();
    let tools: u64 = request.tools.iter().map(tool).sum();
    let around_tools = if request.tools.is_empty() { 0 } else { FOR_TOOLS };
    let format = match &request.response_format {
        Some(ResponseFormat::JsonSchema { schema, .. }) => estimate_text(&schema.to_string()),
        Some(ResponseFormat::Text | ResponseFormat::JsonObject) | None => 0,
    };
    [messages, tools, around_tools, format, PER_MESSAGE].into_iter().fold(0, u64::saturating_add)
}

/// Estimates from a length in bytes alone, for a body that nobody takes apart. It holds for text in any script; a body
/// that carries pictures is estimated far too high.
pub fn estimate_bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX).div_ceil(BYTES)
}

/// Estimates one text.
///
/// Vocabularies hold short words whole and cut long ones every four letters or so, put a blank to the word after it,
/// and hold long blanks as one. Two digits count as a token, between vendors that take one and those that take three.
/// Other signs count one each. Two letters of alphabets beyond Latin count as one, and so does each sign of a script
/// with thousands of them; what lies beyond those, such as emoji, counts three.
pub fn estimate_text(text: &str) -> u64 {
    let (mut tokens, mut run, mut kind) = (0_u64, 0_u64, Kind::Sign);
    for character in text.chars() {
        let next = Kind::of(character);
        if next != kind {
            tokens = tokens.saturating_add(kind.tokens(run));
            (run, kind) = (0, next);
        }
        run += 1;
    }
    tokens.saturating_add(kind.tokens(run))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    Blank,
    Break,
    Sign,
    Alphabet,
    Ideograph,
    Beyond,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            ' ' => Self::Blank,
            '\n' | '\r' | '\t' => Self::Break,
            '\0'..='\u{7f}' => Self::Sign,
            '\u{80}'..='\u{7ff}' => Self::Alphabet,
            '\u{800}'..='\u{ffff}' => Self::Ideograph,
            _ => Self::Beyond,
        }
    }

    /// What a run of so many characters of this kind takes.
    fn tokens(self, run: u64) -> u64 {
        match self {
            Self::Letter => run.div_ceil(4),
            Self::Digit | Self::Alphabet => run.div_ceil(2),
            // One blank belongs to the word after it; a longer run is cut every sixteen.
            Self::Blank => {
                if run < 2 {
                    0
                } else {
                    run.div_ceil(16)
                }
            }
            Self::Break => run.div_ceil(2),
            Self::Sign | Self::Ideograph => run,
            Self::Beyond => run.saturating_mul(3),
        }
    }
}

fn message(message: &Message) -> u64 {
    let name = message.name.as_deref().map_or(0, estimate_text);
    parts(&message.parts).saturating_add(name).saturating_add(PER_MESSAGE)
}

fn parts(parts: &[Part]) -> u64 {
    parts.iter().map(part).fold(0, u64::saturating_add)
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(text) => estimate_text(text),
        Part::Image(picture) => image(picture),
        Part::ToolCall(call) => {
            estimate_text(&call.name).saturating_add(estimate_text(&call.arguments)).saturating_add(PER_TOOL)
        }
        Part::ToolResult(result) => parts(&result.parts).saturating_add(PER_TOOL),
        Part::Thinking(thought) => match &thought.content {
            ThinkingContent::Shown { text, .. } => estimate_text(text),
            ThinkingContent::Redacted(data) => estimate_bytes(data.len()),
        },
    }
}

fn image(image: &Image) -> u64 {
    if image.detail.as_deref() == Some("low") { PER_ROUGH_IMAGE } else { PER_IMAGE }
}

fn tool(tool: &Tool) -> u64 {
    let description = tool.description.as_deref().map_or(0, estimate_text);
    estimate_text(&tool.name)
        .saturating_add(description)
        .saturating_add(estimate_text(&tool.parameters.to_string()))
        .saturating_add(PER_TOOL)
}
