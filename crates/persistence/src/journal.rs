//! Executions and their journals.

mod facts;
mod flush;
mod lists;
mod messages;
mod read;
mod read_all;
mod start;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_engine::{
    Advance, Error, ExecutionFilter, ExecutionRecord, FactPlace, Flushed, Journal, LogLine, Message,
    NewExecution, NewTask, Recorded, Session, Snapshot, Started,
};

use crate::Database;

#[async_trait]
impl Journal for Database {
    async fn start_all(
        &self,
        executions: Vec<NewExecution>,
        taker: Option<Session>,
    ) -> Result<Vec<Started>, Error> {
        self.run(|db| async move { start::start_all(&db, executions, taker).await }).await
    }

    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        self.run(|db| async move { read::read(&db, id, after).await }).await
    }

    async fn commits(&self, id: ExecutionId) -> Result<Vec<i64>, Error> {
        self.run(|db| async move { read::commits(&db, id).await }).await
    }

    async fn facts(
        &self,
        id: ExecutionId,
        after: Option<FactPlace>,
        limit: u32,
    ) -> Result<Vec<Recorded>, Error> {
        self.run(move |db| async move { facts::page(&db, id, after.unwrap_or_default(), limit).await }).await
    }

    async fn read_all(&self, ids: &[ExecutionId]) -> Result<Vec<Snapshot>, Error> {
        let ids = ids.to_vec();
        self.run(|db| async move { read_all::read_all(&db, &ids).await }).await
    }

    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        self.run(|db| async move { lists::list(&db, filter, limit).await }).await
    }

    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error> {
        self.run(|db| async move { flush::flush(&db, session, advances).await }).await
    }

    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error> {
        self.run(|db| async move { messages::send(&db, execution, message, task).await }).await
    }

    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error> {
        self.run(|db| async move { messages::inbox(&db, execution).await }).await
    }

    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        self.run(|db| async move { messages::logs(&db, execution, skip, limit).await }).await
    }
}
