//! What is going on, on standard error: a line for each step that ends and, on a terminal, one that moves.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::Duration;

use codeflow::core::execution::StepPath;
use codeflow::{Phase, View};
use indicatif::{ProgressBar, ProgressStyle};

use crate::show;

/// Tells what is going on.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    told: HashSet<StepPath>,
}

impl Progress {
    /// With a moving line if there is a terminal and `lively` allows it.
    pub(crate) fn new(lively: bool) -> Self {
        let bar = (lively && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("  {spinner:.cyan} {msg} {elapsed:.dim}");
            let bar = ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, told: HashSet::new() }
    }

    /// Tells what is new.
    pub(crate) fn update(&mut self, view: &View) {
        let width = view.workflow.steps.iter().map(|step| step.name.as_str().len()).max().unwrap_or_default();
        let mut busy = Vec::new();
        for step in view.steps() {
            match step.phase {
                Phase::Settled(settled) if self.told.insert(settled.path.clone()) => {
                    self.line(&format!("  {}", show::execution::step_line(&step, width)));
                }
                Phase::Settled(_) | Phase::Pending => {}
                Phase::Running { attempt } => busy.push(running(&step, attempt)),
                Phase::Retrying { attempt } => {
                    busy.push(format!("{} (attempt {attempt} soon)", step.step.name))
                }
                Phase::Waiting { .. } => busy.push(format!("{} (waiting)", step.step.name)),
                Phase::Quarantined => busy.push(format!("{} (quarantined)", step.step.name)),
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_message(busy.join(", "));
        }
    }

    /// Writes a line without disturbing the one that moves.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::eprintln!("{text}")),
            None => anstream::eprintln!("{text}"),
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

fn running(step: &codeflow::StepView<'_>, attempt: u32) -> String {
    let name = &step.step.name;
    let items = step.iterations.map(|(done, all)| format!(" {done}/{all}")).unwrap_or_default();
    if attempt > 1 { format!("{name}{items} (attempt {attempt})") } else { format!("{name}{items}") }
}
