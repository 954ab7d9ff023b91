//! Copies of SQLite files, page by page, while an engine works on them. All of this blocks its thread.

use std::path::Path;
use std::time::Duration;

use codeflow_engine::{Error, ErrorKind};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::{MIGRATIONS, TableRows, check_migrations, check_ours, is_empty, not_empty, unusable};

/// How long another connection may hold a file up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first bytes of every file of SQLite.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Copies a database to `target`, which must not exist, and checks the copy against the snapshot that was copied.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) without a source, [`Corrupt`](ErrorKind::Corrupt) when it is none of ours,
/// [`Unavailable`](ErrorKind::Unavailable).
pub fn copy_sqlite(source: &Path, target: &Path) -> Result<TableRows, Error> {
    let failed = |error| failed(format!("could not copy the database `{}`", source.display()), error);
    if !source.is_file() {
        let text = format!("there is no database `{}`", source.display());
        return Err(Error::new(ErrorKind::NotFound, text));
    }
    let from = open(source, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    // What is counted is what is copied: the copy is made within this transaction.
    from.execute_batch("PRAGMA query_only = ON; BEGIN").map_err(failed)?;
    let rows = rows(&from).map_err(failed)?;
    check_ours(&rows, &format!("the database `{}`", source.display()))?;
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut to = open(target, create).map_err(failed)?;
    copy(&from, &mut to).map_err(failed)?;
    // One file, without companions.
    to.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(failed)?;
    drop(to);
    let copied = check_sqlite(target)?;
    if copied != rows {
        return Err(Error::new(ErrorKind::Internal, "the copy does not have the rows of the database"));
    }
    Ok(rows)
}

/// Checks that a file is a whole database of ours that this program can read, and counts its rows.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound), [`Corrupt`](ErrorKind::Corrupt).
pub fn check_sqlite(file: &Path) -> Result<TableRows, Error> {
    let name = file.display();
    let unreadable =
        |error| Error::with_source(ErrorKind::Corrupt, format!("could not read `{name}`"), error);
    let mut start = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| {
        use std::io::Read;
        file.take(MAGIC.len() as u64).read_to_end(&mut start)
    });
    read.map_err(|error| Error::with_source(ErrorKind::NotFound, format!("could not open `{name}`"), error))?;
    if start != MAGIC {
        return Err(unusable(format!("`{name}` is no file of SQLite")));
    }
    let conn = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unreadable)?;
    let verdict: String =
        conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
    if verdict != "ok" {
        return Err(unusable(format!("`{name}` is damaged")));
    }
    let rows = rows(&conn).map_err(unreadable)?;
    check_ours(&rows, &format!("`{name}`"))?;
    let applied = migrations(&conn).map_err(unreadable)?;
    check_migrations(applied.iter().map(String::as_str))?;
    Ok(rows)
}

/// Puts a backup in the place of a database: in one transaction, so that whoever reads sees the one or the other.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) when there is something in the target and it is not to be overwritten, and those
/// of [`check_sqlite`].
pub fn overwrite_sqlite(backup: &Path, target: &Path, force: bool) -> Result<TableRows, Error> {
    let failed = |error| failed(format!("could not restore the database `{}`", target.display()), error);
    let rows_of_backup = check_sqlite(backup)?;
    let from = open(backup, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let create = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut to = open(target, create).map_err(failed)?;
    let found = rows(&to);
    if !force && !found.as_ref().is_ok_and(is_empty) {
        return Err(not_empty(format!("the database `{}` is not empty", target.display())));
    }
    to.execute_batch("PRAGMA synchronous = FULL").map_err(failed)?;
    copy(&from, &mut to).map_err(failed)?;
    if rows(&to).map_err(failed)? != rows_of_backup {
        return Err(Error::new(ErrorKind::Internal, "the database does not have the rows of the backup"));
    }
    Ok(rows_of_backup)
}

fn open(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(PATIENCE)?;
    Ok(conn)
}

fn copy(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    let backup = Backup::new(from, to)?;
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("another process holds the file".to_owned()),
        )),
    }
}

fn rows(conn: &Connection) -> rusqlite::Result<TableRows> {
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let mut statement = conn.prepare(tables)?;
    let names =
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let count = |name: String| {
        let query = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        let count: i64 = conn.query_row(&query, [], |row| row.get(0))?;
        Ok((name, u64::try_from(count).unwrap_or_default()))
    };
    names.into_iter().map(count).collect()
}

fn migrations(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(&format!("SELECT version FROM {MIGRATIONS}"))?;
    statement.query_map([], |row| row.get(0))?.collect()
}

fn failed(context: String, error: rusqlite::Error) -> Error {
    Error::with_source(ErrorKind::Unavailable, context, error)
}
