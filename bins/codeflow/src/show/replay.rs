//! A journal and its replay side by side, for people and as JSON.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use codeflow::ReplayCost;
use codeflow::core::execution::StepStatus;
use codeflow::engine::{Answered, Change, Outcome, Replay, ReplayedStep};
use serde_json::{Value, json};

use crate::show::{brief, clean, status_style, step_mark};

/// How many changes of a step people get to see.
const MAX_CHANGES: usize = 8;

/// The page for people.
pub(crate) fn page(replay: &Replay) -> String {
    let bold = Style::new().bold();
    let (one, other) = (status_style(replay.recorded.status), status_style(replay.replayed.status));
    let mut out = format!(
        "{bold}{}{bold:#}  recorded {one}{}{one:#}, replayed {other}{}{other:#}\n\n{bold}steps{bold:#}\n",
        replay.id, replay.recorded.status, replay.replayed.status
    );
    let width = replay.steps.iter().map(|step| step.name.as_str().len()).max().unwrap_or_default();
    for step in &replay.steps {
        let _ = writeln!(out, "  {}", line(step, width));
        tell(&mut out, "      ", &step.changes);
    }
    if !replay.changes.is_empty() {
        let _ = writeln!(out, "\n{bold}execution{bold:#}");
        tell(&mut out, "  ", &replay.changes);
    }
    for (generation, changes) in &replay.earlier {
        let _ = writeln!(out, "\n{bold}before it was taken up again, generation {generation}{bold:#}");
        tell(&mut out, "  ", changes);
    }
    out.push_str(&cost(ReplayCost::of(replay)));
    let verdict = match replay.is_equal() {
        true => "equal: the journal leads to the same end",
        false => "different",
    };
    let _ = writeln!(out, "\n{verdict}");
    out
}

fn line(step: &ReplayedStep, width: usize) -> String {
    let dim = Style::new().dimmed();
    let (mark, style) = step_mark(step.replayed.unwrap_or(StepStatus::Pending));
    let word = |status: Option<StepStatus>| status.map_or("open", StepStatus::as_str);
    let how = match step.recorded == step.replayed {
        true => word(step.replayed).to_owned(),
        false => format!("{} → {}", word(step.recorded), word(step.replayed)),
    };
    let from: Vec<_> = step.answered.iter().map(|answered| source(*answered)).collect();
    let from = if from.is_empty() { "decided".to_owned() } else { from.join(", ") };
    format!("{style}{mark}{style:#} {:width$}  {how}  {dim}{from}{dim:#}", step.name.as_str())
}

fn source(answered: Answered) -> &'static str {
    match answered {
        Answered::Journal => "from the journal",
        Answered::OtherInputs => "from the journal, for other inputs",
        Answered::Anew => "asked for anew",
        Answered::Missing => "not in the journal",
    }
}

fn tell(out: &mut String, indent: &str, changes: &[Change]) {
    for change in changes.iter().take(MAX_CHANGES) {
        let (sign, style) = match (&change.recorded, &change.replayed) {
            (None, _) => ("+", AnsiColor::Green.on_default()),
            (_, None) => ("-", AnsiColor::Red.on_default()),
            (Some(_), Some(_)) => ("~", AnsiColor::Yellow.on_default()),
        };
        let values: Vec<_> = [&change.recorded, &change.replayed].into_iter().flatten().map(brief).collect();
        let _ =
            writeln!(out, "{indent}{style}{sign} {}{style:#}: {}", clean(&change.path), values.join(" → "));
    }
    if let Some(more) = changes.len().checked_sub(MAX_CHANGES).filter(|more| *more > 0) {
        let _ = writeln!(out, "{indent}… and {more} more; `--json` shows them");
    }
}

/// What models cost, where any were asked.
fn cost(cost: ReplayCost) -> String {
    let word = |cost: Option<codeflow::core::Usd>| cost.map_or("unknown".to_owned(), |usd| format!("${usd}"));
    match (cost.recorded, cost.replayed) {
        (one, other) if one == other => String::new(),
        (one, other) => format!("\nmodels cost {} → {}\n", word(one), word(other)),
    }
}

/// Everything, for programs.
pub(crate) fn document(replay: &Replay) -> Value {
    let cost = ReplayCost::of(replay);
    let step = |step: &ReplayedStep| {
        json!({
            "name": step.name,
            "recorded": step.recorded,
            "replayed": step.replayed,
            "answered": step.answered.iter().map(|answered| answered.as_str()).collect::<Vec<_>>(),
            "changes": changes(&step.changes),
        })
    };
    let earlier = |(generation, found): &(u32, Vec<Change>)| json!({ "generation": generation, "changes": changes(found) });
    json!({
        "id": replay.id,
        "equal": replay.is_equal(),
        "recorded": outcome(&replay.recorded),
        "replayed": outcome(&replay.replayed),
        "changes": changes(&replay.changes),
        "steps": replay.steps.iter().map(step).collect::<Vec<_>>(),
        "earlier": replay.earlier.iter().map(earlier).collect::<Vec<_>>(),
        "missing": replay.missing().collect::<Vec<_>>(),
        "cost": { "recorded": cost.recorded, "replayed": cost.replayed },
    })
}

fn outcome(outcome: &Outcome) -> Value {
    json!({ "status": outcome.status, "outputs": outcome.outputs, "error": outcome.error })
}

fn changes(changes: &[Change]) -> Value {
    let change = |change: &Change| {
        let mut document = json!({ "path": change.path });
        if let Some(recorded) = &change.recorded {
            document["recorded"] = recorded.clone();
        }
        if let Some(replayed) = &change.replayed {
            document["replayed"] = replayed.clone();
        }
        document
    };
    changes.iter().map(change).collect()
}
