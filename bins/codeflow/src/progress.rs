//! What is going on, on standard error: a line for each step that ends and, on a terminal, one that moves.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::Duration;

use codeflow::core::Timestamp;
use codeflow::core::execution::StepPath;
use codeflow::{Phase, View};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{show, terminal};

/// How much of what is busy is named in the line that moves.
const MOVING_CHARS: usize = 60;

/// Tells what is going on.
pub(crate) struct Progress {
    lively: bool,
    bar: Option<ProgressBar>,
    told: HashSet<StepPath>,
    carries_on: bool,
    /// When the last step had ended before anything began here.
    before: Option<Timestamp>,
}

impl Progress {
    /// With a moving line if there is a terminal and `lively` allows it.
    pub(crate) fn new(lively: bool) -> Self {
        let lively = lively && std::io::stderr().is_terminal();
        Self { lively, bar: None, told: HashSet::new(), carries_on: false, before: None }
    }

    /// Says of the steps that are done already only how many there are.
    pub(crate) fn carry_on(&mut self) {
        self.carries_on = true;
    }

    /// Remembers what was done before anything begins here: what ends from now on has a line of its own.
    pub(crate) fn begin(&mut self, view: &View) {
        self.before = view.steps().filter_map(|step| ended(&step)).max();
    }

    /// Tells what is new.
    pub(crate) fn update(&mut self, view: &View) {
        let width = view.workflow.steps.iter().map(|step| step.name.as_str().len()).max().unwrap_or_default();
        if std::mem::take(&mut self.carries_on) {
            self.skip_told(view);
        }
        let mut busy = Vec::new();
        for step in view.steps() {
            match step.phase {
                // What a failed step keeps from running is not worth a line each.
                Phase::Settled(settled)
                    if settled.error.as_ref().is_some_and(|error| error.blocked_by.is_some()) => {}
                Phase::Settled(settled) if self.told.insert(settled.path.clone()) => {
                    self.line(&format!("  {}", show::execution::step_line(&step, width)));
                }
                Phase::Settled(_) | Phase::Pending => {}
                Phase::Running { attempt } => busy.push(running(&step, attempt)),
                Phase::Retrying { attempt } => {
                    busy.push(format!("{} (attempt {attempt} soon)", step.step.name))
                }
                Phase::Waiting { .. } => busy.push(format!("{} (waiting)", step.step.name)),
                Phase::Calling => busy.push(format!("{} (calling)", step.step.name)),
                Phase::Quarantined => busy.push(format!("{} (quarantined)", step.step.name)),
            }
        }
        if self.lively && !busy.is_empty() {
            self.bar.get_or_insert_with(spinner).set_message(cut(&busy.join(", ")));
        }
    }

    fn skip_told(&mut self, view: &View) {
        let settled = view.steps().filter_map(|step| match step.phase {
            Phase::Settled(settled) if self.before.is_none_or(|before| settled.ended <= before) => {
                Some(settled.path.clone())
            }
            Phase::Settled(_)
            | Phase::Pending
            | Phase::Running { .. }
            | Phase::Retrying { .. }
            | Phase::Waiting { .. }
            | Phase::Calling
            | Phase::Quarantined => None,
        });
        self.told.extend(settled);
        if !self.told.is_empty() {
            self.line(&format!("  {} of {} steps are done", self.told.len(), view.workflow.steps.len()));
        }
    }

    /// Writes a line without disturbing the one that moves.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::tell(text)),
            None => terminal::tell(text),
        }
    }

    /// Takes the moving line away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn ended(step: &codeflow::StepView<'_>) -> Option<Timestamp> {
    match step.phase {
        Phase::Settled(settled) => Some(settled.ended),
        Phase::Pending
        | Phase::Running { .. }
        | Phase::Retrying { .. }
        | Phase::Waiting { .. }
        | Phase::Calling
        | Phase::Quarantined => None,
    }
}

fn running(step: &codeflow::StepView<'_>, attempt: u32) -> String {
    let name = &step.step.name;
    let items = step.iterations.map(|(done, all)| format!(" {done}/{all}")).unwrap_or_default();
    if attempt > 1 { format!("{name}{items} (attempt {attempt})") } else { format!("{name}{items}") }
}

/// What has room in a narrow terminal, with the `^C` that it may echo: what wraps cannot be taken away again.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MOVING_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner:.cyan} {msg} {elapsed:.dim}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
