//! Where a workload runs: a database of its own on a server, the one that was named, or a file.

use anyhow::{Context, Result};
use codeflow_persistence::{Database, DatabaseSettings};
use codeflow_runtime::Tasks;
use tokio_postgres::{Client, NoTls};

use super::postgres::Server;
use super::{Common, cost, profile, tell};

/// A migrated database.
pub(super) struct Place {
    url: String,
    sql: Option<Sql>,
    profile: bool,
    /// The address of the server's other database and the name of ours, which is dropped in the end.
    own: Option<(String, String)>,
    _server: Option<Server>,
}

/// A connection beside the engine's.
struct Sql {
    client: Client,
    postmaster: Option<u32>,
    _tasks: Tasks,
}

impl Place {
    pub(super) async fn open(common: &Common) -> Result<Self> {
        let (address, server) = match &common.database_url {
            Some(url) => (url.clone(), None),
            None => {
                tell("starting a PostgreSQL server");
                let server = Server::start(common.profile)?;
                (server.url(), Some(server))
            }
        };
        let mut place = Self { url: address, sql: None, profile: common.profile, own: None, _server: server };
        if place.is_postgres() && !common.in_place {
            place.make_own().await?;
        }
        if let Err(error) = place.prepare().await {
            place.remove().await?;
            return Err(error);
        }
        Ok(place)
    }

    fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres://") || self.url.starts_with("postgresql://")
    }

    /// Makes a database on the same server, and is there from then on.
    async fn make_own(&mut self) -> Result<()> {
        let name = format!("codeflow_bench_{}", std::process::id());
        let (client, _tasks) = connect(&self.url).await?;
        client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let own = with_database(&self.url, &name);
        self.own = Some((std::mem::replace(&mut self.url, own), name));
        Ok(())
    }

    async fn prepare(&mut self) -> Result<()> {
        let database = Database::open(&DatabaseSettings::new(&self.url)).await?;
        database.migrate().await?;
        database.close();
        if self.is_postgres() {
            self.sql = Some(Sql::open(&self.url).await?);
        }
        match self.profiled() {
            Some(client) => profile::prepare(client).await,
            None => Ok(()),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it, if it is PostgreSQL.
    pub(super) fn sql(&self) -> Option<&Client> {
        self.sql.as_ref().map(|sql| &sql.client)
    }

    /// A connection to it, if it is PostgreSQL and to say what it does.
    pub(super) fn profiled(&self) -> Option<&Client> {
        self.sql().filter(|_| self.profile)
    }

    /// The server's first process, if it is on this machine.
    pub(super) fn postmaster(&self) -> Option<u32> {
        self.sql.as_ref().and_then(|sql| sql.postmaster)
    }

    /// How much write-ahead log was ever written.
    pub(super) async fn wal(&self) -> Result<Option<i64>> {
        let Some(client) = self.sql() else { return Ok(None) };
        let query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::BIGINT";
        Ok(Some(client.query_one(query, &[]).await?.get(0)))
    }

    /// Lets the server write out what it has before it is measured, if it may be told so.
    pub(super) async fn settle(&self) {
        if let Some(client) = self.sql()
            && let Err(error) = client.batch_execute("CHECKPOINT").await
        {
            tell(&format!("no checkpoint before the measurement: {error}"));
        }
    }

    /// Drops the database if it was made for this run.
    pub(super) async fn remove(self) -> Result<()> {
        let Some((address, name)) = self.own else { return Ok(()) };
        drop(self.sql);
        let (client, _tasks) = connect(&address).await?;
        client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await?;
        Ok(())
    }
}

impl Sql {
    async fn open(url: &str) -> Result<Self> {
        let (client, tasks) = connect(url).await?;
        let here: Option<String> = client.query_one("SELECT host(inet_server_addr())", &[]).await?.get(0);
        let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        let is_local = here.is_none_or(|address| address.starts_with("127.") || address == "::1");
        let backend = u32::try_from(backend).ok().filter(|id| is_local && cost::is_named(*id, &["postgres"]));
        Ok(Self { client, postmaster: backend.and_then(cost::parent), _tasks: tasks })
    }
}

/// A connection, and the task that serves it.
pub(super) async fn connect(url: &str) -> Result<(Client, Tasks)> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("the server is not there")?;
    let tasks = Tasks::new();
    tasks.spawn("connection", connection);
    Ok((client, tasks))
}

/// The address of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, ""), |(before, after)| (before, after));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let parameters = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
    format!("{}/{name}{parameters}", &address[..end])
}
