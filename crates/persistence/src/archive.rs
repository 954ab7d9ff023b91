//! Finished executions as lines of JSON in files by day. When they are removed from the database is the engine's.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use codeflow_core::Clock;
use codeflow_engine::{Archive, Error, ErrorKind, Finished};
use serde_json::{Value, json};

use crate::payload::to_text;

/// A folder with a file for each day on which something was archived, in UTC. A line is an execution; after a crash
/// there may be a line that is cut off, and one that comes twice.
pub struct FolderArchive {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl FolderArchive {
    /// An archive in a folder, which is made when it is first needed.
    pub fn new(folder: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { folder: folder.into(), clock }
    }
}

#[async_trait]
impl Archive for FolderArchive {
    async fn keep(&self, executions: Vec<Finished>) -> Result<(), Error> {
        let day = self.clock.now().datetime().format("%Y-%m-%d");
        let (folder, file) = (self.folder.clone(), self.folder.join(format!("executions-{day}.jsonl")));
        let write = move || {
            let mut text = String::new();
            for finished in &executions {
                text.push_str(&to_text(&line(finished))?);
                text.push('\n');
            }
            append(&folder, &file, text.as_bytes()).map_err(|source| {
                let context = format!("could not archive executions in `{}`", file.display());
                Error::with_source(ErrorKind::Unavailable, context, source)
            })
        };
        let written = tokio::task::spawn_blocking(write).await;
        written
            .map_err(|source| Error::with_source(ErrorKind::Internal, "archiving was cut short", source))?
    }
}

/// Appends to a file and waits until the disk has it. Several processes do so one after the other.
fn append(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.lock()?;
    if !ends_with_a_line(&mut file)? {
        file.write_all(b"\n")?;
    }
    file.write_all(text)?;
    file.sync_all()?;
    // The name of a new file is in the folder.
    File::open(folder)?.sync_all()
}

/// A line that a crash cut off must not run into the next one.
fn ends_with_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn line(finished: &Finished) -> Value {
    let record = &finished.snapshot.record;
    let facts = finished.snapshot.facts.iter();
    let facts = facts.map(|(generation, fact)| json!({ "generation": generation, "fact": fact }));
    let logs = finished.logs.iter();
    let logs = logs.map(|line| json!({ "at": line.at, "path": line.path, "message": line.message }));
    json!({
        "format": 1,
        "id": record.id,
        "workflow": record.workflow,
        "version": record.version,
        "status": record.status,
        "generation": record.generation,
        "seq": record.seq,
        "inputs": record.inputs,
        "outputs": record.outputs,
        "error": record.error,
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "facts": facts.collect::<Vec<_>>(),
        "logs": logs.collect::<Vec<_>>(),
    })
}
