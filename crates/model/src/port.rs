//! The port through which everything calls a model.

use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream;

use crate::{
    ApiClientError, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, ErrorKind, RawReply, RawRequest,
    StreamEvent, WireFormat,
};

/// The pieces of a reply. It is complete when [`StreamEvent::Finished`] came; an error is the last item. Dropping the
/// stream ends the call.
pub type ChatStream = Pin<Box<dyn Stream<Item = Result<StreamEvent, ApiClientError>> + Send>>;

/// Something that answers: a provider, or a wrapper around one. A dropped future ends its call.
///
/// A wrapper implements [`call`](Self::call) alone, once for everything that can be asked.
///
/// A streamed answer is returned when its first token is there, or its end: so an error before the first token is an
/// error of the call, which somebody else may then answer, and an error in the stream is one after it.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Asks. The answer is of the kind that was asked for.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`].
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError>;

    /// Says who answers and what it can do.
    fn describe(&self) -> Description;

    /// Asks, and waits for the whole reply.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`].
    async fn complete(&self, request: &ChatRequest) -> Result<ChatResponse, ApiClientError> {
        match self.call(Ask::Complete(request)).await? {
            Answer::Complete(response) => Ok(response),
            Answer::Stream(_) | Answer::Forward(_) | Answer::Embed(_) => Err(mismatch()),
        }
    }

    /// Asks, and returns when the first token has come.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`]; those after the first token come in the stream.
    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ApiClientError> {
        match self.call(Ask::Stream(request)).await? {
            Answer::Stream(stream) => Ok(stream),
            Answer::Complete(_) | Answer::Forward(_) | Answer::Embed(_) => Err(mismatch()),
        }
    }

    /// Sends a request that is already in the provider's own format, as it is but for the model's name.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`]; `Internal` when [`Description::passes`] does not name the format.
    async fn forward(&self, request: &RawRequest) -> Result<RawReply, ApiClientError> {
        match self.call(Ask::Forward(request)).await? {
            Answer::Forward(reply) => Ok(reply),
            Answer::Complete(_) | Answer::Stream(_) | Answer::Embed(_) => Err(mismatch()),
        }
    }

    /// Turns texts into vectors.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`]; `InvalidRequest` when the provider has no embeddings.
    async fn embed(&self, request: &EmbedRequest) -> Result<EmbedResponse, ApiClientError> {
        match self.call(Ask::Embed(request)).await? {
            Answer::Embed(response) => Ok(response),
            Answer::Complete(_) | Answer::Stream(_) | Answer::Forward(_) => Err(mismatch()),
        }
    }
}

/// What can be asked of a model.
#[derive(Clone, Copy, Debug)]
pub enum Ask<'a> {
    /// A whole reply.
    Complete(&'a ChatRequest),
    /// A reply piece by piece.
    Stream(&'a ChatRequest),
    /// Whatever a request in the provider's own format asks for.
    Forward(&'a RawRequest),
    /// Vectors.
    Embed(&'a EmbedRequest),
}

/// What came of an [`Ask`] of the same name.
pub enum Answer {
    /// A whole reply.
    Complete(ChatResponse),
    /// A reply piece by piece.
    Stream(ChatStream),
    /// A reply in the provider's own format.
    Forward(RawReply),
    /// Vectors.
    Embed(EmbedResponse),
}

impl Ask<'_> {
    /// The model that is asked, by the provider's own name for it.
    pub fn model(&self) -> &str {
        match self {
            Self::Complete(request) | Self::Stream(request) => &request.model,
            Self::Forward(request) => &request.model,
            Self::Embed(request) => &request.model,
        }
    }
}

fn mismatch() -> ApiClientError {
    ApiClientError::new(ErrorKind::Internal, "a model answered something other than what it was asked")
}

/// Who answers, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The provider's name.
    pub provider: String,
    /// What its wire format can carry.
    pub capabilities: Capabilities,
    /// The public format in which requests may be forwarded as they are.
    pub passes: Option<WireFormat>,
}

/// What a wire format can carry. A model behind it may do less, which the registry knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Replies piece by piece.
    pub streaming: bool,
    /// Tools.
    pub tools: bool,
    /// Several tool calls in one reply.
    pub parallel_tools: bool,
    /// Pictures in a request.
    pub images: bool,
    /// Some JSON object as a reply.
    pub json_object: bool,
    /// Replies that match a schema.
    pub json_schema: bool,
    /// Thoughts in replies.
    pub thinking: bool,
    /// A seed.
    pub seed: bool,
    /// Vectors for texts.
    pub embeddings: bool,
}
