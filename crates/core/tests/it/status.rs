//! The two state machines: every pair of a status and an event is decided, and the table says how.

use codeflow_core::execution::ExecutionEvent as E;
use codeflow_core::execution::ExecutionStatus as X;
use codeflow_core::execution::StepEvent as V;
use codeflow_core::execution::StepStatus as S;
use proptest::prelude::{any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

/// What follows from each event, in the order of [`E::ALL`]; `None` is a refusal.
fn after(status: X) -> [Option<X>; 9] {
    use X::{Cancelled, Failed, Paused, Running, Succeeded, TimedOut, Waiting};
    let ends = [Some(Succeeded), Some(Failed), Some(Cancelled), Some(TimedOut)];
    let open = |worked, idled, resumed| {
        let [succeeded, failed, cancelled, timed_out] = ends;
        [Some(worked), Some(idled), Some(Paused), resumed, succeeded, failed, cancelled, timed_out, None]
    };
    match status {
        X::Queued | Running | Waiting => open(Running, Waiting, None),
        Paused => open(Paused, Paused, Some(Running)),
        Succeeded | Failed | Cancelled | TimedOut => {
            [None, None, None, None, None, None, None, None, Some(Running)]
        }
    }
}

/// What follows from each event, in the order of [`V::ALL`].
fn after_step(status: S) -> [Option<S>; 9] {
    use S::{Cancelled, Failed, Pending, Ready, Running, Skipped, Succeeded, TimedOut};
    let (failed, skipped, cancelled) = (Some(Failed), Some(Skipped), Some(Cancelled));
    match status {
        //          due          began          returned     succeeded        -        -        -          timed out       restarted
        Pending => [Some(Ready), None, None, None, failed, skipped, cancelled, None, Some(Pending)],
        Ready => [None, Some(Running), None, None, failed, skipped, cancelled, None, None],
        Running => {
            [None, None, Some(Ready), Some(Succeeded), failed, skipped, cancelled, Some(TimedOut), None]
        }
        Succeeded | Failed | Skipped | Cancelled | TimedOut => {
            [None, None, None, None, None, None, None, None, Some(Pending)]
        }
    }
}

#[test]
fn every_pair_of_an_execution_status_and_an_event_is_as_the_table_says() {
    assert_eq!((X::ALL.len(), E::ALL.len()), (8, 9));
    for status in X::ALL {
        for (event, expected) in E::ALL.iter().zip(after(*status)) {
            assert_eq!(status.next(*event).ok(), expected, "{status} and {event:?}");
        }
    }
}

#[test]
fn every_pair_of_a_step_status_and_an_event_is_as_the_table_says() {
    assert_eq!((S::ALL.len(), V::ALL.len()), (8, 9));
    for status in S::ALL {
        for (event, expected) in V::ALL.iter().zip(after_step(*status)) {
            assert_eq!(status.next(*event).ok(), expected, "{status} and {event:?}");
        }
    }
}

#[test]
fn a_refusal_says_what_was_refused() {
    let texts: Vec<_> =
        E::ALL.iter().filter_map(|event| X::Succeeded.next(*event).err()).map(|e| e.to_string()).collect();
    assert_eq!(
        texts,
        [
            "starting work cannot happen to one that is succeeded",
            "falling idle cannot happen to one that is succeeded",
            "pausing cannot happen to one that is succeeded",
            "resuming cannot happen to one that is succeeded",
            "succeeding cannot happen to one that is succeeded",
            "failing cannot happen to one that is succeeded",
            "cancelling cannot happen to one that is succeeded",
            "running out of time cannot happen to one that is succeeded",
        ]
    );
    let restart = X::Queued.next(E::Restarted).unwrap_err();
    assert_eq!(restart.to_string(), "restarting cannot happen to one that is queued");

    let steps: Vec<_> =
        V::ALL.iter().filter_map(|event| S::Skipped.next(*event).err()).map(|e| e.to_string()).collect();
    assert_eq!(steps.len(), 8);
    assert_eq!(steps[0], "falling due cannot happen to one that is skipped");
    assert_eq!(steps[2], "being given back cannot happen to one that is skipped");
    assert_eq!(
        S::Running.next(V::Restarted).unwrap_err().to_string(),
        "restarting cannot happen to one that is running"
    );
}

#[test]
fn exactly_the_ends_are_final() {
    let ended: Vec<_> = X::ALL.iter().filter(|status| status.is_final()).collect();
    let settled: Vec<_> = S::ALL.iter().filter(|status| status.is_settled()).collect();

    assert_eq!(ended, [&X::Succeeded, &X::Failed, &X::Cancelled, &X::TimedOut]);
    assert_eq!(settled, [&S::Succeeded, &S::Failed, &S::Skipped, &S::Cancelled, &S::TimedOut]);
}

#[test]
fn a_status_reads_back_from_its_name_in_text_and_in_json() {
    for status in X::ALL {
        assert_eq!(status.as_str().parse(), Ok(*status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
        assert_eq!(serde_json::from_value::<X>(status.as_str().into()).unwrap(), *status);
    }
    for status in S::ALL {
        assert_eq!(status.as_str().parse(), Ok(*status));
        assert_eq!(serde_json::to_value(status).unwrap(), status.to_string());
    }
}

#[test]
fn a_text_that_is_no_status_is_refused_and_quoted_in_part() {
    for text in ["", "Running", "running ", "done", "timed out"] {
        assert_eq!(text.parse::<X>().unwrap_err().to_string(), format!("`{text}` is not a status"));
        assert!(text.parse::<S>().is_err());
    }
    let long = "ß".repeat(10_000).parse::<S>().unwrap_err().to_string();
    assert_eq!(long.chars().filter(|c| *c == 'ß').count(), 64);
}

proptest! {
    #[test]
    fn a_random_walk_leaves_an_end_only_by_a_restart(steps in prop::collection::vec(0..E::ALL.len(), 0..60)) {
        let mut status = X::Queued;
        for event in steps.into_iter().map(|step| E::ALL[step]) {
            let next = status.next(event).unwrap_or(status);
            if status.is_final() && next != status {
                prop_assert_eq!(event, E::Restarted);
            }
            prop_assert!(next != X::Queued || status == X::Queued, "nothing goes back into the queue");
            status = next;
        }
    }

    #[test]
    fn the_first_result_of_a_step_stands(steps in prop::collection::vec(0..V::ALL.len(), 0..60), from in 0..8_usize) {
        let mut status = S::ALL[from];
        for event in steps.into_iter().map(|step| V::ALL[step]) {
            let next = status.next(event).unwrap_or(status);
            if status.is_settled() && next != status {
                prop_assert_eq!((event, next), (V::Restarted, S::Pending));
            }
            status = next;
        }
    }

    #[test]
    fn no_text_makes_a_status_parser_panic(text in any::<String>()) {
        let known = X::ALL.iter().any(|status| status.as_str() == text);
        prop_assert_eq!(text.parse::<X>().is_ok(), known);
    }
}
