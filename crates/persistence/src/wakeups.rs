//! The wire for wake-ups over PostgreSQL's LISTEN and NOTIFY, on a connection of its own: a connection of the pool is
//! somebody else's a moment later, and a commit never waits for a notification.

use async_trait::async_trait;
use codeflow_engine::{Error, Wire, WireConnection};
use codeflow_runtime::Tasks;
use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket, tls::NoTlsStream};

use crate::error::unreachable;
use crate::settings::DatabaseSettings;

/// How many notifications may wait to be read. They are hints, so further ones are dropped.
const WAITING: usize = 1_024;

/// A notification alone makes nothing durable, so its commit waits for no disk.
const SETUP: &str =
    "SET application_name = 'codeflow wakeups'; SET synchronous_commit = off; LISTEN codeflow_wakeups";

/// One round trip for any number of texts, and no prepared statement that a pooler could lose.
const NOTIFY: &str = "SELECT pg_notify('codeflow_wakeups', told) FROM unnest($1) AS told";

/// Wake-ups over the database itself. It needs sessions of its own on the server: behind a pooler that shares them, what
/// is sent never arrives.
pub struct PostgresWire {
    url: SecretString,
}

impl PostgresWire {
    /// A wire over this database.
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self { url: settings.url.clone() }
    }
}

struct Line {
    client: Client,
    notifications: mpsc::Receiver<String>,
    reader: AbortHandle,
}

#[async_trait]
impl Wire for PostgresWire {
    async fn connect(&self) -> Result<Box<dyn WireConnection>, Error> {
        let connected = tokio_postgres::connect(self.url.expose_secret(), NoTls).await;
        let (client, connection) = connected.map_err(unreachable)?;
        let (sender, notifications) = mpsc::channel(WAITING);
        let reader = Tasks::new().spawn("notifications", read(connection, sender)).abort_handle();
        let line = Line { client, notifications, reader };
        line.client.batch_execute(SETUP).await.map_err(unreachable)?;
        Ok(Box::new(line))
    }
}

#[async_trait]
impl WireConnection for Line {
    async fn send(&mut self, texts: &[String]) -> Result<(), Error> {
        let sent = self.client.execute_typed(NOTIFY, &[(&texts, Type::TEXT_ARRAY)]).await;
        sent.map(|_| ()).map_err(unreachable)
    }

    async fn receive(&mut self) -> Result<String, Error> {
        self.notifications.recv().await.ok_or_else(|| unreachable("the connection has ended"))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // A connection that leads nowhere would wait for ever to be closed in good order.
        self.reader.abort();
    }
}

/// Keeps the connection going, and hands on what it is notified of.
async fn read(mut connection: Connection<Socket, NoTlsStream>, notifications: mpsc::Sender<String>) {
    let mut messages = stream::poll_fn(|context| connection.poll_message(context));
    while let Some(Ok(message)) = messages.next().await {
        if let AsyncMessage::Notification(notification) = message {
            let _ = notifications.try_send(notification.payload().to_owned());
        }
    }
}
