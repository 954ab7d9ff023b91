//! Deadlines around a model. The time to connect is limited where connections are made.

mod paced;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_model::{
    Answer, ApiClientError, Ask, ChatModel, Description, Details, ErrorKind, Phase, RawReply, Reach,
};
use tokio::time::{Instant, timeout_at};

use crate::pacing::later;
use paced::{Pace, Paced};

/// How long a model may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To the first token of a stream.
    pub first_token: Duration,
    /// From one piece of a stream to the next, while somebody waits for it. A reader who is slow is not the provider's
    /// fault.
    pub between_tokens: Duration,
    /// For everything, and all there is for an answer that comes whole.
    pub total: Duration,
}

impl Default for Deadlines {
    /// A minute to the first token, a minute between tokens, ten minutes in all.
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { first_token: minute, between_tokens: minute, total: minute * 10 }
    }
}

/// A model that answers in time or fails with `Timeout`. What takes too long is dropped, which closes its connection.
pub struct Timeout {
    inner: Arc<dyn ChatModel>,
    deadlines: Deadlines,
    provider: Arc<str>,
}

impl Timeout {
    /// The model with deadlines.
    pub fn new(inner: Arc<dyn ChatModel>, deadlines: Deadlines) -> Self {
        let provider = inner.describe().provider.into();
        Self { inner, deadlines, provider }
    }
}

#[async_trait]
impl ChatModel for Timeout {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let Deadlines { first_token, between_tokens, total } = self.deadlines;
        let now = Instant::now();
        let end = later(now, total);
        let (limit, late) = match ask.is_streamed() && first_token < total {
            true => (later(now, first_token), Late::Begin),
            false => (end, Late::Finish),
        };
        let blame = || Blame { provider: Arc::clone(&self.provider), model: ask.model().to_owned() };
        let answer = timeout_at(limit, self.inner.call(ask)).await;
        let answer = answer.map_err(|_| blame().error(late, Phase::BeforeFirstToken))??;
        let pace = || Pace::new(between_tokens, end);
        Ok(match answer {
            Answer::Stream(stream) => Answer::Stream(Box::pin(Paced::new(stream, pace(), blame()))),
            Answer::Forward(RawReply::Stream(stream)) => {
                Answer::Forward(RawReply::Stream(Box::pin(Paced::new(stream, pace(), blame()))))
            }
            whole @ (Answer::Complete(_) | Answer::Forward(_) | Answer::Embed(_)) => whole,
        })
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }
}

/// What did not happen in time.
#[derive(Clone, Copy)]
enum Late {
    Begin,
    GoOn,
    Finish,
}

/// Whose fault it is.
struct Blame {
    provider: Arc<str>,
    model: String,
}

impl Blame {
    fn error(&self, late: Late, phase: Phase) -> ApiClientError {
        let what = match late {
            Late::Begin => "begin",
            Late::GoOn => "go on with",
            Late::Finish => "finish",
        };
        let details = Details {
            provider: self.provider.to_string(),
            model: self.model.clone(),
            phase,
            reach: Reach::Unknown,
            ..Details::default()
        };
        let text = format!("`{}` took too long to {what} its reply", self.provider);
        ApiClientError::new(ErrorKind::Timeout, text).about(details)
    }
}
