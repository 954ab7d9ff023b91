//! What the server says when it answers, before it is put into a format.

use serde_json::{Value, json};

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What is said, in order.
    pub said: Vec<Said>,
    /// Why it ends.
    pub end: End,
    /// What it uses.
    pub tokens: Tokens,
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A thought. Formats without thoughts leave it out.
    Thought(String),
    /// Words.
    Text(String),
    /// A call of a tool.
    Call {
        /// The tool.
        name: String,
        /// Its arguments.
        arguments: Value,
    },
}

/// Why a reply ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All is said.
    Stop,
    /// A stop text came up.
    StopSequence(String),
    /// The limit of tokens was reached.
    Length,
    /// Tools are to be called.
    Tools,
    /// The model refuses.
    Refusal,
    /// The vendor withholds the rest.
    Filtered,
}

/// What a reply uses, as a person would count it: `input` holds `cached`, and `output` holds `thoughts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Everything that went in.
    pub input: u64,
    /// The part of it that was read from a cache.
    pub cached: u64,
    /// Everything that came out.
    pub output: u64,
    /// The part of it that was thoughts.
    pub thoughts: u64,
}

impl Reply {
    /// The words of the reply that is given unless something else is asked for. Not all of its letters are ASCII.
    pub const TEXT: &str = "Grüße, 世界 🌍! Schön, von dir zu hören.";

    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(vec![Said::Text(text.into())], End::Stop)
    }

    /// So many words, each a token.
    pub fn words(count: usize) -> Self {
        Self::text("word ".repeat(count))
    }

    /// Some words and two calls side by side.
    pub fn tools() -> Self {
        let call = |city: &str| Said::Call { name: "weather".to_owned(), arguments: json!({ "city": city }) };
        let words = Said::Text("I look it up.".to_owned());
        Self::of(vec![words, call("Kyiv"), call("Zürich")], End::Tools)
    }

    /// A JSON object as text.
    pub fn json() -> Self {
        Self::text(r#"{"city": "Zürich", "degrees": 21}"#)
    }

    /// A thought, and then words.
    pub fn thinking() -> Self {
        let thought = Said::Thought("The greeting is in German.".to_owned());
        let reply = Self::of(vec![thought, Said::Text(Self::TEXT.to_owned())], End::Stop);
        Self { tokens: Tokens { thoughts: 5, ..reply.tokens }, ..reply }
    }

    /// Words that a limit cuts off.
    pub fn length() -> Self {
        Self { end: End::Length, ..Self::text("This is where the limit") }
    }

    /// Words that end at a stop text.
    pub fn stop_sequence() -> Self {
        Self { end: End::StopSequence("END".to_owned()), ..Self::text("Until here ") }
    }

    /// A refusal.
    pub fn refusal() -> Self {
        Self { end: End::Refusal, ..Self::text("I will not do that.") }
    }

    /// Words whose rest is withheld.
    pub fn filtered() -> Self {
        Self { end: End::Filtered, ..Self::text("What follows is") }
    }

    /// The one that a word asks for: `text`, `tools`, `json`, `thinking`, `length`, `stop-sequence`, `refusal`,
    /// `filtered`, or `words-20` for that many.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::default(),
            "tools" => Self::tools(),
            "json" => Self::json(),
            "thinking" => Self::thinking(),
            "length" => Self::length(),
            "stop-sequence" => Self::stop_sequence(),
            "refusal" => Self::refusal(),
            "filtered" => Self::filtered(),
            _ => Self::words(name.strip_prefix("words-")?.parse().ok()?),
        })
    }

    /// The words alone.
    pub fn words_said(&self) -> String {
        let words = |said: &Said| match said {
            Said::Text(text) => Some(text.clone()),
            Said::Thought(_) | Said::Call { .. } => None,
        };
        self.said.iter().filter_map(words).collect()
    }

    fn of(said: Vec<Said>, end: End) -> Self {
        Self { said, end, tokens: Tokens { input: 20, cached: 4, output: 9, thoughts: 0 } }
    }
}

impl Default for Reply {
    /// [`TEXT`](Self::TEXT).
    fn default() -> Self {
        Self::text(Self::TEXT)
    }
}

/// A text as a model writes it: word by word, spaces at their ends.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}
