//! What a call to a language model is, for every vendor alike: the request, the reply, its stream, its errors, the
//! port that makes the call; and which models there are and what they cost. No wire format, no I/O and no clock live
//! here.
//!
//! ```
//! use codeflow_model::{ChatRequest, Message, Part, Role};
//!
//! let request = ChatRequest::new("some-model", vec![Message::text(Role::User, "Hello")]);
//!
//! assert_eq!(request.messages[0].parts, [Part::Text("Hello".to_owned())]);
//! ```

mod embed;
mod error;
mod estimate;
mod fold;
mod message;
mod port;
mod price;
mod raw;
mod registry;
mod renamed;
mod request;
mod response;
mod walk;

pub use embed::{EmbedInput, EmbedRequest, EmbedResponse};
pub use error::{ApiClientError, BoxError, Details, ErrorKind, Phase, Reach};
pub use estimate::{estimate_bytes, estimate_text, estimate_tokens};
pub use fold::Fold;
pub use message::{Image, ImageSource, Message, Part, Role, Thinking, ThinkingContent, ToolCall, ToolResult};
pub use port::{Answer, Ask, Capabilities, ChatModel, ChatStream, Description};
pub use price::{BilledTokens, Factor, LongContext, Price, Prices, Rates, Service, Terms};
pub use raw::{RawPiece, RawReply, RawRequest, RawStream, Tap, WireFormat};
pub use registry::{
    Finding, Lint, ModelEntry, ModelFeature, ModelKind, OnRetired, Overrides, Quirks, Registry,
    RegistryError, RegistryErrorKind,
};
pub use renamed::Renamed;
pub use request::{ChatRequest, ResponseFormat, Tool, ToolChoice};
pub use response::{ChatResponse, FinishReason, StreamEvent, ThinkingDelta, Usage};
pub use walk::{Arrived, Lost, Missed, Next, Repeat, Step, Tried, Walk, Walker, walk};
