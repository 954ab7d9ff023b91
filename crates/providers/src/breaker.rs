//! A circuit breaker around a model: what fails too often is left alone for a while.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_model::{Answer, ApiClientError, Ask, ChatModel, Description, Details, ErrorKind};
use tokio::time::Instant;

use crate::watch::{News, Watcher, watch};
use crate::{Availability, Permit, Refusal, RefusalReason};

/// A provider whose models have circuits, one for each model and key.
///
/// What counts as a failure is a broken connection, a time-out, an overload or a reply that makes no sense; also in the
/// middle of a stream. A request that is wrong, or a caller who gives up, counts for nothing. A rate limit is no failure
/// either, but makes everybody wait until the provider wants to be asked again.
pub struct Breaker {
    inner: Arc<dyn ChatModel>,
    availability: Arc<Availability>,
    provider: String,
    key: Arc<str>,
}

impl Breaker {
    /// The provider with the circuits of `availability`. `key` names the key that it is asked with.
    pub fn new(inner: Arc<dyn ChatModel>, availability: Arc<Availability>, key: impl Into<Arc<str>>) -> Self {
        let provider = inner.describe().provider;
        Self { inner, availability, provider, key: key.into() }
    }

    fn refused(&self, model: &str, refusal: Refusal) -> ApiClientError {
        let provider = &self.provider;
        let (kind, text) = match refusal.reason {
            RefusalReason::Open => {
                (ErrorKind::Overloaded, format!("`{model}` of `{provider}` failed too often: circuit open"))
            }
            RefusalReason::Recovering => (
                ErrorKind::Overloaded,
                format!("`{model}` of `{provider}` is coming back: circuit half open"),
            ),
            RefusalReason::CoolingDown => {
                (ErrorKind::RateLimited, format!("`{provider}` asked not to be asked for `{model}` yet"))
            }
        };
        let details = Details {
            provider: provider.clone(),
            model: model.to_owned(),
            retry_after: Some(refusal.wait),
            ..Details::default()
        };
        ApiClientError::new(kind, text).about(details)
    }
}

#[async_trait]
impl ChatModel for Breaker {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let model = ask.model();
        let circuit = self.availability.circuit(&self.provider, model, &self.key);
        let mut permit = circuit.admit(Instant::now()).map_err(|refusal| self.refused(model, refusal))?;
        match self.inner.call(ask).await {
            Ok(answer) => {
                if ask.is_streamed() {
                    permit.began(Instant::now());
                }
                Ok(watch(answer, permit))
            }
            Err(error) => {
                permit.failed(&error, Instant::now());
                Err(error)
            }
        }
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }
}

impl Watcher for Permit {
    fn heard(&mut self, news: News) {
        if news.finished {
            self.succeeded(Instant::now());
        }
    }

    fn failed(&mut self, error: &ApiClientError) {
        Permit::failed(self, error, Instant::now());
    }

    fn ended(&mut self) {
        // An end without the last event is no end. After it, this changes nothing.
        let error = ApiClientError::new(ErrorKind::BadResponse, "the stream ended too early");
        Permit::failed(self, &error, Instant::now());
    }
}
