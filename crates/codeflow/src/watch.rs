//! Follows an execution through its journal, whichever process runs it.

use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_engine::{Engine, Event, Observer};
use tokio::sync::watch;

use crate::Error;
use crate::view::View;

/// How often the journal is read when nothing in this process says that it has grown.
const POLL: Duration = Duration::from_millis(250);

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
            let newer = self.engine.get(self.id, Some(view.record.seq)).await?;
            if view.take_in(newer) {
                break;
            }
        }
        Ok(view)
    }
}

async fn first(engine: &Engine, id: ExecutionId) -> Result<View, Error> {
    let snapshot = engine.get(id, None).await?;
    let workflow = engine.workflow(&snapshot.record.version).await?;
    Ok(View::new(workflow, snapshot))
}
