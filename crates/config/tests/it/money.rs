//! Budgets, limits, the cache, and what is done about failures.

use std::time::Duration;

use codeflow_config::{
    BudgetPeriod, BudgetScope, CacheSettings, MinuteLimits, PolicySettings, RetrySettings,
};
use codeflow_core::Usd;

use crate::given::{refused, settings};

#[test]
fn a_budget_is_for_one_or_for_each() {
    let settings = settings(
        "[[budgets]]\nname = \"all\"\nscope = \"key\"\nperiod = \"day\"\nlimit = \"25.00\"\n\
         [[budgets]]\nname = \"acme\"\nscope = \"tenant\"\nsubject = \"acme\"\nperiod = \"month\"\nlimit = 1000\n\
         [[budgets]]\nname = \"run\"\nscope = \"execution\"\nperiod = \"total\"\nlimit = \"0.40\"\n\
         [[budgets]]\nname = \"ada\"\nscope = \"user\"\nsubject = \"ada\"\nperiod = \"day\"\nlimit = \"1\"\n",
    );

    let seen: Vec<_> = settings
        .budgets
        .iter()
        .map(|budget| {
            (budget.name.as_str(), budget.scope, budget.subject.as_deref(), budget.period, budget.limit)
        })
        .collect();
    let usd = Usd::from_micros;
    assert_eq!(
        seen,
        [
            ("all", BudgetScope::Key, None, BudgetPeriod::Day, usd(25_000_000)),
            ("acme", BudgetScope::Tenant, Some("acme"), BudgetPeriod::Month, usd(1_000_000_000)),
            ("run", BudgetScope::Execution, None, BudgetPeriod::Total, usd(400_000)),
            ("ada", BudgetScope::User, Some("ada"), BudgetPeriod::Day, usd(1_000_000)),
        ]
    );
}

#[test]
fn budgets_that_make_no_sense_are_refused() {
    let budget = "[[budgets]]\nname = \"a\"\nscope = \"key\"\nperiod = \"day\"\n";
    refused([
        ("[[budgets]]\nname = \"a\"", "without `scope`, which it needs"),
        (&format!("{budget}limit = 0"), "`budgets.0.limit` must be more than nothing"),
        (&format!("{budget}limit = 2.5"), "is not a whole number or a text with a unit"),
        (&format!("{budget}limit = \"2,5\""), "`budgets.0.limit` is not an amount of dollars"),
        (&format!("{budget}limit = 1\nsubject = \"\""), "`budgets.0.subject` is empty"),
        (&format!("{budget}limit = 1\n{budget}limit = 2"), "`budgets.1.name` is the name of another budget"),
        (
            &budget.replace("key", "city"),
            "sets `budgets.0.scope` to none of `key`, `user`, `tenant`, `execution`",
        ),
        (&budget.replace("day", "week"), "to none of `day`, `month`, `total`"),
    ]);
}

#[test]
fn limits_are_for_each_key_and_for_models() {
    let settings = settings(
        "[limits]\nrequests_per_minute = 600\n[limits.models.\"openai/gpt-5.1\"]\ntokens_per_minute = 90000\n",
    );

    assert_eq!(settings.limits.each_key.requests.map(u32::from), Some(600));
    assert_eq!(settings.limits.each_key.tokens, None);
    let [(model, limits)] = settings.limits.models.as_slice() else { panic!("there is one") };
    assert_eq!(model, "openai/gpt-5.1");
    assert_eq!((limits.requests, limits.tokens.map(u32::from)), (None, Some(90_000)));
    refused([
        ("[limits]\ntokens_per_minute = 0", "`limits.tokens_per_minute` must be at least 1"),
        (
            "[limits]\ntokens_per_minute = 99999999999",
            "`limits.tokens_per_minute` to something that is not a whole number",
        ),
        (
            "[limits.models.\"a/b.c\"]\nrequests_per_minute = 0",
            "`limits.models.a/b.c.requests_per_minute` must be",
        ),
    ]);
}

#[test]
fn the_cache_is_off_and_bounded() {
    let cache = CacheSettings {
        enabled: false,
        ttl: Duration::from_secs(600),
        max_bytes: 64 << 20,
        max_entry_bytes: 1 << 20,
    };
    assert_eq!(settings("").cache, cache);
    assert!(settings("[cache]\nenabled = true\n").cache.enabled);
    refused([
        ("[cache]\nttl = 0", "`cache.ttl` must be longer than nothing"),
        ("[cache]\nmax_entry_bytes = 0", "`cache.max_entry_bytes` must be at least one byte"),
        ("[cache]\nmax_bytes = \"0 MiB\"", "`cache.max_bytes` must be at least one byte"),
    ]);
}

#[test]
fn retries_are_few_and_spread_out() {
    let (first, cap) = (Duration::from_secs(2), Duration::from_secs(10));
    assert_eq!(settings("").retry, RetrySettings { attempts: 3, first, cap, jitter: true });
    refused([
        ("[retry]\nattempts = 0", "`retry.attempts` must be from 1 to 10"),
        ("[retry]\nattempts = 11", "`retry.attempts` must be from 1 to 10"),
        ("[retry]\nfirst = \"11s\"", "`retry.cap` must not be shorter than `retry.first`"),
    ]);
}

#[test]
fn the_breaker_needs_calls_and_failures() {
    let breaker = settings("").breaker;
    assert_eq!((breaker.window, breaker.cool_down), (Duration::from_secs(30), Duration::from_secs(5)));
    assert_eq!((breaker.min_calls, breaker.error_rate), (10, 0.5));
    refused([
        ("[breaker]\nmin_calls = 0", "`breaker.min_calls` must be at least 1"),
        ("[breaker]\nerror_rate = 0", "`breaker.error_rate` must be a number from 0.01 to 1"),
        ("[breaker]\nerror_rate = 50", "`breaker.error_rate` must be a number from 0.01 to 1"),
    ]);
}

#[test]
fn a_policy_bounds_models_and_answers() {
    let limits = settings("").limits;
    assert_eq!((limits.each_key, limits.models.len()), (MinuteLimits::default(), 0));
    assert_eq!(settings("").policy, PolicySettings::default());

    let policy = settings(
        "[policy]\nallow_models = [\"openai/*\"]\ndeny_models = [\"openai/o1\"]\nmax_output_tokens = 500\n",
    )
    .policy;

    assert_eq!(policy.allow_models.as_deref(), Some(["openai/*".to_owned()].as_slice()));
    assert_eq!(policy.deny_models, ["openai/o1"]);
    assert_eq!(policy.max_output_tokens.map(u32::from), Some(500));
}
