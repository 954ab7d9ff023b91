//! A model whose calls are measured. What becomes of the numbers is somebody else's business.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_model::{Answer, ApiClientError, Ask, ChatModel, Description, ErrorKind, Usage};
use tokio::time::Instant;

use crate::watch::{News, Watcher, watch};
use crate::{CallObserver, CallReport};

/// A model that reports each call once, when it is over: a stream at its end, or when it is dropped.
///
/// Inside a [`Retry`](crate::Retry) every attempt is a call; around one, all attempts together are.
pub struct Metered {
    inner: Arc<dyn ChatModel>,
    observer: Arc<dyn CallObserver>,
    provider: Arc<str>,
}

impl Metered {
    /// The model, reported to `observer`.
    pub fn new(inner: Arc<dyn ChatModel>, observer: Arc<dyn CallObserver>) -> Self {
        let provider = inner.describe().provider.into();
        Self { inner, observer, provider }
    }
}

#[async_trait]
impl ChatModel for Metered {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let mut meter = Meter {
            observer: Arc::clone(&self.observer),
            provider: Arc::clone(&self.provider),
            model: ask.model().to_owned(),
            began: Instant::now(),
            first_token: None,
            over: None,
            usage: Usage::default(),
        };
        match self.inner.call(ask).await {
            Ok(answer) => {
                meter.first_token = ask.is_streamed().then(Instant::now);
                Ok(watch(answer, meter))
            }
            Err(error) => {
                meter.failed(&error);
                Err(error)
            }
        }
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }
}

/// Measures one call, and reports when it is dropped, which happens however the call ends.
struct Meter {
    observer: Arc<dyn CallObserver>,
    provider: Arc<str>,
    model: String,
    began: Instant,
    first_token: Option<Instant>,
    over: Option<(Result<(), ErrorKind>, Instant)>,
    usage: Usage,
}

impl Watcher for Meter {
    fn heard(&mut self, news: News) {
        if let Some(usage) = news.usage {
            self.usage.update(usage);
        }
        // Some providers tell the usage after the end, so this is not the moment to report.
        if news.finished && self.over.is_none() {
            self.over = Some((Ok(()), Instant::now()));
        }
    }

    fn failed(&mut self, error: &ApiClientError) {
        self.over = Some((Err(error.kind()), Instant::now()));
    }

    fn ended(&mut self) {
        self.over.get_or_insert_with(|| (Err(ErrorKind::BadResponse), Instant::now()));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let (outcome, end) = self.over.unwrap_or_else(|| (Err(ErrorKind::Cancelled), Instant::now()));
        self.observer.finished(&CallReport {
            provider: &self.provider,
            model: &self.model,
            outcome,
            first_token: self.first_token.map(|at| at - self.began),
            total: end - self.began,
            usage: self.usage,
        });
    }
}
