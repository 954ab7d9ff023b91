//! One simulation: people who start, cancel and pause, a fleet that dies and comes back, and an end at which all is
//! judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::{self, VersionId};
use codeflow_core::{ExecutionId, JobId, NoActions, RetryPolicy};
use codeflow_engine::{Engine, Error, ErrorKind, JobRequest, Journal, StartRequest};
use codeflow_runtime::Tasks;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::LEASE;
use super::chronicle::Chronicle;
use super::fleet::{Fleet, Ground};
use super::program::{CHILD, Program, SIGNAL};
use super::rng::Rng;

/// What people asked for.
#[derive(Default)]
pub(super) struct Asked {
    /// Which execution has a key, as soon as somebody was told.
    pub(super) keys: BTreeMap<String, ExecutionId>,
    /// What was, or may have been, cancelled.
    pub(super) cancelled: BTreeSet<ExecutionId>,
    /// The jobs that were put in, with whether they can be done.
    pub(super) jobs: BTreeMap<JobId, bool>,
}

/// One simulation.
pub(super) struct Play {
    pub(super) ground: Ground,
    pub(super) fleet: Fleet,
    pub(super) chronicle: Arc<Chronicle>,
    pub(super) programs: Vec<Program>,
    versions: Vec<VersionId>,
    /// What people do at once.
    people: Tasks,
    asked: Mutex<Asked>,
}

impl Play {
    /// Registers the workflows and starts the fleet.
    pub(super) async fn new(rng: &mut Rng, ground: Ground) -> anyhow::Result<Self> {
        let mut programs = vec![Program::draw(rng, CHILD.to_owned(), true)];
        programs.extend((0..3).map(|number| Program::draw(rng, format!("w{number}"), false)));
        let fleet = Fleet::new(
            ground.clone(),
            2 + usize::from(rng.chance(500)),
            1 + usize::from(rng.chance(700)) * 3,
        );
        let chronicle = Arc::clone(&ground.network.chronicle);
        let mut versions = Vec::new();
        for program in &programs {
            let document = program.document();
            chronicle.tell(format_args!("{document}"));
            let workflow = workflow::parse(&document, &NoActions)?;
            let engine = fleet.engine(0).ok_or_else(|| anyhow::anyhow!("there is no engine"))?;
            engine.register(&workflow, &document).await?;
            versions.push(workflow.version);
        }
        Ok(Self {
            ground,
            fleet,
            chronicle,
            programs,
            versions,
            people: Tasks::new(),
            asked: Mutex::default(),
        })
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets things happen for a while.
    pub(super) async fn act(self: &Arc<Self>, rng: &mut Rng) {
        self.ground.network.set_faulty(true);
        let end = Instant::now() + Duration::from_millis(rng.between(4_000, 20_000));
        let mut number = 0;
        while Instant::now() < end {
            sleep(Duration::from_millis(rng.below(500))).await;
            number += 1;
            let node = usize::try_from(rng.below(self.fleet.len() as u64)).unwrap_or_default();
            match rng.below(20) {
                0 => self.kill(node).await,
                1 => self.stop(node),
                2 | 3 => self.fleet.mend(),
                4 => self.ground.network.cut(node, Duration::from_millis(rng.between(50, 6_000))),
                5..=7 => self.enqueue(rng, node),
                8 | 9 => self.cancel(rng, node),
                10 | 11 => self.interfere(rng, node),
                _ => self.start(rng, node, number),
            }
        }
        self.ground.network.set_faulty(false);
        self.fleet.mend();
        self.chronicle.tell(format_args!("nothing goes wrong any more"));
        if !self.people.shut_down(LEASE * 10).await {
            self.chronicle.wrong(format_args!("somebody still waits for an answer"));
        }
    }

    async fn kill(&self, node: usize) {
        if let Some(process) = self.fleet.take(node) {
            self.chronicle.tell(format_args!("n{node} is killed"));
            process.kill().await;
        }
    }

    fn stop(self: &Arc<Self>, node: usize) {
        if let Some(process) = self.fleet.take(node) {
            self.chronicle.tell(format_args!("n{node} is told to stop"));
            let play = Arc::clone(self);
            self.people.spawn("stop", async move {
                process.stop().await;
                play.chronicle.tell(format_args!("n{node} has stopped"));
            });
        }
    }

    /// Asks again and again until there is an answer.
    fn start(self: &Arc<Self>, rng: &mut Rng, node: usize, number: u64) {
        let which = usize::try_from(rng.between(1, self.versions.len() as u64)).unwrap_or_default();
        // Now and then with a key that was used before.
        let number = if rng.chance(150) { rng.below(number + 1) } else { number };
        let key = format!("{which}-{number}");
        let Some(version) = self.versions.get(which).cloned() else { return };
        let play = Arc::clone(self);
        self.people.spawn("start", async move {
            loop {
                let idempotency_key = Some(key.clone());
                let request = StartRequest { version: version.clone(), inputs: Map::new(), idempotency_key };
                if let Some(engine) = play.fleet.engine(node)
                    && let Some((id, started)) = play.sane(engine.start(request).await)
                {
                    play.chronicle.tell(format_args!("{key} is {id}: {started:?}"));
                    let first = *play.asked().keys.entry(key.clone()).or_insert(id);
                    if first != id {
                        play.chronicle.wrong(format_args!("{key} is {first} and {id}"));
                    }
                    return;
                }
                sleep(Duration::from_millis(200)).await;
            }
        });
    }

    fn enqueue(self: &Arc<Self>, rng: &mut Rng, node: usize) {
        let Some(engine) = self.fleet.engine(node) else { return };
        let (ms, fails, attempts) = (rng.below(800), rng.below(4), 1 + rng.below(4));
        let fails = fails.saturating_sub(1);
        let inputs = json!({ "ms": ms, "fails": fails, "deaf": 0 });
        let inputs = inputs.as_object().cloned().unwrap_or_default();
        let mut job = JobRequest::new("sim/do".parse().expect("it is the name of an action"), inputs);
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        job.retry = RetryPolicy { attempts, initial: Duration::from_millis(300), ..RetryPolicy::default() };
        let jobs = vec![job; 1 + usize::try_from(rng.below(4)).unwrap_or_default()];
        let play = Arc::clone(self);
        self.people.spawn("enqueue", async move {
            for (id, _) in play.sane(engine.enqueue(jobs).await).unwrap_or_default() {
                play.asked().jobs.insert(id, fails < u64::from(attempts));
            }
        });
    }

    fn any(&self, rng: &mut Rng) -> Option<ExecutionId> {
        let known: Vec<_> = self.asked().keys.values().copied().collect();
        rng.pick(&known).copied()
    }

    fn cancel(self: &Arc<Self>, rng: &mut Rng, node: usize) {
        let Some((id, engine)) = self.any(rng).zip(self.fleet.engine(node)) else { return };
        self.asked().cancelled.insert(id);
        let play = Arc::clone(self);
        self.people.spawn("cancel", async move {
            let told = play.sane(engine.cancel(id, "ann", None).await).is_some();
            play.chronicle.tell(format_args!("cancel of {id}: {told}"));
        });
    }

    fn interfere(self: &Arc<Self>, rng: &mut Rng, node: usize) {
        let Some((id, engine)) = self.any(rng).zip(self.fleet.engine(node)) else { return };
        let (play, what) = (Arc::clone(self), rng.below(4));
        self.people.spawn("interfere", async move {
            let told = match what {
                0 => engine.pause(id, "ann", None).await,
                1 => engine.resume(id, "ann").await,
                2 => engine.signal(id, SIGNAL, Value::Null).await,
                _ => engine.restart(id, None, "ann").await,
            };
            let told = play.sane(told).is_some();
            let what =
                ["pause", "resume", "signal", "restart"].get(usize::try_from(what).unwrap_or_default());
            play.chronicle.tell(format_args!("{} of {id}: {told}", what.copied().unwrap_or_default()));
        });
    }

    /// What was got; an error that cannot come of anything that a seed does is wrong.
    fn sane<T>(&self, got: Result<T, Error>) -> Option<T> {
        let error = match got {
            Ok(got) => return Some(got),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Conflict | ErrorKind::NotFound => {}
            ErrorKind::InvalidInput
            | ErrorKind::Forbidden
            | ErrorKind::LeaseLost
            | ErrorKind::Locked
            | ErrorKind::Corrupt
            | ErrorKind::Internal => self.chronicle.wrong(format_args!("a request failed: {error:?}")),
        }
        None
    }

    /// Lets everything come to its end: what is paused goes on, what was taken out of the queue goes back.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            sleep(Duration::from_secs(1)).await;
            let Some(engine) = self.fleet.engine(0) else { continue };
            for task in self.ground.store.seats() {
                if task.place == crate::TaskPlace::Quarantine {
                    let _ = engine.release(task.task).await;
                }
            }
            if self.nudge(&engine).await? {
                break;
            }
        }
        sleep(LEASE * 3).await;
        Ok(())
    }

    /// Whether everything has ended.
    async fn nudge(&self, engine: &Engine) -> anyhow::Result<bool> {
        let records = self.ground.store.list(Default::default(), u32::MAX).await?;
        for record in &records {
            if record.status == ExecutionStatus::Paused {
                let _ = engine.resume(record.id, "ann").await;
            }
        }
        let over = records.iter().all(|record| record.status.is_final());
        Ok(over && self.ground.store.seats().iter().all(|seat| seat.place == crate::TaskPlace::Dead))
    }
}
