//! The wire for wake-ups over PostgreSQL's LISTEN and NOTIFY. It listens on a connection of its own, as one of the pool is
//! somebody else's a moment later; it may send over any. A commit never waits for a notification.

use async_trait::async_trait;
use codeflow_engine::{Error, Wire, WireConnection};
use codeflow_runtime::Tasks;
use diesel::sql_types::{Array, Text};
use diesel_async::RunQueryDsl;
use futures_util::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Socket, tls::NoTlsStream};

use crate::Database;
use crate::error::unreachable;
use crate::settings::DatabaseSettings;
use crate::statement::Statement;

/// How many notifications may wait to be read. They are hints, so further ones are dropped.
const WAITING: usize = 1_024;

/// A notification alone makes nothing durable, so its commit waits for no disk.
const SETUP: &str = "SET application_name = 'codeflow wakeups'; SET synchronous_commit = off; \
     SET plan_cache_mode = force_generic_plan; LISTEN codeflow_wakeups";

/// One round trip for any number of texts. It is planned once: where a pooler shares sessions, whoever listens hears
/// nothing anyway.
const NOTIFY: &str = "SELECT pg_notify('codeflow_wakeups', told) FROM unnest($1::TEXT[]) AS told";

/// The same where commits usually wait for the disk.
const NOTIFY_LAZILY: &str = "SELECT set_config('synchronous_commit', 'off', TRUE), pg_notify('codeflow_wakeups', told) \
     FROM unnest(?) AS told";

/// Wake-ups over the database itself. It needs sessions of its own on the server: behind a pooler that shares them, what
/// is sent never arrives.
pub struct PostgresWire {
    url: SecretString,
    database: Option<Database>,
}

impl PostgresWire {
    /// A wire over this database.
    pub fn new(settings: &DatabaseSettings) -> Self {
        Self { url: settings.url.clone(), database: None }
    }

    /// What is sent goes over a connection of this database, if one is free: the one that was used last, which has just
    /// written what there is to tell of, is quicker than one that has to wake up.
    #[must_use]
    pub fn sending_over(self, database: &Database) -> Self {
        Self { database: Some(database.clone()), ..self }
    }
}

struct Line {
    client: Client,
    notify: tokio_postgres::Statement,
    database: Option<Database>,
    notifications: mpsc::Receiver<String>,
    _reader: AbortOnDrop,
}

/// A connection that leads nowhere would wait for ever to be closed in good order.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait]
impl Wire for PostgresWire {
    async fn connect(&self) -> Result<Box<dyn WireConnection>, Error> {
        let connected = tokio_postgres::connect(self.url.expose_secret(), NoTls).await;
        let (client, connection) = connected.map_err(unreachable)?;
        let (sender, notifications) = mpsc::channel(WAITING);
        let reader = Tasks::new().spawn("notifications", read(connection, sender)).abort_handle();
        let reader = AbortOnDrop(reader);
        client.batch_execute(SETUP).await.map_err(unreachable)?;
        let notify = client.prepare(NOTIFY).await.map_err(unreachable)?;
        let database = self.database.clone();
        Ok(Box::new(Line { client, notify, database, notifications, _reader: reader }))
    }
}

#[async_trait]
impl WireConnection for Line {
    async fn send(&mut self, texts: &[String]) -> Result<(), Error> {
        if let Some(database) = &self.database
            && told_over(database, texts.to_vec()).await
        {
            return Ok(());
        }
        let sent = Client::execute(&self.client, &self.notify, &[&texts]).await;
        sent.map(|_| ()).map_err(unreachable)
    }

    async fn receive(&mut self) -> Result<String, Error> {
        self.notifications.recv().await.ok_or_else(|| unreachable("the connection has ended"))
    }
}

/// Sends over a connection of the pool. Whether that was possible.
async fn told_over(database: &Database, texts: Vec<String>) -> bool {
    let tell = |db: Database| async move {
        let Some(mut conn) = db.free_postgres().await else { return Ok(false) };
        let statement = Statement::new(NOTIFY_LAZILY).bind::<Array<Text>, _>(texts);
        Ok(statement.execute(&mut conn).await.is_ok())
    };
    database.run(tell).await.unwrap_or(false)
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
