//! Random small workflows, and how they end by the rules.

use std::fmt::Write as _;

use codeflow_core::execution::{ExecutionStatus, State};
use codeflow_core::workflow::StepName;
use codeflow_engine::Snapshot;

use super::rng::Rng;

/// The workflow that others call.
pub(super) const CHILD: &str = "child";

/// The signal that steps wait for.
pub(super) const SIGNAL: &str = "go";

/// A workflow.
pub(super) struct Program {
    pub(super) name: String,
    steps: Vec<Step>,
}

struct Step {
    needs: u64,
    kind: Kind,
    goes_on: bool,
}

enum Kind {
    Act(Act),
    Each(Act),
    Sleep { ms: u64 },
    Wait,
    Call,
}

/// What an attempt does, and how many of them are made.
struct Act {
    ms: u64,
    fails: u64,
    attempts: u64,
    deaf: bool,
}

impl Act {
    fn draw(rng: &mut Rng) -> Self {
        let ms = if rng.chance(600) { rng.below(20) } else { rng.below(3_000) };
        let fails = if rng.chance(700) { 0 } else { rng.between(1, 3) };
        Self { ms, fails, attempts: rng.between(1, 4), deaf: rng.chance(100) }
    }

    fn text(&self) -> String {
        let Self { ms, fails, attempts, deaf } = self;
        let deaf = u8::from(*deaf);
        format!(
            "uses: sim/do, with: {{ ms: {ms}, fails: {fails}, deaf: {deaf} }}, \
             retry: {{ attempts: {attempts}, backoff: constant, initial: 300ms }}"
        )
    }

    fn is_done(&self) -> bool {
        self.fails < self.attempts
    }
}

impl Kind {
    fn draw(rng: &mut Rng, alone: bool) -> Self {
        match rng.below(10) {
            0 if !alone => Self::Call,
            1 if !alone => Self::Wait,
            2 => Self::Sleep { ms: rng.below(4_000) },
            3 => Self::Each(Act::draw(rng)),
            _ => Self::Act(Act::draw(rng)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Act(act) => act.text(),
            Self::Each(act) => format!("for_each: '${{{{ [1, 2] }}}}', {}", act.text()),
            Self::Sleep { ms } => format!("sleep: {}ms", ms + 1),
            Self::Wait => format!("wait: {{ event: {SIGNAL}, timeout: 6s }}"),
            Self::Call => format!("uses: workflow/{CHILD}"),
        }
    }
}

impl Program {
    /// A workflow; one that is `alone` neither waits nor calls.
    pub(super) fn draw(rng: &mut Rng, name: String, alone: bool) -> Self {
        let count = rng.between(1, 6);
        let step = |index: u64| Step {
            needs: rng.draw() & rng.draw() & ((1 << index) - 1),
            kind: Kind::draw(rng, alone),
            goes_on: rng.chance(300),
        };
        Self { name, steps: (0..count).map(step).collect() }
    }

    fn needs(&self, index: usize) -> Vec<usize> {
        let needs = self.steps.get(index).map_or(0, |step| step.needs);
        (0..index).filter(|need| needs & (1 << need) != 0).collect()
    }

    pub(super) fn document(&self) -> String {
        let mut text = format!("version: 1\nname: {}\nsteps:\n", self.name);
        for (index, step) in self.steps.iter().enumerate() {
            let needs: Vec<_> = self.needs(index).into_iter().map(|need| format!("s{need}")).collect();
            let on_error = if step.goes_on { ", on_error: continue" } else { "" };
            let (kind, needs) = (step.kind.text(), needs.join(", "));
            let _ = writeln!(text, "  s{index}: {{ {kind}, needs: [{needs}]{on_error} }}");
        }
        text
    }

    /// Whether it succeeds when nobody interferes; only for one that is alone.
    fn succeeds(&self) -> bool {
        self.ends(|_| "", false).iter().zip(&self.steps).all(|(end, step)| *end != "failed" || step.goes_on)
    }

    /// How each step ends. How a wait ended is only to be seen.
    fn ends(&self, seen: impl Fn(usize) -> &'static str, call: bool) -> Vec<&'static str> {
        let mut ends: Vec<(&'static str, bool)> = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let blocked = self.needs(index).into_iter().any(|need| ends.get(need).is_some_and(|end| end.1));
            let done = |done: bool| if done { "succeeded" } else { "failed" };
            let end = match &step.kind {
                _ if blocked => "skipped",
                Kind::Act(act) | Kind::Each(act) => done(act.is_done()),
                Kind::Sleep { .. } => "succeeded",
                Kind::Wait if seen(index) == "timed_out" => "timed_out",
                Kind::Wait => "succeeded",
                Kind::Call => done(call),
            };
            let bad = matches!(end, "failed" | "timed_out");
            ends.push((end, blocked || (bad && !step.goes_on)));
        }
        ends.into_iter().map(|(end, _)| end).collect()
    }

    /// What is wrong about how an execution ended.
    pub(super) fn judge(&self, snapshot: &Snapshot, child: &Self, may_be_cancelled: bool) -> Option<String> {
        let status = snapshot.record.status;
        if status == ExecutionStatus::Cancelled {
            return (!may_be_cancelled).then(|| "it is cancelled, and nobody wanted that".to_owned());
        }
        let state = State::replay(&snapshot.facts);
        let seen = |index: usize| {
            let name: Option<StepName> = format!("s{index}").parse().ok();
            let settled = name.as_ref().and_then(|name| state.settled(name));
            settled.map_or("open", |settled| settled.status.as_str())
        };
        let expected = self.ends(seen, child.succeeds());
        let seen: Vec<_> = (0..self.steps.len()).map(seen).collect();
        if seen != expected {
            return Some(format!("its steps are {seen:?}, not {expected:?}"));
        }
        let bad = |(end, step): (&&str, &Step)| matches!(*end, "failed" | "timed_out") && !step.goes_on;
        let fails = expected.iter().zip(&self.steps).any(bad);
        let wanted = if fails { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded };
        (status != wanted).then(|| format!("it is {status}, not {wanted}"))
    }
}
