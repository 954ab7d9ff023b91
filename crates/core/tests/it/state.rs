//! The state of an execution as the fold of its journal, and the facts it is folded from.

use std::sync::Arc;

use codeflow_core::execution::{
    Caller, Fact, FactKind, Progress, Reason, Settled, State, StepError, StepPath, StepStatus,
};
use codeflow_core::workflow::StepName;
use codeflow_core::{ActionError, ActionErrorKind, ExecutionId, MessageId, TaskId, Timestamp};
use proptest::prelude::{Strategy, any, prop};
use proptest::{prop_assert_eq, proptest};
use serde_json::{Value, json};
use uuid::Uuid;

fn name(text: &str) -> StepName {
    text.parse().expect("the test wrote a name")
}

fn settled(path: &str, status: StepStatus, outputs: Value) -> Fact {
    Fact::Settled(Settled {
        path: path.parse().expect("the test wrote a path"),
        status,
        outputs: Some(Arc::new(outputs)),
        error: None,
        attempt: 1,
        began: Some(Timestamp::EPOCH),
        ended: Timestamp::from_micros(7),
    })
}

fn message(number: u128) -> MessageId {
    MessageId::from_uuid(Uuid::from_u128(number))
}

fn signal(number: u128, event: &str, payload: Value) -> Fact {
    Fact::Signalled { message: message(number), event: event.to_owned(), payload: Arc::new(payload) }
}

fn decided(approved: bool, by: &str) -> Fact {
    let (step, by) = (name("ok"), by.to_owned());
    Fact::Decided { message: message(1), step, approved, by, comment: None }
}

/// One fact of every kind.
fn every_kind() -> Vec<Fact> {
    vec![
        settled("a", StepStatus::Succeeded, json!({ "n": 1 })),
        Fact::Expanded { step: name("a"), items: Arc::new(vec![json!(1), json!(null)]) },
        Fact::Waiting { step: name("a"), since: Timestamp::from_micros(5) },
        signal(2, "go", json!([1])),
        decided(true, "ann"),
        Fact::Cancelled { by: "ann".to_owned(), reason: None },
        Fact::DeadlinePassed,
        Fact::Restarted { steps: vec![name("a")] },
        paused(3),
        resumed(4),
        held(5, "a[1]", 2),
        called("a[1]", 6),
        Fact::CalledBy(Caller {
            execution: execution(7),
            generation: 2,
            path: "up[3]".parse().expect("the test wrote a path"),
            depth: 1,
        }),
        Fact::Compensating,
        compensated("a", StepStatus::Failed),
    ]
}

fn compensated(path: &str, status: StepStatus) -> Fact {
    match settled(path, status, json!({ "gone": true })) {
        Fact::Settled(settled) => Fact::Compensated(settled),
        other => other,
    }
}

fn execution(number: u128) -> ExecutionId {
    ExecutionId::from_uuid(Uuid::from_u128(number))
}

fn called(path: &str, child: u128) -> Fact {
    let path = path.parse().expect("the test wrote a path");
    Fact::Called { path, child: execution(child), since: Timestamp::from_micros(9) }
}

fn paused(number: u128) -> Fact {
    Fact::Paused { message: message(number), by: "ann".to_owned(), reason: Some("later".to_owned()) }
}

fn resumed(number: u128) -> Fact {
    Fact::Resumed { message: message(number), by: "ann".to_owned(), budget: None }
}

fn held(number: u128, path: &str, attempt: u32) -> Fact {
    let path = path.parse().expect("the test wrote a path");
    Fact::Held { task: TaskId::from_uuid(Uuid::from_u128(number)), path, attempt }
}

#[test]
fn an_empty_journal_says_that_nothing_has_happened() {
    let state = State::replay(&[]);

    assert_eq!((state.generation(), state.progress()), (0, Progress::Open));
    assert_eq!(state, State::default());
    assert!(state.step(&name("a")).is_none());
}

#[test]
fn the_first_result_of_a_step_and_of_an_iteration_stands() {
    let state = State::replay(&[
        (0, settled("a", StepStatus::Failed, json!(1))),
        (0, settled("a", StepStatus::Succeeded, json!(2))),
        (0, settled("b[3]", StepStatus::Succeeded, json!(3))),
        (0, settled("b[3]", StepStatus::Failed, json!(4))),
    ]);

    assert_eq!(state.step(&name("a")).unwrap().status(), Some(StepStatus::Failed));
    assert_eq!(state.settled(&name("a")).unwrap().outputs.as_deref(), Some(&json!(1)));
    let b = state.step(&name("b")).unwrap();
    assert_eq!((b.status(), b.iterations[&3].status), (None, StepStatus::Succeeded));
}

#[test]
fn the_first_list_wait_and_decision_stand_too() {
    let items = |value| Fact::Expanded { step: name("a"), items: Arc::new(vec![value]) };
    let waiting = |micros| Fact::Waiting { step: name("a"), since: Timestamp::from_micros(micros) };

    let state = State::replay(&[
        (0, items(json!(1))),
        (0, items(json!(2))),
        (0, waiting(1)),
        (0, waiting(2)),
        (0, decided(true, "ann")),
        (0, decided(false, "bob")),
    ]);

    let step = state.step(&name("a")).unwrap();
    assert_eq!(step.items.as_deref(), Some(&vec![json!(1)]));
    assert_eq!(step.waiting_since, Some(Timestamp::from_micros(1)));
    let answer = state.answer(&name("ok")).unwrap();
    assert_eq!((answer.approved, answer.by.as_str(), &answer.comment), (true, "ann", &None));
}

#[test]
fn the_first_signal_of_a_name_is_found_whatever_came_between() {
    let state = State::replay(&[
        (0, signal(1, "other", json!(0))),
        (0, signal(2, "go", json!(1))),
        (0, signal(3, "go", json!(2))),
    ]);

    assert_eq!(state.signal("go").map(AsRef::as_ref), Some(&json!(1)));
    assert_eq!(state.signal("never"), None);
}

#[test]
fn a_cancel_counts_more_than_a_deadline_and_a_restart_lifts_both() {
    let cancel = Fact::Cancelled { by: "ann".to_owned(), reason: None };

    let mut state = State::replay(&[(0, Fact::DeadlinePassed)]);
    assert_eq!(state.progress(), Progress::TimedOut);
    state.apply(0, &cancel);
    assert_eq!(state.progress(), Progress::Cancelled);
    state.apply(1, &Fact::Restarted { steps: vec![] });
    assert_eq!((state.progress(), state.generation()), (Progress::Open, 1));
}

#[test]
fn a_pause_keeps_what_fell_due_until_a_resume_a_cut_or_a_restart() {
    let ends = [
        resumed(9),
        Fact::Cancelled { by: "ann".to_owned(), reason: None },
        Fact::DeadlinePassed,
        Fact::Restarted { steps: vec![] },
    ];
    for end in ends {
        let mut state = State::replay(&[(0, paused(1)), (0, held(2, "a[1]", 3)), (0, held(4, "b", 1))]);
        assert!(state.is_paused());
        assert_eq!(state.held(), [("a[1]".parse().unwrap(), 3), ("b".parse().unwrap(), 1)]);

        state.apply(0, &end);

        assert!(!state.is_paused() && state.held().is_empty(), "{end:?}");
    }
}

#[test]
fn a_call_is_open_until_its_step_or_iteration_is_settled() {
    let mut state = State::replay(&[
        (0, called("a", 1)),
        (0, called("a", 2)),
        (0, called("b[0]", 3)),
        (0, called("b[1]", 4)),
        (0, settled("b[0]", StepStatus::Succeeded, json!(null))),
    ]);
    let open = |state: &State, step: &str| -> Vec<_> {
        let known = state.step(&name(step)).into_iter().flat_map(|step| step.open_calls());
        known.map(|(iteration, child)| (iteration, child.execution)).collect()
    };

    assert_eq!(open(&state, "a"), [(None, execution(1))]);
    assert_eq!(open(&state, "b"), [(Some(1), execution(4))]);
    assert_eq!(state.calls().count(), 3);
    state.apply(0, &settled("a", StepStatus::Failed, json!(null)));
    assert_eq!(open(&state, "a"), []);
    state.apply(1, &Fact::Restarted { steps: vec![name("a"), name("b")] });
    assert_eq!(state.calls().count(), 0);
}

#[test]
fn steps_are_in_the_order_in_which_they_were_settled_and_undone_at_most_once() {
    let mut state = State::replay(&[
        (0, settled("b", StepStatus::Succeeded, json!(1))),
        (0, settled("a", StepStatus::Succeeded, json!(1))),
        (0, settled("b", StepStatus::Failed, json!(2))),
        (0, Fact::Compensating),
        (0, compensated("a", StepStatus::Failed)),
        (0, compensated("a", StepStatus::Succeeded)),
    ]);
    let order = |state: &State, step: &str| state.step(&name(step)).unwrap().order;

    assert!(order(&state, "b") < order(&state, "a"));
    assert!(state.is_compensating());
    let undone = state.step(&name("a")).unwrap().compensated.as_ref();
    assert_eq!(undone.map(|settled| settled.status), Some(StepStatus::Failed));
    state.apply(1, &Fact::Restarted { steps: vec![name("b")] });
    state.apply(1, &settled("b", StepStatus::Succeeded, json!(1)));
    assert!(!state.is_compensating() && order(&state, "b") > order(&state, "a"));
}

#[test]
fn who_called_an_execution_is_known_for_ever() {
    let caller = |number| {
        let path = StepPath::step(name("up"));
        Caller { execution: execution(number), generation: 0, path, depth: 1 }
    };
    let mut state = State::replay(&[(0, Fact::CalledBy(caller(1))), (0, Fact::CalledBy(caller(2)))]);

    state.apply(1, &Fact::Restarted { steps: vec![] });

    assert_eq!(state.caller(), Some(&caller(1)));
    assert_eq!(State::default().caller(), None);
}

#[test]
fn an_execution_may_be_paused_more_than_once() {
    let facts = [paused(1), resumed(2), paused(3), held(4, "a", 1)];
    let state = State::replay(&facts.map(|fact| (0, fact)));

    assert!(state.is_paused());
    assert_eq!(state.held().len(), 1);
    assert_ne!(paused(1).path(), paused(3).path());
    assert_ne!(held(4, "a", 1).path(), held(5, "a", 1).path());
}

#[test]
fn a_restart_forgets_the_named_steps_and_their_decisions_and_nothing_else() {
    let state = State::replay(&[
        (0, settled("a", StepStatus::Succeeded, json!(1))),
        (0, settled("ok", StepStatus::Failed, json!(2))),
        (0, decided(false, "ann")),
        (0, signal(1, "go", json!(1))),
        (1, Fact::Restarted { steps: vec![name("ok"), name("unknown")] }),
    ]);

    assert!(state.settled(&name("a")).is_some() && state.signal("go").is_some());
    assert!(state.step(&name("ok")).is_none() && state.answer(&name("ok")).is_none());
}

#[test]
fn the_key_of_a_fact_is_its_path_and_its_kind() {
    let keys: Vec<_> = every_kind().iter().map(|fact| (fact.path(), fact.kind() as i16)).collect();

    let [go, pause, resume] = [2, 3, 4].map(|number| message(number).to_string());
    let task = TaskId::from_uuid(Uuid::from_u128(5)).to_string();
    let paths: Vec<_> = keys.iter().map(|(path, _)| path.clone()).collect();
    let named = ["a", "a", "a", &go, "ok", "", "", "", &pause, &resume, &task, "a[1]", "", "", "a"];
    assert_eq!(paths, named);
    assert!(keys.iter().map(|(_, kind)| *kind).eq(1..=15));
    assert_eq!(settled("a[4]", StepStatus::Failed, json!(1)).path(), "a[4]");
    assert_eq!(Fact::DeadlinePassed.kind(), FactKind::DeadlinePassed);
}

#[test]
fn every_fact_reads_back_as_it_was_written() {
    for fact in every_kind() {
        let text = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), fact, "{text}");
    }
}

#[test]
fn what_a_step_did_not_give_takes_no_room_in_the_journal() {
    let fact = Fact::Settled(Settled {
        path: "a".parse().unwrap(),
        status: StepStatus::Skipped,
        outputs: None,
        error: Some(StepError::new(Reason::Condition, "no")),
        attempt: 0,
        began: None,
        ended: Timestamp::EPOCH,
    });

    assert_eq!(
        serde_json::to_value(&fact).unwrap(),
        json!({
            "fact": "settled", "path": "a", "status": "skipped", "attempt": 0,
            "error": { "code": "step.condition", "message": "no" }, "ended": "1970-01-01T00:00:00Z"
        })
    );
}

#[test]
fn the_reason_of_a_failed_attempt_keeps_its_code() {
    let failure = ActionError::new(ActionErrorKind::Denied, "no").with_code("policy.denied");

    let reason = StepError::from(&failure.with_outputs(json!(1)));

    assert_eq!((reason.code.as_str(), reason.message.as_str()), ("policy.denied", "no"));
    assert_eq!(reason.blocked_by, None);
}

#[test]
fn a_path_reads_back_and_a_text_that_is_none_is_refused() {
    for text in ["a", "scan-2", "_x[0]", "scan[4294967295]"] {
        let path: StepPath = text.parse().unwrap();
        assert_eq!(path.to_string(), text);
        assert_eq!(serde_json::from_str::<StepPath>(&format!("\"{text}\"")).unwrap(), path);
    }
    for text in ["", "[1]", "a[", "a]", "a[]", "a[-1]", "a[4294967296]", "a[1][2]", "a b", "9", "ä[1]"] {
        let error = text.parse::<StepPath>().unwrap_err().to_string();
        assert_eq!(error, format!("`{text}` is not the path of a step: expected `name` or `name[3]`"));
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_path_parser_panic_and_what_it_reads_it_writes(text in any::<String>()) {
        if let Ok(path) = text.parse::<StepPath>() {
            prop_assert_eq!(path.to_string().parse::<StepPath>().unwrap(), path);
        }
    }

    #[test]
    fn replaying_is_applying_one_by_one(picks in prop::collection::vec((0..every_kind().len(), 0..3_u32), 0..40)) {
        let facts: Vec<_> = picks.iter().map(|(kind, generation)| (*generation, every_kind().remove(*kind))).collect();

        let mut state = State::default();
        facts.iter().for_each(|(generation, fact)| state.apply(*generation, fact));

        prop_assert_eq!(State::replay(&facts), state);
    }

    #[test]
    fn an_iteration_path_keeps_its_number(number in any::<u32>(), name in "[a-z_][a-z0-9_-]{0,20}".prop_map(|n| n)) {
        let path = StepPath::iteration(name.parse().unwrap(), number);
        prop_assert_eq!(path.to_string(), format!("{name}[{number}]"));
        prop_assert_eq!(path.to_string().parse::<StepPath>().unwrap(), path);
    }
}
