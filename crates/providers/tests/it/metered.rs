//! What is reported of calls, and when.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_model::{ChatModel, ErrorKind, RawReply, Repeat, Usage};
use codeflow_providers::{CallObserver, CallReport, Metered, Retry};
use futures_util::{FutureExt, StreamExt};

use crate::scripted::{Act, Beat, Scripted, drain, fail, raw_request, request, seconds};

/// Provider, model, outcome, seconds to the first token, seconds in all, tokens out.
type Line = (String, String, Result<(), ErrorKind>, Option<u64>, u64, Option<u64>);

#[derive(Default)]
struct Reports(Mutex<Vec<Line>>);

impl CallObserver for Reports {
    fn finished(&self, call: &CallReport<'_>) {
        let first = call.first_token.map(|time| time.as_secs());
        let line = (
            call.provider.into(),
            call.model.into(),
            call.outcome,
            first,
            call.total.as_secs(),
            call.usage.output,
        );
        self.0.lock().expect("no test panicked here").push(line);
    }
}

impl Reports {
    fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.0.lock().expect("no test panicked here"))
    }
}

fn line(outcome: Result<(), ErrorKind>, first: Option<u64>, total: u64, output: Option<u64>) -> Line {
    ("fake".to_owned(), "m".to_owned(), outcome, first, total, output)
}

fn metered(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> (Arc<Reports>, Metered) {
    let reports = Arc::new(Reports::default());
    (Arc::clone(&reports), Metered::new(Scripted::new("fake", script), Arc::clone(&reports) as _))
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_reported_before_the_caller_has_it() {
    let (reports, model) = metered(|_| Act::Answer(seconds(3), Vec::new()));

    let response = model.complete(&request("m")).await.expect("is answered");

    assert_eq!(response.usage, Usage { input: Some(7), output: Some(3), ..Usage::default() });
    assert_eq!(reports.take(), [line(Ok(()), None, 3, Some(3))]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_reported_at_its_end_with_usage_that_came_after_the_last_word() {
    let beats = || vec![Beat::Say("a"), Beat::Use(1), Beat::Wait(seconds(4)), Beat::Finish, Beat::Use(9)];
    let (reports, model) = metered(move |_| Act::Answer(seconds(2), beats()));

    let stream = model.stream(&request("m")).await.expect("begins");
    assert_eq!(reports.take(), []);
    drain(stream).await;
    let RawReply::Stream(pieces) = model.forward(&raw_request("m")).await.expect("begins") else {
        unreachable!("a stream was asked for")
    };
    drain(pieces).await;

    let expected = line(Ok(()), Some(2), 6, Some(9));
    assert_eq!(reports.take(), [expected.clone(), expected]);
}

#[tokio::test(start_paused = true)]
async fn errors_are_reported_wherever_they_come() {
    let (reports, model) = metered(|call| match call {
        0 => Act::Fail(seconds(1), crate::scripted::error(ErrorKind::Overloaded)),
        1 => Act::Answer(
            seconds(1),
            vec![Beat::Say("a"), Beat::Use(5), Beat::Fail(ErrorKind::ProviderConnection)],
        ),
        _ => Act::Answer(seconds(1), vec![Beat::Say("a")]),
    });

    assert!(model.stream(&request("m")).await.is_err());
    for _ in 0..2 {
        drain(model.stream(&request("m")).await.expect("begins")).await;
    }

    let expected = [
        line(Err(ErrorKind::Overloaded), None, 1, None),
        line(Err(ErrorKind::ProviderConnection), Some(1), 1, Some(5)),
        line(Err(ErrorKind::BadResponse), Some(1), 1, None),
    ];
    assert_eq!(reports.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_was_cancelled_unless_it_was_complete() {
    let (reports, model) = metered(|call| match call {
        0 => Act::Hang,
        _ => Act::Answer(Duration::ZERO, vec![Beat::Say("a"), Beat::Finish]),
    });
    let asked = request("m");

    let mut call = model.complete(&asked);
    assert!((&mut call).now_or_never().is_none());
    tokio::time::advance(seconds(5)).await;
    drop(call);
    for read in 1..=2 {
        let mut stream = model.stream(&asked).await.expect("begins");
        for _ in 0..read {
            assert!(stream.next().await.expect("an event").is_ok());
        }
    }

    let expected = [
        line(Err(ErrorKind::Cancelled), None, 5, None),
        line(Err(ErrorKind::Cancelled), Some(0), 0, None),
        line(Ok(()), Some(0), 0, None),
    ];
    assert_eq!(reports.take(), expected);
}

#[tokio::test(start_paused = true)]
async fn inside_a_retry_each_attempt_is_a_call_and_around_one_all_are() {
    let script =
        |call| if call < 2 { fail(ErrorKind::Timeout) } else { Act::Answer(Duration::ZERO, Vec::new()) };
    let (inside, model) = metered(script);
    assert!(Retry::new(Arc::new(model), Repeat::default()).complete(&request("m")).await.is_ok());
    let around = Arc::new(Reports::default());
    let retry = Retry::new(Scripted::new("fake", script), Repeat::default());
    let model = Metered::new(Arc::new(retry), Arc::clone(&around) as _);
    assert!(model.complete(&request("m")).await.is_ok());

    let timeout = line(Err(ErrorKind::Timeout), None, 0, None);
    assert_eq!(inside.take(), [timeout.clone(), timeout, line(Ok(()), None, 0, Some(3))]);
    assert_eq!(around.take(), [line(Ok(()), None, 6, Some(3))]);
}
