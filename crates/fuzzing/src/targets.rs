//! The targets by name.

use codeflow_providers::{Anthropic, Bedrock, Cohere, Compatibility, Gemini, Ollama, OpenAi};

use crate::{dialects, framing, requests};

/// One decoder, or several that belong together, and what must hold for it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    name: &'static str,
    check: fn(&[u8]),
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 12] = [
        Self { name: "sse", check: framing::sse },
        Self { name: "ndjson", check: framing::ndjson },
        Self { name: "event_stream", check: framing::event_stream },
        Self { name: "raw_frames", check: framing::raw_frames },
        Self {
            name: "openai",
            check: |bytes| dialects::check(OpenAi::new("openai", Compatibility::default()), bytes),
        },
        Self { name: "anthropic", check: |bytes| dialects::check(Anthropic::new("anthropic"), bytes) },
        Self { name: "gemini", check: |bytes| dialects::check(Gemini::new("gemini"), bytes) },
        Self {
            name: "bedrock",
            check: |bytes| dialects::check(Bedrock::new("bedrock", "eu-central-1"), bytes),
        },
        Self { name: "ollama", check: |bytes| dialects::check(Ollama::new("ollama"), bytes) },
        Self { name: "cohere", check: |bytes| dialects::check(Cohere::new("cohere"), bytes) },
        Self { name: "sketch", check: requests::sketch },
        Self { name: "inbound", check: requests::inbound },
    ];

    /// Its name, which is also that of its folder in the corpus.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Feeds it these bytes.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub fn run(&self, bytes: &[u8]) {
        (self.check)(bytes);
    }
}

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    Target::ALL.into_iter().find(|target| target.name == name)
}
