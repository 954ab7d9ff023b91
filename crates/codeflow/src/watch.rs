//! Follows an execution through its journal, whichever process runs it.

use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_engine::{Engine, Event, Observer, Snapshot, View};
use tokio::sync::watch;

use crate::Error;

/// How often the journal is read when nothing in this process says that it has grown.
const POLL: Duration = Duration::from_millis(250);

/// How often an execution that moves all the time is read again.
const AGREEMENT_TRIES: u32 = 3;

/// Rings when something happens in this process.
#[derive(Clone)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Default for Bell {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Observer for Bell {
    fn notice(&self, _event: Event) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }
}

/// Follows one execution: a picture of it first, and another one after each change, with none left out
/// at the end.
pub struct Watch {
    engine: Engine,
    heard: watch::Receiver<u64>,
    id: ExecutionId,
    view: Option<View>,
}

impl Watch {
    pub(crate) fn new(engine: Engine, bell: Bell, id: ExecutionId) -> Self {
        Self { engine, heard: bell.0.subscribe(), id, view: None }
    }

    /// The execution as it was given last.
    pub fn latest(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// The execution as it is now; later on, as it is after the next change. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound) and whatever storage has to say.
    pub async fn next(&mut self) -> Result<&View, Error> {
        let is_first = self.view.is_none();
        let view = match &mut self.view {
            Some(view) => view,
            empty => empty.insert(first(&self.engine, self.id).await?),
        };
        if is_first {
            return Ok(view);
        }
        loop {
            // Either way it is time to look.
            let _ = tokio::time::timeout(POLL, self.heard.changed()).await;
            let newer = read(&self.engine, self.id, Some(view.record.seq)).await?;
            if view.take_in(newer) {
                break;
            }
        }
        Ok(view)
    }
}

/// Reads an execution. What is open may be newer than the execution itself, which would make one that is
/// just being taken up again look as if it had ended; so the two are read until they agree.
async fn read(engine: &Engine, id: ExecutionId, after: Option<i64>) -> Result<Snapshot, Error> {
    let mut snapshot = engine.get(id, after).await?;
    for _ in 0..AGREEMENT_TRIES {
        let now = engine.get(id, Some(i64::MAX)).await?;
        if now.record.seq == snapshot.record.seq {
            break;
        }
        snapshot = engine.get(id, after).await?;
    }
    Ok(snapshot)
}

async fn first(engine: &Engine, id: ExecutionId) -> Result<View, Error> {
    let snapshot = read(engine, id, None).await?;
    let workflow = engine.workflow(&snapshot.record.version).await?;
    Ok(View::new(workflow, snapshot))
}
