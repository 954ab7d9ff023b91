//! The wire for wake-ups over Redis: one channel, one connection that listens and one that publishes.

use async_trait::async_trait;
use codeflow_engine::{Error, ErrorKind, Wire, WireConnection};
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, RedisError};
use secrecy::{ExposeSecret, SecretString};

/// All installations that share a Redis share it, too: a ring too many costs one look at a queue.
const CHANNEL: &str = "codeflow:wakeups";

/// Wake-ups over Redis.
pub struct RedisWire {
    client: Client,
}

impl RedisWire {
    /// A wire over the Redis at this address, such as `redis://` or, with TLS, `rediss://`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it is no address of a Redis.
    pub fn new(url: &SecretString) -> Result<Self, Error> {
        // The cause is left out: it may show the address, and with it a password.
        let invalid = |_| Error::new(ErrorKind::InvalidInput, "the address of Redis cannot be used");
        Ok(Self { client: Client::open(url.expose_secret()).map_err(invalid)? })
    }
}

struct Line {
    listening: PubSub,
    publishing: MultiplexedConnection,
}

#[async_trait]
impl Wire for RedisWire {
    async fn connect(&self) -> Result<Box<dyn WireConnection>, Error> {
        let mut listening = self.client.get_async_pubsub().await.map_err(away)?;
        listening.subscribe(CHANNEL).await.map_err(away)?;
        let publishing = self.client.get_multiplexed_async_connection().await.map_err(away)?;
        Ok(Box::new(Line { listening, publishing }))
    }
}

#[async_trait]
impl WireConnection for Line {
    async fn send(&mut self, texts: &[String]) -> Result<(), Error> {
        let mut commands = redis::pipe();
        for text in texts {
            commands.cmd("PUBLISH").arg(CHANNEL).arg(text).ignore();
        }
        commands.query_async(&mut self.publishing).await.map_err(away)
    }

    async fn receive(&mut self) -> Result<String, Error> {
        let ended = || Error::new(ErrorKind::Unavailable, "the connection to Redis has ended");
        let message = self.listening.on_message().next().await.ok_or_else(ended)?;
        // What is no text is none of ours.
        Ok(message.get_payload().unwrap_or_default())
    }
}

fn away(error: RedisError) -> Error {
    Error::with_source(ErrorKind::Unavailable, "Redis cannot be reached", error)
}
