//! The work that a storm is over: which workflows are started how often, which jobs are put in. Every process that is
//! told the same load knows the same work.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use codeflow_core::{Clock, RetryPolicy};
use codeflow_engine::{ActionRunner, Engine, JobRequest, Parts, Silent, StartRequest, Store};
use codeflow_runtime::SystemIds;
use serde_json::{Map, json};
use tokio::time::sleep;

use super::actions::WORK;
use super::dice::Dice;
use super::generate::{children, everything, program};
use super::program::Program;

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing.
    Nothing,
    /// One execution with every kind of move, and a few jobs.
    Everything,
    /// Random work.
    Random {
        /// What it depends on.
        seed: u64,
        /// How many workflows.
        programs: usize,
        /// How many executions.
        executions: usize,
        /// How many jobs.
        jobs: usize,
    },
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Everything => f.write_str("everything"),
            Self::Random { seed, programs, executions, jobs } => {
                write!(f, "{seed}:{programs}:{executions}:{jobs}")
            }
        }
    }
}

impl FromStr for Load {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "nothing" => return Ok(Self::Nothing),
            "everything" => return Ok(Self::Everything),
            _ => {}
        }
        let mut numbers = text.split(':');
        let mut next = || numbers.next().context("a load has four numbers");
        Ok(Self::Random {
            seed: next()?.parse()?,
            programs: next()?.parse()?,
            executions: next()?.parse()?,
            jobs: next()?.parse()?,
        })
    }
}

/// A job, with what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// How many of its attempts fail.
    pub fails: u32,
    /// How many attempts it may have.
    pub attempts: u32,
}

impl Job {
    /// Whether it is given up.
    pub fn dies(self) -> bool {
        self.fails >= self.attempts
    }

    /// How many attempts it has.
    pub fn made(self) -> u32 {
        self.attempts.min(self.fails + 1)
    }
}

impl Load {
    /// The workflows, those that others call first.
    pub fn programs(&self) -> Vec<Program> {
        let mut all = children();
        match self {
            Self::Nothing => {}
            Self::Everything => all.push(everything()),
            Self::Random { seed, programs, .. } => {
                let mut dice = Dice::new(*seed);
                all.extend((0..*programs).map(|number| program(&mut dice, number)));
            }
        }
        all
    }

    /// The workflow of each start, by its key.
    pub fn starts(&self) -> Vec<(String, String)> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Everything => vec![("start-0".to_owned(), "everything".to_owned())],
            Self::Random { programs, executions, .. } => (0..*executions)
                .map(|number| (format!("start-{number}"), format!("program-{}", number % programs)))
                .collect(),
        }
    }

    /// The jobs, by their keys.
    pub fn jobs(&self) -> Vec<(String, Job)> {
        let count = match self {
            Self::Nothing => 0,
            Self::Everything => 3,
            Self::Random { jobs, .. } => *jobs,
        };
        let kinds = [(0, 1), (1, 3), (9, 2), (0, 2), (0, 1)];
        let job = |number: usize| {
            let (fails, attempts) = kinds[number % kinds.len()];
            (format!("job-{number}"), Job { fails, attempts })
        };
        (0..count).map(job).collect()
    }

    /// Makes the workflows known.
    pub async fn register(&self, engine: &Engine) {
        for program in self.programs() {
            let workflow = program.workflow();
            while let Err(error) = engine.register(&workflow, &program.document).await {
                await_storage(&error).await;
            }
        }
    }

    /// Starts and puts in what is the share of one of several; what is there already is left alone.
    pub async fn begin(&self, engine: &Engine, (one, of): (usize, usize), pace: Duration) {
        let programs = self.programs();
        let starts = self.starts().into_iter().enumerate().filter(|(number, _)| number % of == one);
        for (_, (key, name)) in starts {
            let program = programs.iter().find(|program| program.name == name).expect("it is in the load");
            let version = program.workflow().version;
            loop {
                let idempotency_key = Some(key.clone());
                let request = StartRequest { version: version.clone(), inputs: Map::new(), idempotency_key };
                let Err(error) = engine.start(request).await else { break };
                await_storage(&error).await;
            }
            sleep(pace).await;
        }
        let jobs = self.jobs().into_iter().enumerate().filter(|(number, _)| number % of == one);
        for (_, (key, job)) in jobs {
            while let Err(error) = engine.enqueue(vec![request(&key, job)]).await {
                await_storage(&error).await;
            }
            sleep(pace).await;
        }
    }
}

fn request(key: &str, job: Job) -> JobRequest {
    let inputs = json!({ "fails": job.fails, "ms": 5 }).as_object().cloned().unwrap_or_default();
    let retry = RetryPolicy {
        attempts: job.attempts,
        initial: Duration::from_millis(20),
        cap: Duration::from_millis(20),
        ..RetryPolicy::default()
    };
    let uses = WORK.parse().expect("the name is well formed");
    JobRequest { retry, key: Some(key.to_owned()), ..JobRequest::new(uses, inputs) }
}

#[expect(clippy::print_stderr, reason = "whoever looks for a cause reads it")]
async fn await_storage(error: &codeflow_engine::Error) {
    eprintln!("not yet: {error}");
    sleep(Duration::from_millis(100)).await;
}

/// An engine over this storage.
pub fn engine_over(store: Arc<dyn Store>, actions: Arc<dyn ActionRunner>, clock: Arc<dyn Clock>) -> Engine {
    Engine::new(Parts { store, actions, clock, ids: Arc::new(SystemIds), observer: Arc::new(Silent) })
}
