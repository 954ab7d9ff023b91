//! Earlier answers to the very same request. The port, and a store in this process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use codeflow_model::{RawRequest, Usage};
use sha2::{Digest, Sha256};

/// What makes two requests the same: the tenant, the wire format, the model that serves, and every byte of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

/// An earlier answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedReply {
    /// The bytes, in the format of the request.
    pub body: Bytes,
    /// Whether they are a stream.
    pub stream: bool,
    /// What was used when it was made.
    pub usage: Usage,
}

/// Keeps answers. That one is missing is never an error.
#[async_trait]
pub trait ResponseCache: Send + Sync {
    /// Finds an answer.
    async fn find(&self, key: &CacheKey) -> Option<Arc<CachedReply>>;

    /// Keeps an answer. It returns at once.
    fn put(&self, key: CacheKey, reply: Arc<CachedReply>);
}

impl CacheKey {
    /// The key of a request. Every part is preceded by its length, so that no two requests run into each other.
    pub fn of(tenant: &str, provider: &str, model: &str, request: &RawRequest) -> Self {
        let mut hash = Sha256::new();
        let format = match request.format {
            codeflow_model::WireFormat::ChatCompletions => "chat",
            codeflow_model::WireFormat::Messages => "messages",
        };
        for part in [tenant, provider, model, format] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        for (name, value) in &request.headers {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value);
        }
        hash.update(&request.body);
        Self(hash.finalize().into())
    }
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheBounds {
    /// How long an answer serves.
    pub ttl: Duration,
    /// The bytes of all answers.
    pub bytes: u64,
    /// The bytes of one answer; a larger one is not kept.
    pub entry_bytes: usize,
}

/// Answers kept in this process, the least used ones thrown out when there are too many.
pub struct LocalCache {
    bounds: CacheBounds,
    replies: moka::sync::Cache<CacheKey, Arc<CachedReply>>,
}

impl LocalCache {
    /// An empty cache.
    pub fn new(bounds: CacheBounds) -> Self {
        let weigh = |_: &CacheKey, reply: &Arc<CachedReply>| {
            u32::try_from(reply.body.len() + size_of::<CachedReply>()).unwrap_or(u32::MAX)
        };
        let replies =
            moka::sync::Cache::builder().weigher(weigh).max_capacity(bounds.bytes).time_to_live(bounds.ttl);
        Self { bounds, replies: replies.build() }
    }
}

#[async_trait]
impl ResponseCache for LocalCache {
    async fn find(&self, key: &CacheKey) -> Option<Arc<CachedReply>> {
        self.replies.get(key)
    }

    fn put(&self, key: CacheKey, reply: Arc<CachedReply>) {
        if reply.body.len() <= self.bounds.entry_bytes {
            self.replies.insert(key, reply);
        }
    }
}
