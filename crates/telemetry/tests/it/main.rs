//! The page that Prometheus reads.

mod faults;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use codeflow_core::Usd;
use codeflow_model::{ErrorKind, Usage};
use codeflow_ratelimit::{EndpointClass, GateObserver, Outcome, Scope};
use codeflow_telemetry::{
    CacheResult, CallSample, CircuitLevel, GateMetrics, GatewayMetrics, InvariantSample, LimitScope,
    ModelName, WorkerSample,
};

const QUIET: CallSample = CallSample { outcome: Ok(()), first_token: None, usage: NOTHING, cost: None };
const NOTHING: Usage = Usage {
    input: None,
    cache_read: None,
    cache_write: None,
    cache_write_1h: None,
    output: None,
    reasoning: None,
};

fn metrics() -> GatewayMetrics {
    GatewayMetrics::new([ModelName::new("openai", "gpt-4o"), ModelName::new("anthropic", "claude")])
}

/// The lines of the page that begin with a name, without it.
fn lines(metrics: &GatewayMetrics, name: &str) -> Vec<String> {
    let page = metrics.render();
    let mut lines: Vec<_> =
        page.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_call_is_counted_with_its_tokens_its_cost_and_its_first_token() {
    let metrics = metrics();
    let usage = Usage { input: Some(100), cache_read: Some(40), output: Some(7), ..NOTHING };
    let call = CallSample {
        first_token: Some(Duration::from_millis(250)),
        usage,
        cost: Some(Usd::from_micros(1_234)),
        ..QUIET
    };

    for _ in 0..2 {
        metrics.model("openai", "gpt-4o").finished(&call);
    }
    metrics.model("openai", "gpt-4o").finished(&CallSample { outcome: Err(ErrorKind::Timeout), ..QUIET });

    let model = r#"provider="openai",model="gpt-4o""#;
    assert_eq!(
        lines(&metrics, "codeflow_model_calls_total"),
        [format!(r#"{{{model},outcome="model.timeout"}} 1"#), format!(r#"{{{model},outcome="ok"}} 2"#)]
    );
    let tokens = [("cache_read", 80), ("cache_write", 0), ("input", 200), ("output", 14), ("reasoning", 0)];
    assert_eq!(
        lines(&metrics, "codeflow_model_tokens_total"),
        tokens.map(|(kind, count)| format!(r#"{{{model},kind="{kind}"}} {count}"#))
    );
    assert_eq!(lines(&metrics, "codeflow_model_cost_micro_usd_total"), [format!("{{{model}}} 2468")]);
    assert_eq!(lines(&metrics, "codeflow_model_first_token_seconds_sum"), [format!("{{{model}}} 0.5")]);
    let buckets = lines(&metrics, "codeflow_model_first_token_seconds_bucket");
    assert!(buckets.contains(&format!(r#"{{le="0.2",{model}}} 0"#)), "{buckets:#?}");
    assert!(buckets.contains(&format!(r#"{{le="0.3",{model}}} 2"#)));
}

#[test]
fn retries_fallbacks_circuits_and_cool_downs_are_told_for_each_model() {
    let metrics = metrics();
    let model = metrics.model("anthropic", "claude");
    model.retried();
    model.retried();
    model.fell_back();

    let labels = r#"{provider="anthropic",model="claude"}"#;
    assert_eq!(lines(&metrics, "codeflow_model_retries_total"), [format!("{labels} 2")]);
    assert_eq!(lines(&metrics, "codeflow_model_fallbacks_total"), [format!("{labels} 1")]);
    for (level, value) in [
        (CircuitLevel::Open, 3),
        (CircuitLevel::HalfOpen, 2),
        (CircuitLevel::Closing, 1),
        (CircuitLevel::Closed, 0),
    ] {
        model.set_circuit(level);
        assert_eq!(lines(&metrics, "codeflow_model_circuit_state{"), [format!("{} {value}", &labels[1..])]);
    }
    for (is_cooling, value) in [(true, 1), (false, 0)] {
        model.set_cooling(is_cooling);
        assert_eq!(lines(&metrics, "codeflow_model_cooling_down{"), [format!("{} {value}", &labels[1..])]);
    }
}

#[test]
fn refusals_the_cache_and_lost_rows_are_there_before_they_happen() {
    let metrics = metrics();
    let told = |metrics: &GatewayMetrics| {
        [
            lines(metrics, "codeflow_gateway_cache_total"),
            lines(metrics, "codeflow_gateway_limit_refusals_total"),
            lines(metrics, "codeflow_gateway_budget_refusals_total"),
            lines(metrics, "codeflow_gateway_usage_rows_dropped_total"),
        ]
        .concat()
    };
    let page = |numbers: [u64; 8]| {
        let names = [
            r#"{result="hit"}"#,
            r#"{result="miss"}"#,
            r#"{scope="address"}"#,
            r#"{scope="caller"}"#,
            r#"{scope="global"}"#,
            r#"{scope="model"}"#,
            "",
            "",
        ];
        names.iter().zip(numbers).map(|(name, number)| format!("{name} {number}")).collect::<Vec<_>>()
    };
    assert_eq!(told(&metrics), page([0; 8]));

    metrics.cache(CacheResult::Hit);
    metrics.cache(CacheResult::Miss);
    metrics.cache(CacheResult::Miss);
    for (scope, count) in
        [(LimitScope::Address, 3), (LimitScope::Caller, 4), (LimitScope::Global, 5), (LimitScope::Model, 6)]
    {
        (0..count).for_each(|_| metrics.limit_refused(scope));
    }
    metrics.budget_refused();
    metrics.usage_rows_dropped(8);

    assert_eq!(told(&metrics), page([1, 2, 3, 4, 5, 6, 1, 8]));
}

#[test]
fn overhead_is_told_from_five_microseconds_on() {
    let metrics = metrics();
    for micros in [4, 9, 30_000, 900_000] {
        metrics.overhead(Duration::from_micros(micros));
    }

    let buckets = lines(&metrics, "codeflow_gateway_overhead_seconds_bucket");
    let count = |edge: &str| {
        let line = buckets.iter().find(|line| line.starts_with(&format!(r#"{{le="{edge}"}}"#)));
        line.unwrap_or_else(|| panic!("no {edge} in {buckets:#?}")).rsplit(' ').next().map(str::to_owned)
    };
    assert_eq!(count("0.000005").as_deref(), Some("1"));
    assert_eq!(count("0.00001").as_deref(), Some("2"));
    assert_eq!(count("+Inf").as_deref(), Some("4"));
    assert_eq!(buckets.len(), 15);
}

#[test]
fn no_name_that_a_caller_makes_up_adds_a_series() {
    let metrics = metrics();
    metrics.model("x", "y").finished(&QUIET);
    let before = metrics.render().lines().count();

    for number in 0..1_000 {
        let name = format!("made-up-{number}");
        for model in [metrics.model("openai", &name), metrics.model(&name, "gpt-4o")] {
            model.finished(&QUIET);
        }
    }

    assert_eq!(metrics.render().lines().count(), before);
    let calls = lines(&metrics, "codeflow_model_calls_total");
    assert_eq!(calls, [r#"{provider="other",model="other",outcome="ok"} 2001"#]);
}

#[test]
fn every_outcome_is_a_series_of_its_own() {
    let metrics = metrics();
    for kind in ErrorKind::ALL {
        metrics.model("openai", "gpt-4o").finished(&CallSample { outcome: Err(kind), ..QUIET });
    }

    let calls = lines(&metrics, "codeflow_model_calls_total");

    assert_eq!(calls.len(), ErrorKind::ALL.len() + 1);
    for kind in ErrorKind::ALL {
        let end = format!(r#"outcome="{}"}} 1"#, kind.code());
        assert_eq!(calls.iter().filter(|line| line.ends_with(&end)).count(), 1, "{end}");
    }
}

#[test]
fn names_with_quotes_and_line_ends_stay_in_their_label() {
    let metrics = GatewayMetrics::new([ModelName::new("a\"b", "c\nd\\")]);
    metrics.model("a\"b", "c\nd\\").finished(&QUIET);

    let calls = lines(&metrics, "codeflow_model_calls_total");

    assert_eq!(calls, [r#"{provider="a\"b",model="c\nd\\",outcome="ok"} 1"#]);
}

#[test]
fn many_threads_count_every_call_while_the_page_is_read() {
    let metrics = Arc::new(metrics());
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for number in 0..500 {
                    let outcome = if number % 2 == 0 { Ok(()) } else { Err(ErrorKind::Overloaded) };
                    metrics.model("openai", "gpt-4o").finished(&CallSample { outcome, ..QUIET });
                    metrics.overhead(Duration::from_micros(20));
                }
                assert!(metrics.render().ends_with("# EOF\n"));
            });
        }
    });

    let ends: Vec<_> =
        lines(&metrics, "codeflow_model_calls_total").iter().map(|line| line.ends_with(" 4000")).collect();
    assert_eq!(ends, [true, true]);
    assert_eq!(lines(&metrics, "codeflow_gateway_overhead_seconds_count"), [" 8000"]);
}

#[test]
fn a_worker_is_told_after_the_gateway_on_one_page() {
    let sample = WorkerSample {
        is_ready: true,
        running: 3,
        concurrency: 16,
        renewed: Some(Duration::from_millis(2_500)),
        hears: Some(false),
        rings: 7,
    };

    let page = sample.render(&metrics().render());

    for line in [
        "codeflow_worker_ready 1\n",
        "codeflow_worker_running 3\n",
        "codeflow_worker_concurrency 16\n",
        "codeflow_worker_lease_age_seconds 2.5\n",
        "codeflow_worker_wakeups_heard 0\n",
        "codeflow_worker_wakeups_sent_total 7\n",
    ] {
        assert!(page.contains(&format!("\n{line}")), "{line}{page}");
    }
    assert_eq!((page.matches("# EOF").count(), page.ends_with("# EOF\n")), (1, true));
}

#[test]
fn a_worker_without_a_session_that_only_polls_says_nothing_of_either() {
    let page = WorkerSample::default().render("");

    assert!(page.contains("codeflow_worker_ready 0\n"));
    assert!(!page.contains("lease_age") && !page.contains("wakeups_heard"), "{page}");
}

#[test]
fn what_is_out_of_order_is_told_by_its_kind() {
    let sample = InvariantSample { violations: vec![("lost_task", 2), ("stale_claim", 0)] };

    let page = sample.render(&WorkerSample::default().render(""));

    assert!(page.contains("codeflow_invariant_violations{kind=\"lost_task\"} 2\n"), "{page}");
    assert!(page.contains("codeflow_invariant_violations{kind=\"stale_claim\"} 0\n"), "{page}");
    assert_eq!(page.matches("# TYPE codeflow_invariant_violations gauge\n").count(), 1);
    assert_eq!((page.matches("# EOF").count(), page.ends_with("# EOF\n")), (1, true));
}

#[test]
fn requests_are_counted_by_what_a_limit_said() {
    let metrics = GateMetrics::new();
    metrics.decided(Outcome::Refused, Scope::AddressClass, EndpointClass::SignIn);
    metrics.decided(Outcome::Refused, Scope::AddressClass, EndpointClass::SignIn);
    metrics.decided(Outcome::Bypassed, Scope::Principal, EndpointClass::Admin);

    let page = metrics.render(&InvariantSample::default().render(""), true);

    let name = "codeflow_request_limits_total";
    let refused = "{outcome=\"refused\",scope=\"address-class\",class=\"sign-in\"} 2\n";
    let bypassed = "{outcome=\"bypassed\",scope=\"principal\",class=\"admin\"} 1\n";
    assert!(
        page.contains(&format!("{name}{refused}")) && page.contains(&format!("{name}{bypassed}")),
        "{page}"
    );
    assert_eq!(page.matches(name).count(), 2);
    assert!(page.contains("codeflow_request_limits_degraded 1\n"), "{page}");
    assert_eq!((page.matches("# EOF").count(), page.ends_with("# EOF\n")), (1, true));
}
