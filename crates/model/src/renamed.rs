//! The same request under another model's name, for the next hop of a fallback chain.

use crate::{Ask, ChatRequest, EmbedRequest, RawRequest};

/// A request under a model's name. It is copied only if its name was another.
#[derive(Debug)]
pub struct Renamed<'a>(Inner<'a>);

#[derive(Debug)]
enum Inner<'a> {
    Same(Ask<'a>),
    Complete(ChatRequest),
    Stream(ChatRequest),
    Forward(RawRequest),
    Embed(EmbedRequest),
}

impl<'a> Ask<'a> {
    /// The same request to `model`.
    pub fn renamed(self, model: &str) -> Renamed<'a> {
        if self.model() == model {
            return Renamed(Inner::Same(self));
        }
        let model = model.to_owned();
        Renamed(match self {
            Self::Complete(request) => Inner::Complete(ChatRequest { model, ..request.clone() }),
            Self::Stream(request) => Inner::Stream(ChatRequest { model, ..request.clone() }),
            Self::Forward(request) => Inner::Forward(RawRequest { model, ..request.clone() }),
            Self::Embed(request) => Inner::Embed(EmbedRequest { model, ..request.clone() }),
        })
    }

    /// Whether the answer comes piece by piece.
    pub fn is_streamed(&self) -> bool {
        match self {
            Self::Stream(_) => true,
            Self::Forward(request) => request.stream,
            Self::Complete(_) | Self::Embed(_) => false,
        }
    }
}

impl Renamed<'_> {
    /// The request to ask with.
    pub fn ask(&self) -> Ask<'_> {
        match &self.0 {
            Inner::Same(ask) => *ask,
            Inner::Complete(request) => Ask::Complete(request),
            Inner::Stream(request) => Ask::Stream(request),
            Inner::Forward(request) => Ask::Forward(request),
            Inner::Embed(request) => Ask::Embed(request),
        }
    }
}
