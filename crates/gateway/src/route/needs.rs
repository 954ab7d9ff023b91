//! What a request needs from a model, held against what the registry knows. Only what is known to be lacking refuses a
//! model: silence of the registry does not.

use std::collections::BTreeSet;
use std::fmt;

use codeflow_model::{Capabilities, ModelEntry, ModelFeature, Price};

/// What a request, or a route, needs from a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// What it must be able to do.
    pub features: BTreeSet<ModelFeature>,
    /// The tokens that go in, as far as they can be estimated.
    pub input_tokens: u64,
    /// The tokens that may come out.
    pub output_tokens: Option<u64>,
    /// The highest price of a million tokens of the prompt.
    pub max_input_price: Option<Price>,
    /// The region that processing must be confined to.
    pub region: Option<String>,
}

/// Why a model is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// It cannot do something.
    Feature(ModelFeature),
    /// The prompt does not seem to fit.
    Context {
        /// What fits.
        limit: u64,
    },
    /// It cannot write as much.
    Output {
        /// What it can write.
        limit: u64,
    },
    /// It costs more than the route allows, or nobody knows what it costs.
    Price,
    /// It has no processing in the region.
    Region,
    /// It is not reachable now.
    Unavailable,
}

impl Lack {
    /// Whether the model is asked all the same when no better one is left. What is away may be back in a moment. And
    /// the length of a prompt is an estimate, which tends to be too high: the provider knows, and says it better.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unavailable | Self::Context { .. } => true,
            Self::Feature(_) | Self::Output { .. } | Self::Price | Self::Region => false,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(feature) => write!(f, "lacks `{feature}`"),
            Self::Context { limit } => write!(f, "takes no more than {limit} tokens"),
            Self::Output { limit } => write!(f, "writes no more than {limit} tokens"),
            Self::Price => f.write_str("costs more than the route allows"),
            Self::Region => f.write_str("is not processed in the region"),
            Self::Unavailable => f.write_str("is not available now"),
        }
    }
}

impl Needs {
    /// Whether nothing is needed that some model could lack.
    pub fn is_nothing(&self) -> bool {
        self.features.is_empty() && self.max_input_price.is_none() && self.region.is_none()
    }

    /// What a model lacks, if anything is known to be lacking.
    pub fn lacking(&self, entry: Option<&ModelEntry>, can: &Capabilities) -> Option<Lack> {
        if let Some(feature) = self.features.iter().find(|feature| !carries(can, **feature)) {
            return Some(Lack::Feature(*feature));
        }
        let Some(entry) = entry else {
            // A cap and a region are promises to somebody, which silence does not keep.
            let region = self.region.as_ref().map(|_| Lack::Region);
            return self.max_input_price.map(|_| Lack::Price).or(region);
        };
        // An entry that lists nothing at all is one about which nobody said anything.
        let lists = !entry.capabilities.is_empty();
        if let Some(feature) = self.features.iter().find(|it| lists && !entry.capabilities.contains(it)) {
            return Some(Lack::Feature(*feature));
        }
        if let Some(most) = self.max_input_price {
            let price = entry.prices.as_ref().and_then(|prices| prices.standard.input);
            if price.is_none_or(|price| price > most) {
                return Some(Lack::Price);
            }
        }
        let regions = entry.prices.as_ref().map(|prices| &prices.regions);
        let is_there = |region: &String| regions.is_some_and(|regions| regions.contains_key(region));
        if self.region.as_ref().is_some_and(|region| !is_there(region)) {
            return Some(Lack::Region);
        }
        self.too_long(entry)
    }

    /// Whether the prompt or the answer are longer than the model takes. What is certain comes first.
    fn too_long(&self, entry: &ModelEntry) -> Option<Lack> {
        let output = entry.max_output.filter(|limit| self.output_tokens.is_some_and(|it| it > *limit));
        let input = entry.context.filter(|limit| self.input_tokens > *limit);
        output.map(|limit| Lack::Output { limit }).or(input.map(|limit| Lack::Context { limit }))
    }

    /// Both at once.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            features: self.features.union(&other.features).copied().collect(),
            input_tokens: self.input_tokens.max(other.input_tokens),
            output_tokens: self.output_tokens.or(other.output_tokens),
            max_input_price: lower(self.max_input_price, other.max_input_price),
            region: self.region.clone().or_else(|| other.region.clone()),
        }
    }
}

fn lower(one: Option<Price>, two: Option<Price>) -> Option<Price> {
    one.zip(two).map(|(one, two)| one.min(two)).or(one).or(two)
}

/// Whether the wire format can say it at all. What it does not limit, it carries.
fn carries(can: &Capabilities, feature: ModelFeature) -> bool {
    match feature {
        ModelFeature::Tools | ModelFeature::ToolChoice | ModelFeature::ToolSearch => can.tools,
        ModelFeature::ParallelTools => can.parallel_tools,
        ModelFeature::JsonSchema | ModelFeature::NativeStructuredOutput => can.json_schema,
        ModelFeature::Vision => can.images,
        ModelFeature::Reasoning
        | ModelFeature::Pdf
        | ModelFeature::AudioIn
        | ModelFeature::VideoIn
        | ModelFeature::PromptCache
        | ModelFeature::WebSearch
        | ModelFeature::UrlContext
        | ModelFeature::ComputerUse
        | ModelFeature::System => true,
    }
}
