//! People around a storm: they cancel, pause and resume at random, send what executions wait for, and let go what was
//! quarantined. Their calls may fail as everybody's.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Decider, Decision, Engine, ExecutionFilter, ExecutionRecord};
use codeflow_persistence::Database;
use codeflow_runtime::Tasks;
use serde_json::json;
use tokio::time::timeout;
use uuid::Uuid;

use super::Ids;
use crate::chaos::load::Load;
use crate::chaos::program::Program;

/// How long they wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What they share.
#[derive(Clone)]
pub(super) struct People {
    engine: Engine,
    database: Database,
    programs: Arc<HashMap<String, Program>>,
    cancelled: Ids,
    nudging: Arc<AtomicBool>,
}

impl People {
    pub(super) fn new(engine: Engine, database: Database, load: &Load) -> Self {
        let programs = load.programs().into_iter().map(|program| (program.name.clone(), program)).collect();
        let (cancelled, nudging) = (Ids::default(), Arc::default());
        Self { engine, database, programs: Arc::new(programs), cancelled, nudging }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn leave(&self) {
        self.database.close();
    }

    /// Whom they may have cancelled.
    pub(super) fn cancelled(&self) -> HashSet<Uuid> {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn open(&self) -> Vec<ExecutionRecord> {
        let listed = timeout(PATIENCE, self.engine.list(ExecutionFilter::default(), 1_000)).await;
        let mut all = listed.unwrap_or(Ok(Vec::new())).unwrap_or_default();
        all.retain(|record| !record.status.is_final());
        all
    }

    pub(super) fn cancel(&self, tasks: &Tasks, number: usize) {
        let people = self.clone();
        tasks.spawn("cancel", async move {
            let mut open = people.open().await;
            // Whoever called one that is cancelled fails, which nobody expects.
            open.retain(|record| record.workflow.as_str().starts_with("program"));
            let Some(chosen) = open.get(number % open.len().max(1)) else { return };
            people.cancelled.lock().unwrap_or_else(PoisonError::into_inner).insert(chosen.id.uuid());
            let _ = timeout(PATIENCE, people.engine.cancel(chosen.id, "somebody", None)).await;
        });
    }

    pub(super) fn pause(&self, tasks: &Tasks, number: usize) {
        let people = self.clone();
        tasks.spawn("pause", async move {
            let open = people.open().await;
            let Some(chosen) = open.get(number % open.len().max(1)) else { return };
            let _ = timeout(PATIENCE, people.engine.pause(chosen.id, "somebody", None)).await;
        });
    }

    /// Does what executions wait for, unless somebody is at it.
    pub(super) fn nudge(&self, tasks: &Tasks) {
        let people = self.clone();
        if self.nudging.swap(true, Ordering::SeqCst) {
            return;
        }
        tasks.spawn("nudge", async move {
            let _ = timeout(PATIENCE, people.nudge_all()).await;
            people.nudging.store(false, Ordering::SeqCst);
        });
    }

    /// Waits until nobody does anything.
    pub(super) async fn rest(&self, tasks: &Tasks) {
        tasks.shut_down(PATIENCE * 2).await;
    }

    async fn nudge_all(&self) {
        for record in self.open().await {
            if record.status == ExecutionStatus::Paused {
                let _ = self.engine.resume(record.id, "somebody").await;
                continue;
            }
            let Some(program) = self.programs.get(record.workflow.as_str()) else { continue };
            for event in &program.signals {
                let _ = self.engine.signal(record.id, event, json!({})).await;
            }
            for step in &program.approvals {
                let by = Decider::operator("somebody");
                let decision = Decision { approved: true, by, comment: None };
                let _ = self.engine.decide(record.id, step, decision).await;
            }
        }
        for task in self.engine.quarantined(None, 100).await.unwrap_or_default() {
            if task.reason.is_none() {
                let _ = self.engine.release(task.id).await;
            }
        }
    }
}
