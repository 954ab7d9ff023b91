//! One pass over a body that will be handed on as it is: which model is asked and how, and whether it is JSON at all.
//! Nothing is copied. What a sketch accepts every reader of JSON accepts, and reads the same outermost fields from it:
//! a body that two readers could understand differently is refused, for the key would be checked against one model
//! and another served.

mod fields;
mod scan;
mod text;

use std::borrow::Cow;
use std::ops::Range;

use crate::Error;

/// What the outermost fields of a body say. A field that is `null` counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch<'a> {
    /// The model that is asked.
    pub model: Option<Cow<'a, str>>,
    /// Where the value of `model` stands, its quotes included.
    pub model_at: Range<usize>,
    /// Whether the reply is wanted piece by piece.
    pub stream: bool,
    /// Where the value of `stream_options` stands, also when it is `null`.
    pub stream_options_at: Option<Range<usize>>,
    /// Whether `stream_options` asks for the usage.
    pub include_usage: bool,
    /// The limit of the reply, by its older name.
    pub max_tokens: Option<u64>,
    /// The limit of the reply, by its newer name.
    pub max_completion_tokens: Option<u64>,
    /// How many replies are wanted.
    pub n: Option<u64>,
    /// Who asks, where OpenAI's format says it.
    pub user: Option<Cow<'a, str>>,
    /// Who asks, where Anthropic's format says it: `metadata.user_id`.
    pub metadata_user: Option<Cow<'a, str>>,
    /// How fast, and so how dearly, the provider should serve.
    pub service_tier: Option<Cow<'a, str>>,
    /// Whether there is a tool.
    pub has_tools: bool,
    /// Whether there is a picture anywhere.
    pub has_images: bool,
    /// Whether there is a thought anywhere, as Anthropic's format writes it.
    pub has_thoughts: bool,
}

impl<'a> Sketch<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidJson`]; `TooDeep` beyond 64 levels; `AmbiguousField` when one of the fields, or the
    /// conversation, stands there twice, in whichever spelling; `InvalidField` when one of them is not what it should
    /// be.
    pub fn of(body: &'a [u8]) -> Result<Self, Error> {
        fields::body(body)
    }

    /// The limit of the reply; where both names are used, the larger number, so that nothing is reserved too low.
    pub fn limit(&self) -> Option<u64> {
        self.max_tokens.max(self.max_completion_tokens)
    }
}
