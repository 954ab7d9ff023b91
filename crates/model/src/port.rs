//! The port through which everything calls a model.

use std::pin::Pin;

use async_trait::async_trait;
use futures_core::Stream;

use crate::{ApiClientError, ChatRequest, ChatResponse, StreamEvent};

/// The pieces of a reply. It is complete when [`StreamEvent::Finished`] came; an error is the last item. Dropping the
/// stream ends the call.
pub type ChatStream = Pin<Box<dyn Stream<Item = Result<StreamEvent, ApiClientError>> + Send>>;

/// Something that answers chats: a provider, or a wrapper around one. A dropped future ends its call.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// Asks, and waits for the whole reply.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`].
    async fn complete(&self, request: &ChatRequest) -> Result<ChatResponse, ApiClientError>;

    /// Asks, and returns as soon as the provider has taken the request.
    ///
    /// # Errors
    ///
    /// Any [`crate::ErrorKind`]; later ones come in the stream.
    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ApiClientError>;

    /// Says who answers and what it can do.
    fn describe(&self) -> Description;
}

/// Who answers, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The provider's name.
    pub provider: String,
    /// What its wire format can carry.
    pub capabilities: Capabilities,
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
}
