//! Snapshots of PostgreSQL that other programs can copy, and what may be done to a database before it is overwritten.

use std::str::FromStr;

use codeflow_engine::{Error, ErrorKind};
use codeflow_runtime::Tasks;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Client, Config, NoTls};

use super::{TableRows, check_ours, is_empty, not_empty};
use crate::error::unreachable;

/// A moment of a database, held until this is dropped.
pub struct PostgresSnapshot {
    _client: Client,
    /// The name under which other sessions see the same moment.
    pub name: String,
    /// The server's version: 15 for 15.4.
    pub server: u32,
    /// What there is at this moment.
    pub rows: TableRows,
}

impl PostgresSnapshot {
    /// Takes a snapshot and counts it.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) when the database is none of ours, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn take(url: &SecretString) -> Result<Self, Error> {
        let client = connect(&config(url)?).await?;
        let begin = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                     BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        client.batch_execute(begin).await.map_err(failed)?;
        let exported = client.query_one("SELECT pg_export_snapshot()", &[]).await.map_err(failed)?;
        let rows = rows(&client).await?;
        check_ours(&rows, "the database")?;
        Ok(Self { name: exported.get(0), server: server(&client).await?, rows, _client: client })
    }
}

/// A connection that looks at a database, and makes and drops others beside it.
pub struct PostgresAdmin {
    client: Client,
    /// The server's version: 15 for 15.4.
    pub server: u32,
}

impl PostgresAdmin {
    /// Connects.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn connect(url: &SecretString) -> Result<Self, Error> {
        let client = connect(&config(url)?).await?;
        Ok(Self { server: server(&client).await?, client })
    }

    /// Makes an empty database on the same server.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn create(&self, name: &str) -> Result<(), Error> {
        let create = format!("CREATE DATABASE {} TEMPLATE template0", quoted(name));
        let made = self.client.batch_execute(&create).await;
        made.map_err(|error| {
            let text = "could not make a scratch database beside the one that was backed up; its user needs CREATEDB";
            Error::with_source(ErrorKind::Unavailable, text, error)
        })
    }

    /// Drops a database that [`create`](Self::create) made.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn drop(&self, name: &str) -> Result<(), Error> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        self.client.batch_execute(&drop).await.map_err(failed)
    }

    /// What another database on the same server holds.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn rows_of(url: &SecretString, name: &str) -> Result<TableRows, Error> {
        let mut config = config(url)?;
        config.dbname(name);
        rows(&connect(&config).await?).await
    }

    /// Whether this database may be overwritten by one with these tables: nobody works on it, and nothing in it would
    /// be lost unless `force` says that it may be.
    ///
    /// # Errors
    /// [`Locked`](ErrorKind::Locked), [`Conflict`](ErrorKind::Conflict), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn check_overwritable(&self, tables: &[String], force: bool) -> Result<(), Error> {
        let found = rows(&self.client).await?;
        for sessions in ["session", "account_session"].into_iter().filter(|name| found.contains_key(*name)) {
            let query = format!(
                "SELECT count(*) FROM {sessions} WHERE ended_at IS NULL AND expires_at > clock_timestamp()"
            );
            let live: i64 = self.client.query_one(&query, &[]).await.map_err(failed)?.get(0);
            if live > 0 {
                let text = format!(
                    "the database is in use: {live} live in its table `{sessions}`; stop them, and wait out their leases"
                );
                return Err(Error::new(ErrorKind::Locked, text));
            }
        }
        if !force && !is_empty(&found) {
            return Err(not_empty("the database is not empty"));
        }
        match found.keys().find(|name| !tables.contains(name)) {
            None => Ok(()),
            Some(other) => {
                let text = format!(
                    "the database has a table `{other}` that the backup does not know; restore into an empty database"
                );
                Err(not_empty(text))
            }
        }
    }

    /// What there is.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn rows(&self) -> Result<TableRows, Error> {
        rows(&self.client).await
    }
}

fn config(url: &SecretString) -> Result<Config, Error> {
    Config::from_str(url.expose_secret())
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "the address of the database cannot be read"))
}

async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await.map_err(unreachable)?;
    Tasks::new().spawn("backup connection", async move {
        let _ = connection.await;
    });
    client
        .batch_execute("SET application_name = 'codeflow backup'; SET statement_timeout = 0")
        .await
        .map_err(failed)?;
    Ok(client)
}

async fn server(client: &Client) -> Result<u32, Error> {
    let query = "SELECT current_setting('server_version_num')::int / 10000";
    let version: i32 = client.query_one(query, &[]).await.map_err(failed)?.get(0);
    Ok(u32::try_from(version).unwrap_or_default())
}

async fn rows(client: &Client) -> Result<TableRows, Error> {
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace";
    let mut found = TableRows::new();
    for table in client.query(tables, &[]).await.map_err(failed)? {
        let name: String = table.get(0);
        let count = format!("SELECT count(*) FROM {}", quoted(&name));
        let count: i64 = client.query_one(&count, &[]).await.map_err(failed)?.get(0);
        found.insert(name, u64::try_from(count).unwrap_or_default());
    }
    Ok(found)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn failed(error: tokio_postgres::Error) -> Error {
    Error::with_source(ErrorKind::Unavailable, "could not ask the database", error)
}
