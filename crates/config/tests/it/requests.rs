//! Limits on requests to the server.

use codeflow_config::Settings;
use codeflow_ratelimit::{EndpointClass, Rate, RuleBook};

use crate::given::{load, refused, settings};

fn per_minute(settings: &Settings, tier: &str) -> Option<u32> {
    settings.limits.requests.tiers.get(tier)?.all.map(|rate| rate.per_minute)
}

#[test]
fn without_settings_each_tier_has_its_usual_limits() {
    let settings = settings("");

    let tiers =
        ["anonymous", "authenticated", "premium", "service", "admin"].map(|tier| per_minute(&settings, tier));
    assert_eq!(tiers, [Some(60), Some(600), Some(6000), Some(60_000), Some(1200)]);
    let rules = &settings.limits.requests;
    assert_eq!(rules.global, None);
    assert_eq!(rules.address.all, Some(Rate::per_minute(60_000)));
    assert_eq!(rules.address.classes, [(EndpointClass::SignIn, Rate::per_minute(10))].into());
    assert_eq!(rules.tiers["premium"].classes, [(EndpointClass::Admin, Rate::per_minute(120))].into());
    assert!(!settings.limits.shared);
    RuleBook::new(rules.clone()).expect("the defaults make sense");
}

#[test]
fn what_is_said_leaves_the_rest_as_it_was() {
    let settings = settings(
        "[limits.requests]\nglobal = 9000\n[limits.requests.address]\nread = 5\n\
         [limits.requests.premium]\nburst = 50\n[limits.requests.tiers.partner]\nper_minute = 7\n",
    );

    let rules = &settings.limits.requests;
    assert_eq!(rules.global, Some(Rate::per_minute(9000)));
    assert_eq!(rules.address.classes.len(), 2);
    assert_eq!(rules.tiers["premium"].all, Some(Rate { per_minute: 6000, burst: Some(50) }));
    assert_eq!(per_minute(&settings, "partner"), Some(7));
}

#[test]
fn nothing_means_no_limit() {
    let settings =
        settings("[limits.requests.anonymous]\nper_minute = 0\n[limits.requests.address]\nsign_in = 0\n");

    assert_eq!(per_minute(&settings, "anonymous"), None);
    assert!(settings.limits.requests.address.classes.is_empty());
}

#[test]
fn limits_are_shared_over_a_redis_that_is_named() {
    let text =
        "[limits]\nshared = true\nshare_without_redis = 0.25\n[worker]\nredis_url = { env = \"REDIS\" }\n";
    let environment = codeflow_config::Environment::from([("REDIS", "redis://host/")]);

    let settings = load(text, &environment).expect("it is valid");

    assert!(settings.limits.shared);
    assert_eq!(settings.limits.share_without_redis, 0.25);
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let many: String =
        (0..61).map(|tier| format!("[limits.requests.tiers.t{tier}]\nper_minute = 1\n")).collect();
    refused([
        ("[limits]\nshared = true\n", "`limits.shared` is set, so `worker.redis_url` has to say"),
        ("[limits]\nshare_without_redis = 0.0\n", "`limits.share_without_redis` must be a number"),
        (
            "[limits.requests.anonymous]\nper_minute = 0\nburst = 5\n",
            "`limits.requests.anonymous.burst` limits nothing",
        ),
        ("[limits.requests.tiers.premium]\n", "`limits.requests.tiers.premium` is a tier of its own"),
        ("[limits.requests.tiers.\"a b\"]\n", "needs a name of 1 to 64 letters"),
        ("[limits.requests.anonymous]\nhealth = 5\n", "`limits.requests.anonymous.health`"),
        (many.as_str(), "`limits.requests.tiers` must be at most 64"),
    ]);
}
