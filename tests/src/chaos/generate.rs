//! Random workflows, and what becomes of each: a slow and simple model of the engine, step by step in their order.

use std::fmt::Write as _;

use codeflow_core::execution::StepStatus;
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::program::{Expected, Outcome, Program};

/// The workflow that succeeds when it is called.
const GOOD: &str = "child-good";
/// The workflow that fails when it is called, and undoes what it did.
const BAD: &str = "child-bad";

/// What the child adds to what it is given.
const GOOD_ADDS: i64 = 11;

/// The workflows that others call.
pub fn children() -> Vec<Program> {
    let mut good = Builder::new(GOOD, "inputs: { first: { type: integer, default: 0 } }\n");
    good.line("a", "uses: test/work, with: { left: '${{ inputs.first }}', right: 10 }");
    good.line("nap", "needs: [a], sleep: 20ms");
    good.line(
        "b",
        "needs: [nap, a], uses: test/work, with: { left: '${{ steps.a.outputs.sum }}', right: 1 }",
    );
    good.expect(&["a", "nap", "b"], &[("a", 1), ("b", 1)]);
    let mut bad = Builder::new(BAD, "inputs: { first: { type: integer, default: 0 } }\n");
    bad.line("a", "uses: test/work, with: { left: 1, right: 1 }, compensate: { uses: test/undo }");
    bad.line("b", "needs: [a], uses: test/work, with: { fails: 99 }");
    bad.expect(&["a"], &[("a", 1), ("b", 1)]);
    bad.settle("b", StepStatus::Failed);
    bad.expected.undone.insert("a".to_owned());
    bad.expected.outcome = Outcome::Fails;
    let mut good = good.build(&[]);
    good.document.push_str("outputs: { sum: '${{ steps.b.outputs.sum }}' }\n");
    vec![good, bad.build(&[])]
}

/// A workflow with every kind of move, that needs nobody to end.
pub fn everything() -> Program {
    let mut all = Builder::new("everything", "");
    let undo = "compensate: { uses: test/undo }";
    all.line("root", &format!("uses: test/work, with: {{ left: 1, right: 1 }}, {undo}"));
    all.line(
        "left",
        "needs: [root], uses: test/work, with: { left: '${{ steps.root.outputs.sum }}', right: 10 }",
    );
    all.line("right", &format!("needs: [root], uses: test/work, with: {{ left: 5, right: 5 }}, {undo}"));
    all.line("flaky", &format!("needs: [root], uses: test/work, with: {{ fails: 1 }}, {RETRY}"));
    all.line("nap", "needs: [root], sleep: 30ms");
    all.line("each", "needs: [root], for_each: { items: [1, 2, 3], parallel: 2 }, uses: test/work, with: { left: '${{ item }}', right: 0 }");
    all.line("call", "needs: [root], uses: workflow/child-good, with: { first: 1 }");
    all.line("bad-call", "needs: [root], uses: workflow/child-bad, on_error: continue");
    all.line("join", "needs: [left, right, flaky, nap, each, call, bad-call], uses: test/work, with: { left: '${{ steps.call.outputs.sum }}', right: 1 }");
    all.line("doomed", "needs: [join], uses: test/work, with: { fails: 99 }");
    all.line("never", "needs: [doomed], uses: test/work");
    let good =
        ["root", "left", "right", "flaky", "nap", "each", "each[0]", "each[1]", "each[2]", "call", "join"];
    let attempts = [
        ("root", 1),
        ("left", 1),
        ("right", 1),
        ("flaky", 2),
        ("each[0]", 1),
        ("each[1]", 1),
        ("each[2]", 1),
        ("join", 1),
        ("doomed", 1),
    ];
    all.expect(&good, &attempts);
    all.settle("bad-call", StepStatus::Failed);
    all.settle("doomed", StepStatus::Failed);
    all.settle("never", StepStatus::Skipped);
    all.expected.undone.extend(["root".to_owned(), "right".to_owned()]);
    all.expected.outcome = Outcome::Fails;
    all.expected.calls.extend([(GOOD.to_owned(), 1), (BAD.to_owned(), 1)]);
    all.build(&[])
}

/// Three quick attempts.
const RETRY: &str = "retry: { attempts: 3, backoff: constant, initial: 20ms, cap: 20ms, on: [unavailable] }";

/// A random workflow.
pub fn program(dice: &mut Dice, number: usize) -> Program {
    let mut builder = Builder::new(&format!("program-{number}"), "");
    let steps = dice.between(3, 10);
    for index in 0..steps {
        let name = format!("s{index}");
        let drawn = Drawn::throw(dice, &builder, name);
        builder.add(dice, drawn);
    }
    let sums: Vec<(String, i64)> =
        builder.done.iter().filter_map(|step| Some((step.name.clone(), step.sum?))).collect();
    builder.build(&sums)
}

/// What is known of a step that was added.
struct Done {
    name: String,
    sum: Option<i64>,
    /// It keeps from running what needs it.
    blocks: bool,
    undoable: bool,
}

/// A step's place among the others.
struct Drawn {
    name: String,
    needs: Vec<usize>,
    /// What it is given to add to, as text and as a number.
    left: (String, i64),
    blocked: bool,
}

impl Drawn {
    fn throw(dice: &mut Dice, builder: &Builder, name: String) -> Self {
        let mut needs: Vec<usize> = Vec::new();
        for _ in 0..dice.below(4).min(builder.done.len()) {
            needs.push(dice.below(builder.done.len()));
        }
        needs.sort_unstable();
        needs.dedup();
        let sums =
            needs.iter().filter_map(|need| Some((&builder.done[*need].name, builder.done[*need].sum?)));
        let sums: Vec<(&String, i64)> = sums.collect();
        let left = match sums.is_empty() {
            true => {
                let number = dice.between(0, 99);
                (number.to_string(), number)
            }
            false => {
                let (from, sum) = *dice.one_of(&sums);
                (format!("'${{{{ steps.{from}.outputs.sum }}}}'"), sum)
            }
        };
        let blocked = needs.iter().any(|need| builder.done[*need].blocks);
        Self { name, needs, left, blocked }
    }
}

struct Builder {
    name: String,
    text: String,
    done: Vec<Done>,
    expected: Expected,
    signals: Vec<String>,
    approvals: Vec<String>,
}

impl Builder {
    fn new(name: &str, head: &str) -> Self {
        let text = format!("version: 1\nname: {name}\n{head}steps:\n");
        let (done, signals, approvals) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.to_owned(), text, done, expected: Expected::default(), signals, approvals }
    }

    fn line(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.text, "  {name}: {{ {text} }}");
    }

    fn settle(&mut self, path: &str, status: StepStatus) {
        self.expected.settled.insert(path.to_owned(), status);
    }

    fn expect(&mut self, succeeded: &[&str], attempts: &[(&str, u32)]) {
        succeeded.iter().for_each(|path| self.settle(path, StepStatus::Succeeded));
        self.expected.attempts.extend(attempts.iter().map(|(path, count)| ((*path).to_owned(), *count)));
    }

    /// Adds a step of a random kind.
    fn add(&mut self, dice: &mut Dice, drawn: Drawn) {
        let kind = dice.below(100);
        let before = self.text.len();
        let done = match kind {
            0..40 => self.work(dice, &drawn, 0),
            40..52 => {
                let fails = u32::try_from(dice.between(1, 2)).unwrap_or(1);
                self.work(dice, &drawn, fails)
            }
            52..60 => self.each(dice, &drawn),
            60..66 => self.idle(&drawn, &format!("sleep: {}ms", dice.between(1, 400))),
            66..72 => {
                self.signals.push(format!("go-{}", drawn.name));
                self.idle(&drawn, &format!("wait: {{ event: go-{}, timeout: 1h }}", drawn.name))
            }
            72..76 => {
                self.approvals.push(drawn.name.clone());
                self.idle(&drawn, "approval: { expires: 1h }")
            }
            76..86 => self.call(&drawn),
            86..90 => self.bad_call(&drawn),
            90..93 => self.never(&drawn),
            93..97 => self.doomed(&drawn, true),
            _ => self.doomed(&drawn, false),
        };
        if drawn.blocked {
            // It stays in the document as it is, and nothing of it happens.
            self.settle(&drawn.name, StepStatus::Skipped);
            self.done.push(Done { name: drawn.name, sum: None, blocks: true, undoable: false });
            debug_assert!(self.text.len() > before, "every kind writes its line");
            return;
        }
        for (path, status) in done.settled {
            self.settle(&path, status);
        }
        self.expected.attempts.extend(done.attempts);
        if let Some(called) = done.calls {
            *self.expected.calls.entry(called.to_owned()).or_default() += 1;
        }
        if done.fatal {
            self.expected.outcome = Outcome::Fails;
        }
        self.done.push(Done { name: drawn.name, sum: done.sum, blocks: done.fatal, undoable: done.undoable });
    }

    fn put(&mut self, drawn: &Drawn, text: &str) {
        let needs: Vec<&str> = drawn.needs.iter().map(|need| self.done[*need].name.as_str()).collect();
        let needs = if needs.is_empty() { String::new() } else { format!("needs: [{}], ", needs.join(", ")) };
        self.line(&drawn.name, &format!("{needs}{text}"));
    }

    fn work(&mut self, dice: &mut Dice, drawn: &Drawn, fails: u32) -> Step {
        let (right, ms) = (dice.between(0, 9), if dice.percent(30) { dice.between(1, 250) } else { 0 });
        let undoable = dice.percent(40);
        let undo = if undoable { ", compensate: { uses: test/undo }" } else { "" };
        let retry = if fails > 0 { format!(", {RETRY}") } else { String::new() };
        let left = &drawn.left.0;
        let with = format!("with: {{ left: {left}, right: {right}, fails: {fails}, ms: {ms} }}");
        self.put(drawn, &format!("uses: test/work, {with}{retry}{undo}"));
        let mut step = Step::settled(&drawn.name, StepStatus::Succeeded);
        step.attempts.push((drawn.name.clone(), fails + 1));
        Step { sum: Some(drawn.left.1 + right), undoable, ..step }
    }

    fn each(&mut self, dice: &mut Dice, drawn: &Drawn) -> Step {
        let (count, parallel) = (dice.between(1, 5), dice.between(1, 3));
        let items: Vec<String> = (0..count).map(|item| item.to_string()).collect();
        let items = items.join(", ");
        let with = "with: { left: '${{ item }}', right: '${{ index }}' }";
        let text = format!("for_each: {{ items: [{items}], parallel: {parallel} }}, uses: test/work, {with}");
        self.put(drawn, &text);
        let mut step = Step::settled(&drawn.name, StepStatus::Succeeded);
        for index in 0..count {
            let path = format!("{}[{index}]", drawn.name);
            step.settled.push((path.clone(), StepStatus::Succeeded));
            step.attempts.push((path, 1));
        }
        step
    }

    fn idle(&mut self, drawn: &Drawn, text: &str) -> Step {
        self.put(drawn, text);
        Step::settled(&drawn.name, StepStatus::Succeeded)
    }

    fn call(&mut self, drawn: &Drawn) -> Step {
        let (text, given) = &drawn.left;
        self.put(drawn, &format!("uses: workflow/{GOOD}, with: {{ first: {text} }}"));
        let step = Step::settled(&drawn.name, StepStatus::Succeeded);
        Step { sum: Some(given + GOOD_ADDS), calls: Some(GOOD), ..step }
    }

    fn bad_call(&mut self, drawn: &Drawn) -> Step {
        self.put(drawn, &format!("uses: workflow/{BAD}, on_error: continue"));
        Step { calls: Some(BAD), ..Step::settled(&drawn.name, StepStatus::Failed) }
    }

    fn never(&mut self, drawn: &Drawn) -> Step {
        self.put(drawn, "if: '1 > 2', uses: test/work");
        Step::settled(&drawn.name, StepStatus::Skipped)
    }

    fn doomed(&mut self, drawn: &Drawn, passed_over: bool) -> Step {
        let passed = if passed_over { ", on_error: continue" } else { "" };
        self.put(drawn, &format!("uses: test/work, with: {{ fails: 99 }}{passed}"));
        let mut step = Step::settled(&drawn.name, StepStatus::Failed);
        step.attempts.push((drawn.name.clone(), 1));
        Step { fatal: !passed_over, ..step }
    }

    fn build(mut self, sums: &[(String, i64)]) -> Program {
        if self.expected.outcome == Outcome::Fails {
            let undoable = self.done.iter().filter(|step| step.undoable);
            self.expected.undone.extend(undoable.map(|step| step.name.clone()));
        }
        if !sums.is_empty() {
            self.text.push_str("outputs:\n");
        }
        let mut outputs = Map::new();
        for (name, sum) in sums {
            let _ = writeln!(self.text, "  {name}: '${{{{ steps.{name}.outputs.sum }}}}'");
            outputs.insert(name.clone(), json!(sum));
        }
        self.expected.outputs = Value::Object(outputs);
        let name = |text: &String| text.parse().expect("the names of steps are well formed");
        Program {
            name: self.name,
            document: self.text,
            signals: self.signals,
            approvals: self.approvals.iter().map(name).collect(),
            expected: self.expected,
        }
    }
}

/// What becomes of a step that is not kept from running.
#[derive(Default)]
struct Step {
    settled: Vec<(String, StepStatus)>,
    attempts: Vec<(String, u32)>,
    sum: Option<i64>,
    calls: Option<&'static str>,
    fatal: bool,
    undoable: bool,
}

impl Step {
    fn settled(name: &str, status: StepStatus) -> Self {
        Self { settled: vec![(name.to_owned(), status)], ..Self::default() }
    }
}
