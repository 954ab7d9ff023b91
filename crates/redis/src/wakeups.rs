//! The wire for wake-ups over Redis: one channel of an installation, one connection that listens and one that publishes.

use async_trait::async_trait;
use codeflow_engine::{Error, ErrorKind, Wire, WireConnection};
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, RedisError};

use crate::RedisAddress;

/// Wake-ups over Redis.
pub struct RedisWire {
    client: Client,
    channel: String,
}

impl RedisWire {
    /// A wire over the Redis at this address, which only processes of this installation hear: the numbers of databases,
    /// and what is in them, tell nobody apart who listens. Nothing is connected yet.
    pub fn new(address: &RedisAddress, installation: &str) -> Self {
        Self { client: address.client().clone(), channel: format!("codeflow:{installation}:wakeups") }
    }
}

struct Line {
    channel: String,
    listening: PubSub,
    publishing: MultiplexedConnection,
}

#[async_trait]
impl Wire for RedisWire {
    async fn connect(&self) -> Result<Box<dyn WireConnection>, Error> {
        let mut listening = self.client.get_async_pubsub().await.map_err(away)?;
        listening.subscribe(&self.channel).await.map_err(away)?;
        let publishing = self.client.get_multiplexed_async_connection().await.map_err(away)?;
        Ok(Box::new(Line { channel: self.channel.clone(), listening, publishing }))
    }
}

#[async_trait]
impl WireConnection for Line {
    async fn send(&mut self, texts: &[String]) -> Result<(), Error> {
        let mut commands = redis::pipe();
        for text in texts {
            commands.cmd("PUBLISH").arg(&self.channel).arg(text).ignore();
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
