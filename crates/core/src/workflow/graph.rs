//! The order of steps: which come before which, and steps that can never run.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use super::StepName;
use super::problem::{ProblemCode, Report};
use super::step::Draft;

/// The order in which steps can run.
pub(super) struct Order {
    /// The steps, each after all of its needs, otherwise as the document has them. Steps in a circle, and those
    /// behind one, are left out.
    pub(super) sorted: Vec<usize>,
    /// For each step in `sorted`, all the steps before it.
    pub(super) ancestors: HashMap<usize, BTreeSet<usize>>,
}

/// Resolves `needs` and sorts.
pub(super) fn order(drafts: &[Draft<'_>], report: &mut Report) -> Order {
    let needs = resolve(drafts, report);
    let sorted = sort(&needs);
    let done: HashSet<usize> = sorted.iter().copied().collect();
    report_circles(drafts, &needs, &done, report);
    report_never(drafts, report);
    let mut ancestors: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    for step in &sorted {
        let mut before: BTreeSet<usize> = needs[*step].iter().copied().collect();
        before.extend(needs[*step].iter().flat_map(|need| &ancestors[need]));
        ancestors.insert(*step, before);
    }
    Order { sorted, ancestors }
}

fn resolve(drafts: &[Draft<'_>], report: &mut Report) -> Vec<BTreeSet<usize>> {
    let by_name: HashMap<&StepName, usize> =
        drafts.iter().enumerate().map(|(i, draft)| (&draft.name, i)).collect();
    let resolve_one = |draft: &Draft<'_>| {
        let mut found = BTreeSet::new();
        for (name, at) in &draft.needs {
            if let Some(index) = by_name.get(name) {
                found.insert(*index);
                continue;
            }
            let names = drafts.iter().map(|other| other.name.as_str());
            let hint =
                report.did_you_mean(name.as_str(), names, || "name a step of this workflow".to_owned());
            report.add(ProblemCode::UnknownStep, *at, format!("there is no step `{name}`"), hint);
        }
        found
    };
    drafts.iter().map(resolve_one).collect()
}

/// Takes, again and again, the first step of the document whose needs have all been taken.
fn sort(needs: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut dependents = vec![Vec::new(); needs.len()];
    let mut open: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    for (step, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|need| dependents[*need].push(step));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..needs.len()).filter(|s| open[*s] == 0).map(Reverse).collect();
    let mut sorted = Vec::with_capacity(needs.len());
    while let Some(Reverse(step)) = ready.pop() {
        sorted.push(step);
        for dependent in &dependents[step] {
            open[*dependent] -= 1;
            if open[*dependent] == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    sorted
}

/// Every step that is left has a need that is left, so walking from one to the next ends in a circle.
fn report_circles(
    drafts: &[Draft<'_>],
    needs: &[BTreeSet<usize>],
    done: &HashSet<usize>,
    report: &mut Report,
) {
    let next = |step: usize| needs[step].iter().copied().find(|need| !done.contains(need));
    let mut in_circle = HashSet::new();
    let mut visited = HashSet::new();
    for first in (0..drafts.len()).filter(|step| !done.contains(step)) {
        let mut path = vec![first];
        while let Some(step) = path.last().copied().filter(|step| visited.insert(*step)).and_then(next) {
            path.push(step);
        }
        let last = path.pop();
        if let Some(start) = path.iter().position(|step| Some(*step) == last) {
            report_circle(drafts, &path[start..], report);
            in_circle.extend(path.drain(start..));
        }
    }
    for step in (0..drafts.len()).filter(|step| !done.contains(step) && !in_circle.contains(step)) {
        let message =
            format!("step `{}` can never run: it waits for steps that need each other", drafts[step].name);
        report.add(ProblemCode::Unreachable, drafts[step].at, message, "break the circle");
    }
}

fn report_circle(drafts: &[Draft<'_>], circle: &[usize], report: &mut Report) {
    let Some(lowest) = (0..circle.len()).min_by_key(|position| circle[*position]) else { return };
    let from_lowest = circle[lowest..].iter().chain(&circle[..=lowest]);
    let names: Vec<&str> = from_lowest.map(|step| drafts[*step].name.as_str()).collect();
    let draft = &drafts[circle[lowest]];
    let to = names.get(1).copied().unwrap_or_default();
    let at = draft.needs.iter().find(|(name, _)| name.as_str() == to).map_or(draft.at, |(_, at)| *at);
    let message = format!("steps need each other: {}", names.join(" → "));
    report.add(ProblemCode::Cycle, at, message, "remove one of these needs");
}

fn report_never(drafts: &[Draft<'_>], report: &mut Report) {
    for draft in drafts {
        if draft.condition.as_ref().is_some_and(|condition| condition.source().trim() == "false") {
            let message = format!("step `{}` can never run: its condition is always false", draft.name);
            report.add(ProblemCode::Unreachable, draft.condition_at, message, "remove the step, or its `if`");
        }
    }
}
