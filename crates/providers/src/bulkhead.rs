//! No more calls to a provider at the same time than it is meant to take. A streamed answer counts until it ends.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_model::{Answer, ApiClientError, Ask, ChatModel, Description, Details, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::watch::{News, Watcher, watch};

/// Lets a bounded number of calls through at the same time. One more is refused at once, as overload: whoever called may
/// ask somebody else, which beats waiting for nobody knows how long.
pub struct Bulkhead {
    inner: Arc<dyn ChatModel>,
    room: Arc<Semaphore>,
    most: usize,
}

impl Bulkhead {
    /// At most `most` calls to `inner`.
    pub fn new(inner: Arc<dyn ChatModel>, most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { inner, room: Arc::new(Semaphore::new(most)), most }
    }
}

#[async_trait]
impl ChatModel for Bulkhead {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            let provider = self.inner.describe().provider;
            let text = format!("`{provider}` has {} calls to answer, and takes no more", self.most);
            let details = Details { provider, model: ask.model().to_owned(), ..Details::default() };
            return Err(ApiClientError::new(ErrorKind::Overloaded, text).about(details));
        };
        let answer = self.inner.call(ask).await?;
        Ok(watch(answer, Permit { _permit: permit }))
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }
}

/// A place, held until the answer is over.
struct Permit {
    _permit: OwnedSemaphorePermit,
}

impl Watcher for Permit {
    fn heard(&mut self, _news: News) {}

    fn failed(&mut self, _error: &ApiClientError) {}

    fn ended(&mut self) {}
}
