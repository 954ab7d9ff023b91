//! The port to other processes: short texts that one puts on a wire reach all that are connected to it.

use async_trait::async_trait;

use crate::Error;

/// A way to reach other processes at once. What is sent over it may be lost, so nothing may depend on it.
#[async_trait]
pub trait Wire: Send + Sync {
    /// Connects. What anybody sends from then on arrives.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn connect(&self) -> Result<Box<dyn WireConnection>, Error>;
}

/// One connection to a wire. Dropping it ends it.
#[async_trait]
pub trait WireConnection: Send {
    /// Sends texts to all who are connected, the sender included.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable); the connection is of no more use then.
    async fn send(&mut self, texts: &[String]) -> Result<(), Error>;

    /// Waits for a text. Dropping the future loses none.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable); the connection is of no more use then.
    async fn receive(&mut self) -> Result<String, Error>;
}
