//! Executions and their journals.

mod flush;
mod messages;
mod read;
mod start;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_engine::{
    Advance, Error, ExecutionFilter, ExecutionRecord, Flushed, Journal, LogLine, Message, NewExecution,
    NewTask, Session, Snapshot, Started,
};

use crate::Database;

#[async_trait]
impl Journal for Database {
    async fn start(&self, execution: NewExecution) -> Result<Started, Error> {
        start::start(self, execution).await
    }

    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        read::read(self, id, after).await
    }

    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        read::list(self, filter, limit).await
    }

    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error> {
        flush::flush(self, session, advances).await
    }

    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error> {
        messages::send(self, execution, message, task).await
    }

    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error> {
        messages::inbox(self, execution).await
    }

    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        messages::logs(self, execution, skip, limit).await
    }
}
