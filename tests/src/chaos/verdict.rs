//! The verdict after a storm: what is there against what had to become of it, and no effect after its result.

use std::collections::{BTreeMap, HashMap, HashSet};

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, Fact, StepStatus};
use codeflow_engine::{Engine, ExecutionFilter, Snapshot};
use uuid::Uuid;

use super::audit::Audit;
use super::effects::{Effect, Effects};
use super::load::Load;
use super::program::{Outcome, Program};

/// For how long work may be done twice after a crash of the server: claims are not written through, so a few of them
/// may be lost with it, and are made again by others.
const FORGIVEN: i64 = 15_000_000;

/// What is wrong; nothing if all is well.
#[derive(Debug, Default)]
pub struct Verdict {
    /// In sentences.
    pub problems: Vec<String>,
    /// The executions that were looked at.
    pub executions: usize,
    /// How many of them were cancelled.
    pub cancelled: usize,
    /// The effects that were looked at.
    pub effects: usize,
    /// How many of them were of a worker whose session was over.
    pub late: usize,
    /// How many came again.
    pub repeated: usize,
}

/// What is judged.
pub struct Case<'c> {
    /// The work that there was.
    pub load: &'c Load,
    /// An engine over the database.
    pub engine: &'c Engine,
    /// What the database saw.
    pub audit: &'c Audit,
    /// What the actions noted.
    pub effects: &'c Effects,
    /// Whom somebody may have cancelled.
    pub cancelled: &'c HashSet<Uuid>,
    /// When the server crashed, in microseconds.
    pub crashes: &'c [i64],
}

impl Verdict {
    /// Judges a database in which everything has ended.
    pub async fn of(case: Case<'_>) -> Self {
        let mut verdict = Self::default();
        verdict.problems.extend(case.audit.stuck().await);
        verdict.problems.extend(case.audit.leaks().await);
        verdict.problems.extend(case.audit.repeated().await);
        let snapshots = read_all(case.engine).await;
        let programs: HashMap<String, Program> =
            case.load.programs().into_iter().map(|program| (program.name.clone(), program)).collect();
        let effects = case.effects.all();
        verdict.effects = effects.len();
        let mut attempts: BTreeMap<(Uuid, &str, &str), HashSet<u32>> = BTreeMap::new();
        for effect in &effects {
            let key = (effect.execution, effect.path.as_str(), effect.what.as_str());
            attempts.entry(key).or_default().insert(effect.attempt);
        }
        for snapshot in snapshots.values() {
            let wanted = is_wanted(snapshot, &snapshots, case.cancelled);
            let program = &programs[snapshot.record.workflow.as_str()];
            verdict.outcome(snapshot, program, wanted);
            let of = |path: &str, what: &str| {
                attempts.get(&(snapshot.record.id.uuid(), path, what)).cloned().unwrap_or_default()
            };
            if snapshot.record.status != ExecutionStatus::Cancelled {
                verdict.attempts(snapshot, program, of);
            }
            verdict.calls(snapshot, program, &snapshots);
        }
        let keys: HashMap<String, Uuid> = case.audit.keys().await.into_iter().collect();
        verdict.starts(&case, &keys, &snapshots);
        let jobs = verdict.jobs(&case, &keys, &attempts);
        let known: HashSet<Uuid> = snapshots.keys().map(|id| id.uuid()).chain(jobs).collect();
        let strangers = effects.iter().filter(|effect| !known.contains(&effect.execution));
        verdict.problems.extend(strangers.map(|effect| format!("an effect of nothing: {effect:?}")));
        verdict.order(&case, &effects, &snapshots).await;
        verdict
    }

    fn outcome(&mut self, snapshot: &Snapshot, program: &Program, wanted: bool) {
        self.executions += 1;
        let (record, expected) = (&snapshot.record, &program.expected);
        let about = format!("{} `{}`", record.id, program.name);
        let status = match expected.outcome {
            Outcome::Succeeds => ExecutionStatus::Succeeded,
            Outcome::Fails => ExecutionStatus::Failed,
        };
        let undone = settled(snapshot, true);
        let undoable = settled(snapshot, false)
            .into_iter()
            .filter(|(path, status)| *status == StepStatus::Succeeded && undoes(program, path));
        let undoable: HashSet<String> = undoable.map(|(path, _)| path).collect();
        if record.status != ExecutionStatus::Succeeded {
            let all: HashSet<String> = undone.keys().cloned().collect();
            if all != undoable {
                self.problems.push(format!("{about}: undone {all:?}, not {undoable:?}"));
            }
        }
        if record.status == ExecutionStatus::Cancelled && !wanted {
            self.cancelled += 1;
            return;
        }
        if record.status != status {
            self.problems.push(format!("{about} is {}, not {status}: {:?}", record.status, record.error));
            return;
        }
        let all = settled(snapshot, false);
        if all != expected.settled {
            self.problems.push(format!("{about}: settled {all:?}, not {:?}", expected.settled));
        }
        let undone: Vec<&String> = undone.keys().collect();
        if undone != expected.undone.iter().collect::<Vec<_>>() {
            self.problems.push(format!("{about}: undone {undone:?}, not {:?}", expected.undone));
        }
        let outputs = record.outputs.as_deref();
        let comparable =
            expected.outcome == Outcome::Succeeds && record.workflow.as_str().starts_with("program");
        if comparable && outputs != Some(&expected.outputs) {
            self.problems.push(format!("{about} gave {outputs:?}, not {}", expected.outputs));
        }
    }

    fn attempts(&mut self, snapshot: &Snapshot, program: &Program, of: impl Fn(&str, &str) -> HashSet<u32>) {
        let id = snapshot.record.id;
        for (path, count) in &program.expected.attempts {
            let made = of(path, "work");
            if made != (1..=*count).collect() {
                self.problems.push(format!("{id} `{path}`: attempts {made:?}, not 1 to {count}"));
            }
        }
        for step in &program.expected.undone {
            if of(step, "undo") != HashSet::from([1]) {
                self.problems.push(format!("{id} `{step}`: undone by {:?}", of(step, "undo")));
            }
        }
    }

    /// Each call has one child, and each child was called.
    fn calls(&mut self, snapshot: &Snapshot, program: &Program, all: &BTreeMap<ExecutionId, Snapshot>) {
        let mut called: BTreeMap<String, usize> = BTreeMap::new();
        let mut missing = 0;
        for (_, fact) in &snapshot.facts {
            let Fact::Called { child, .. } = fact else { continue };
            match all.get(child) {
                Some(child) => *called.entry(child.record.workflow.to_string()).or_default() += 1,
                None => missing += 1,
            }
        }
        let id = snapshot.record.id;
        if missing > 0 {
            self.problems.push(format!("{id} called {missing} executions that are not there"));
        }
        if snapshot.record.status != ExecutionStatus::Cancelled && called != program.expected.calls {
            self.problems.push(format!("{id} called {called:?}, not {:?}", program.expected.calls));
        }
    }

    fn starts(
        &mut self,
        case: &Case<'_>,
        keys: &HashMap<String, Uuid>,
        all: &BTreeMap<ExecutionId, Snapshot>,
    ) {
        let starts = case.load.starts();
        for (key, workflow) in &starts {
            let id = keys.get(key).map(|id| ExecutionId::from_uuid(*id));
            let found = id.and_then(|id| all.get(&id)).map(|found| found.record.workflow.to_string());
            if found.as_ref() != Some(workflow) {
                self.problems.push(format!("start `{key}` of `{workflow}` became {found:?}"));
            }
        }
        let own = all.values().filter(|one| caller(one).is_none()).count();
        if own != starts.len() {
            self.problems.push(format!("{own} executions of {} starts", starts.len()));
        }
    }

    fn jobs(
        &mut self,
        case: &Case<'_>,
        keys: &HashMap<String, Uuid>,
        attempts: &BTreeMap<(Uuid, &str, &str), HashSet<u32>>,
    ) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for (key, job) in case.load.jobs() {
            let Some(id) = keys.get(&key) else {
                self.problems.push(format!("job `{key}` was never put in"));
                continue;
            };
            ids.push(*id);
            let made = attempts.get(&(*id, "job", "work")).cloned().unwrap_or_default();
            if made != (1..=job.made()).collect() {
                self.problems.push(format!("job `{key}` {id}: attempts {made:?}, not 1 to {}", job.made()));
            }
        }
        ids
    }

    /// No effect comes after its result, and none comes twice while whoever had it lives.
    async fn order(&mut self, case: &Case<'_>, effects: &[Effect], all: &BTreeMap<ExecutionId, Snapshot>) {
        let sessions: HashMap<Uuid, Option<i64>> = case.audit.sessions().await.into_iter().collect();
        let over = |session: Option<Uuid>, at: i64| {
            session
                .is_none_or(|session| sessions.get(&session).copied().flatten().is_some_and(|end| end <= at))
        };
        let crashed = |at: i64| case.crashes.iter().any(|crash| (*crash..crash + FORGIVEN).contains(&at));
        let cancelled = |effect: &Effect| {
            let found = all.get(&ExecutionId::from_uuid(effect.execution));
            found.is_some_and(|found| found.record.status == ExecutionStatus::Cancelled)
        };
        let commits = case.audit.commits().await;
        let attempt = |effect: &Effect| if effect.path == "job" { effect.attempt } else { 0 };
        let mut committed: HashMap<(Uuid, String, String, u32), i64> = HashMap::new();
        for commit in commits {
            committed.insert((commit.execution, commit.path, commit.what, commit.attempt), commit.at);
        }
        let mut last: HashMap<(Uuid, &str, &str), &Effect> = HashMap::new();
        for effect in effects {
            let late = over(effect.session, effect.at);
            self.late += usize::from(late);
            let excused = late || crashed(effect.at);
            let key = (effect.execution, effect.path.clone(), effect.what.clone(), attempt(effect));
            let after = committed.get(&key).is_some_and(|at| effect.at > *at);
            if after && !excused && !cancelled(effect) {
                self.problems.push(format!("after its result: {effect:?}"));
            }
            let key = (effect.execution, effect.path.as_str(), effect.what.as_str());
            let Some(earlier) = last.get(&key).copied() else {
                last.insert(key, effect);
                continue;
            };
            self.repeated += usize::from(earlier.attempt == effect.attempt);
            let again = earlier.attempt >= effect.attempt && !over(earlier.session, effect.at);
            if (again || earlier.attempt > effect.attempt) && !excused {
                self.problems.push(format!("twice: {earlier:?} and {effect:?}"));
            }
            if !late {
                last.insert(key, effect);
            }
        }
    }
}

/// Whether nobody cancelled it, nor whoever called it.
fn is_wanted(snapshot: &Snapshot, all: &BTreeMap<ExecutionId, Snapshot>, cancelled: &HashSet<Uuid>) -> bool {
    let called_off = caller(snapshot).and_then(|caller| all.get(&caller));
    let called_off = called_off.is_some_and(|caller| caller.record.status == ExecutionStatus::Cancelled);
    !called_off && !cancelled.contains(&snapshot.record.id.uuid())
}

fn caller(snapshot: &Snapshot) -> Option<ExecutionId> {
    snapshot.facts.iter().find_map(|(_, fact)| match fact {
        Fact::CalledBy(caller) => Some(caller.execution),
        _ => None,
    })
}

/// How steps ended, or how their undoing did.
fn settled(snapshot: &Snapshot, undone: bool) -> BTreeMap<String, StepStatus> {
    let facts = snapshot.facts.iter().filter_map(|(_, fact)| match fact {
        Fact::Settled(settled) if !undone => Some(settled),
        Fact::Compensated(settled) if undone => Some(settled),
        _ => None,
    });
    facts.map(|settled| (settled.path.to_string(), settled.status)).collect()
}

fn undoes(program: &Program, path: &str) -> bool {
    let workflow = program.workflow();
    workflow.steps.iter().any(|step| step.name.as_str() == path && step.compensate.is_some())
}

async fn read_all(engine: &Engine) -> BTreeMap<ExecutionId, Snapshot> {
    let mut all = BTreeMap::new();
    let mut filter = ExecutionFilter::default();
    loop {
        let page = engine.list(filter.clone(), 500).await.expect("executions can be listed");
        let Some(last) = page.last() else { return all };
        filter.before = Some(last.id);
        for record in page {
            let snapshot = engine.get(record.id, None).await.expect("an execution can be read");
            all.insert(record.id, snapshot);
        }
    }
}
