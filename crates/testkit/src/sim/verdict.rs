//! What must be true when everything has come to its end.

use std::collections::BTreeSet;

use codeflow_core::JobId;
use codeflow_engine::{ExecutionRecord, Journal};

use super::play::Play;
use crate::TaskPlace;

impl Play {
    /// Judges everything; what is wrong is told.
    pub(super) async fn judge(&self) -> anyhow::Result<()> {
        let records = self.ground.store.list(Default::default(), u32::MAX).await?;
        for record in &records {
            self.judge_execution(record).await?;
        }
        let known: BTreeSet<_> = records.iter().map(|record| record.id).collect();
        let keys = self.asked().keys.clone();
        for (key, id) in keys.iter().filter(|(_, id)| !known.contains(id)) {
            self.chronicle.wrong(format_args!("{key} was said to be {id}, which does not exist"));
        }
        self.judge_queue();
        self.judge_sessions();
        Ok(())
    }

    async fn judge_execution(&self, record: &ExecutionRecord) -> anyhow::Result<()> {
        let id = record.id;
        let snapshot = self.ground.store.read(id, None).await?;
        let Some((snapshot, program)) = snapshot.zip(self.program(record.workflow.as_str())) else {
            self.chronicle.wrong(format_args!("{id} is of no known workflow"));
            return Ok(());
        };
        if !record.status.is_final() {
            let tasks = &snapshot.tasks;
            self.chronicle.wrong(format_args!("{id} is {} and never ended; {tasks:?}", record.status));
            return Ok(());
        }
        let is_child = program.name == super::program::CHILD;
        let cancelled = match is_child {
            true => !self.asked().cancelled.is_empty(),
            false => self.asked().cancelled.contains(&id),
        };
        let child = self.program(super::program::CHILD).unwrap_or(program);
        if let Some(wrong) = program.judge(&snapshot, child, cancelled) {
            self.chronicle.wrong(format_args!("{id} of {}: {wrong}", program.name));
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Option<&super::program::Program> {
        self.programs.iter().find(|program| program.name == name)
    }

    /// Nothing is left but jobs that were given up, all of those, and no others.
    fn judge_queue(&self) {
        let mut dead = BTreeSet::new();
        for seat in self.ground.store.seats() {
            if seat.place == TaskPlace::Dead {
                dead.insert(JobId::from_uuid(seat.execution.uuid()));
            } else {
                self.chronicle.wrong(format_args!("a task is left: {seat:?}"));
            }
        }
        let jobs = self.asked().jobs.clone();
        for (job, can_be_done) in jobs {
            if dead.contains(&job) == can_be_done {
                let what = if can_be_done { "was given up" } else { "was done" };
                self.chronicle.wrong(format_args!("{job} {what}, against the rules"));
            }
        }
    }

    /// Whoever died was taken over, and whoever lives holds nothing.
    fn judge_sessions(&self) {
        let vitals = self.fleet.vitals();
        let alive: BTreeSet<_> = vitals.iter().filter_map(codeflow_engine::WorkerVitals::session).collect();
        let open: BTreeSet<_> = self.ground.store.open_sessions().into_iter().collect();
        if alive != open || alive.len() != self.fleet.len() {
            self.chronicle.wrong(format_args!("sessions {open:?} are open, and {alive:?} are alive"));
        }
        for vitals in vitals {
            let running = vitals.running();
            if running > 0 || vitals.ready().is_err() {
                self.chronicle.wrong(format_args!("a worker holds {running} tasks, or is not ready"));
            }
        }
        for session in alive {
            let left = self.chronicle.open_batches(session);
            if !left.is_empty() {
                self.chronicle.wrong(format_args!("{session} never said that nothing is left of {left:?}"));
            }
        }
    }
}
