//! What a model can do beyond answering text with text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a model can do. That an entry does not list it means no more than that nobody said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelFeature {
    /// Calls tools.
    Tools,
    /// Calls several tools at once.
    ParallelTools,
    /// Is told which tool to call.
    ToolChoice,
    /// Looks for tools among many.
    ToolSearch,
    /// Answers by a JSON schema.
    JsonSchema,
    /// Answers by a JSON schema without a tool in between.
    NativeStructuredOutput,
    /// Sees pictures.
    Vision,
    /// Reads PDF.
    Pdf,
    /// Hears sound.
    AudioIn,
    /// Watches video.
    VideoIn,
    /// Thinks before it answers.
    Reasoning,
    /// Keeps prompts in a cache.
    PromptCache,
    /// Looks into the web.
    WebSearch,
    /// Opens addresses that it is given.
    UrlContext,
    /// Operates a computer.
    ComputerUse,
    /// Takes a system message.
    System,
}

impl ModelFeature {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Tools,
        Self::ParallelTools,
        Self::ToolChoice,
        Self::ToolSearch,
        Self::JsonSchema,
        Self::NativeStructuredOutput,
        Self::Vision,
        Self::Pdf,
        Self::AudioIn,
        Self::VideoIn,
        Self::Reasoning,
        Self::PromptCache,
        Self::WebSearch,
        Self::UrlContext,
        Self::ComputerUse,
        Self::System,
    ];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::ParallelTools => "parallel_tools",
            Self::ToolChoice => "tool_choice",
            Self::ToolSearch => "tool_search",
            Self::JsonSchema => "json_schema",
            Self::NativeStructuredOutput => "native_structured_output",
            Self::Vision => "vision",
            Self::Pdf => "pdf",
            Self::AudioIn => "audio_in",
            Self::VideoIn => "video_in",
            Self::Reasoning => "reasoning",
            Self::PromptCache => "prompt_cache",
            Self::WebSearch => "web_search",
            Self::UrlContext => "url_context",
            Self::ComputerUse => "computer_use",
            Self::System => "system",
        }
    }
}

impl fmt::Display for ModelFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
