//! Databases of a test's own: a file in a folder that goes with the test, or a copy of a migrated
//! template on a PostgreSQL server.

use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use codeflow_persistence::{Database, DatabaseSettings};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::ManualClock;
use crate::conformance::{AccountsSubject, IdentitySubject, LimitRulesSubject, Subject};

/// The address of a server on which tests may make databases.
const SERVER: &str = "CODEFLOW_TEST_POSTGRES";
/// The number under which test processes queue for making the template.
const LOCK: &str = "SELECT pg_advisory_lock(7104112306170922)";

/// A migrated database that nobody else uses. It is removed with this value.
pub struct TestDb {
    url: String,
    /// Nothing once it was removed.
    place: Option<Place>,
}

enum Place {
    Folder { _folder: TempDir },
    Server { admin: String, name: String },
}

impl TestDb {
    /// A file of SQLite, migrated.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn sqlite() -> Self {
        let test_db = Self::empty_sqlite();
        test_db.open().await.migrate().await.expect("a new file can be migrated");
        test_db
    }

    /// A file of SQLite without tables.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn empty_sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let url = folder.path().join("codeflow.db").display().to_string();
        Self { url, place: Some(Place::Folder { _folder: folder }) }
    }

    /// A database on PostgreSQL, migrated.
    ///
    /// # Panics
    /// When there is no server to make it on.
    pub async fn postgres() -> Self {
        let admin = server();
        let client = connect(&admin).await;
        let template = template(&client, &admin).await;
        Self::copied(admin, &client, &template).await
    }

    /// A database on PostgreSQL without tables.
    ///
    /// # Panics
    /// When there is no server to make it on.
    pub async fn empty_postgres() -> Self {
        let admin = server();
        let client = connect(&admin).await;
        Self::copied(admin, &client, "template0").await
    }

    async fn copied(admin: String, client: &Client, template: &str) -> Self {
        let name = format!("codeflow_test_{}", Uuid::new_v4().simple());
        let create = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY");
        client.batch_execute(&create).await.expect("a database can be copied");
        Self { url: with_database(&admin, &name), place: Some(Place::Server { admin, name }) }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The usual settings to open it with.
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings::new(&self.url)
    }

    /// Opens it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(&self) -> Database {
        Database::open(&self.settings()).await.expect("a test's database can be opened")
    }

    /// Opens it as a subject of the conformance suite. SQLite gets a clock that the suite owns;
    /// PostgreSQL has its own.
    pub async fn into_subject(self) -> Subject {
        let database = self.open().await;
        match &self.place {
            Some(Place::Folder { .. }) => {
                let clock = Arc::new(ManualClock::default());
                let database = database.with_clock(Arc::clone(&clock) as _);
                Subject::new(Arc::new(database), Some(clock), self)
            }
            Some(Place::Server { .. }) | None => Subject::new(Arc::new(database), None, self),
        }
    }

    /// Opens it twice, as two processes would, as a subject of the conformance suite of accounts.
    pub async fn into_accounts(self) -> AccountsSubject {
        let (one, other) = (self.open().await, self.open().await);
        AccountsSubject::new(Arc::new(one), Arc::new(other), self)
    }

    /// Opens it twice, as two processes would, as a subject of the conformance suite of identity.
    pub async fn into_identity(self) -> IdentitySubject {
        let (one, other) = (self.open().await, self.open().await);
        IdentitySubject::new(Arc::new(one), Arc::new(other), self)
    }

    /// Opens it as a subject of the conformance suite of changed limits.
    pub async fn into_limit_rules(self) -> LimitRulesSubject {
        LimitRulesSubject::new(Arc::new(self.open().await), self)
    }
}

impl TestDb {
    /// Removes it without holding up what else runs on this thread. The server waits with the removal until
    /// every client that is about to log in has done so: a test that uses several databases at once and
    /// leaves their removal to the end of their scopes waits for itself.
    pub async fn remove(mut self) {
        if let Some(Place::Server { admin, name }) = self.place.take() {
            drop_database(&admin, &name).await;
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Some(Place::Server { admin, name }) = self.place.take() {
            // A test's own runtime may be gone or panicking, so the end has one to itself.
            let end = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime can be made").block_on(drop_database(&admin, &name));
            });
            let _ended = end.join();
        }
    }
}

async fn drop_database(admin: &str, name: &str) {
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    connect(admin).await.batch_execute(&drop).await.expect("a test's database can be dropped");
}

#[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
fn server() -> String {
    env::var(SERVER).unwrap_or_else(|_| {
        panic!("{SERVER} is not set: run `cargo xtask test`, which finds or starts a PostgreSQL server")
    })
}

#[expect(clippy::disallowed_methods, reason = "the connection ends with its client, and a test with both")]
async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .unwrap_or_else(|error| panic!("the PostgreSQL server of the tests cannot be reached: {error}"));
    tokio::spawn(connection);
    client
}

/// The address of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, ""), |(before, after)| (before, after));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let parameters = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
    format!("{}/{name}{parameters}", &address[..end])
}

/// The migrated database that others are copied from, one for each build of a test program.
async fn template(client: &Client, admin: &str) -> String {
    let name = format!("codeflow_template_{:016x}", build());
    if exists(client, &name).await {
        return name;
    }
    client.batch_execute(LOCK).await.expect("a lock can be had");
    if !exists(client, &name).await {
        let draft = format!("codeflow_draft_{}", Uuid::new_v4().simple());
        client.batch_execute(&format!("CREATE DATABASE {draft}")).await.expect("a database can be made");
        let settings = DatabaseSettings::new(with_database(admin, &draft));
        let database = Database::open(&settings).await.expect("the draft can be opened");
        database.migrate().await.expect("the draft can be migrated");
        database.close();
        publish(client, &draft, &name).await;
    }
    client.batch_execute("SELECT pg_advisory_unlock_all()").await.expect("a lock can be given back");
    name
}

/// Under its final name a template is complete, and nobody is connected to it.
async fn publish(client: &Client, draft: &str, name: &str) {
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{draft}'");
    for _ in 0..200 {
        client.batch_execute(&end).await.expect("connections can be ended");
        let rename = format!("ALTER DATABASE {draft} RENAME TO {name}");
        if client.batch_execute(&rename).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the template of the test databases stays in use");
}

async fn exists(client: &Client, name: &str) -> bool {
    let query = "SELECT FROM pg_database WHERE datname = $1";
    client.query_opt(query, &[&name]).await.expect("the catalog can be read").is_some()
}

/// A number for this build of the test program: its migrations may differ from those of another.
fn build() -> u64 {
    let program = env::current_exe().expect("a test knows its program");
    let built = program.metadata().and_then(|data| data.modified()).unwrap_or(UNIX_EPOCH);
    let mut hasher = DefaultHasher::new();
    (program, built).hash(&mut hasher);
    hasher.finish()
}
