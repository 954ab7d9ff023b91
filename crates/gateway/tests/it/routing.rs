//! From names to models: who answers to what, in which order, and what is said of those who do not.

use std::collections::BTreeSet;
use std::sync::Arc;

use codeflow_gateway::{
    Inbound, ModelSource, Needs, RawInbound, Reply, RouteRule, Routes, RoutesError, Weights,
};
use codeflow_model::{ErrorKind, ModelFeature, OnRetired};

use crate::stage::{Play, Setting, Source, Stage, chat, raw, registry, response, route, usage};

fn routes(rules: Vec<RouteRule>, providers: &[&str], on_retired: OnRetired) -> Result<Routes, RoutesError> {
    let source: Arc<dyn ModelSource> = Arc::new(Source::new(providers));
    Routes::new(rules, registry(), source, on_retired)
}

fn plain(providers: &[&str]) -> Routes {
    routes(Vec::new(), providers, OnRetired::Refuse).unwrap()
}

/// Who answers to a name, in order.
fn found(routes: &Routes, name: &str) -> Vec<String> {
    routes.find(name).unwrap().hops.iter().map(codeflow_gateway::Hop::key).collect()
}

fn missing(routes: &Routes, name: &str) -> String {
    let error = routes.find(name).err().expect("nobody has this name");
    assert_eq!(error.kind(), ErrorKind::ModelNotAvailable);
    error.to_string()
}

#[test]
fn a_bare_name_is_served_by_everybody_who_has_it() {
    let both = plain(&["alpha", "beta"]);

    assert_eq!(found(&both, "one"), ["alpha/one", "beta/one"]);
    assert_eq!(found(&plain(&["beta"]), "one"), ["beta/one"]);
    assert_eq!(found(&both, "large"), ["alpha/large"]);
}

#[test]
fn a_provider_and_a_name_always_reach_that_provider() {
    let both = plain(&["alpha", "beta"]);

    assert_eq!(found(&both, "beta/one"), ["beta/one"]);
    assert_eq!(found(&both, "beta/unheard-of"), ["beta/unheard-of"]);
    assert_eq!(found(&both, "beta/openai/gpt-oss-120b"), ["beta/openai/gpt-oss-120b"]);
    assert!(both.find("beta/unheard-of").unwrap().hops[0].entry.is_none());
    assert!(both.find("beta/one").unwrap().hops[0].entry.is_some());
}

#[test]
fn another_name_of_a_model_is_asked_for_as_it_was_said() {
    let both = plain(&["alpha", "beta"]);

    assert_eq!(found(&both, "one-2026"), ["alpha/one-2026"]);
    assert_eq!(found(&both, "alpha/one-2026"), ["alpha/one-2026"]);
    let entry = both.find("one-2026").unwrap().hops[0].entry.clone().unwrap();
    assert_eq!(entry.id, "one", "what is known of it is the same");
}

#[test]
fn a_name_that_nobody_knows_passes_only_where_one_provider_could_have_it() {
    let two = plain(&["alpha", "beta"]);

    assert_eq!(found(&plain(&["alpha"]), "unheard-of"), ["alpha/unheard-of"]);
    assert!(missing(&two, "unheard-of").contains("unheard-of"));
    assert!(missing(&two, "delta/one").contains("delta/one"));
    missing(&plain(&["alpha"]), "delta/one");
    missing(&two, "");
}

#[test]
fn a_model_whose_provider_is_not_configured_says_what_to_do() {
    let both = plain(&["alpha", "beta"]);

    assert_eq!(missing(&both, "three"), "model `three` cannot be asked: set `GAMMA_KEY`");
    assert_eq!(missing(&both, "gamma/three"), "model `gamma/three` cannot be asked: set `GAMMA_KEY`");
    let none = missing(&plain(&["gamma"]), "large");
    assert_eq!(none, "model `large` cannot be asked: provider `alpha` is not configured");
}

#[test]
fn a_retired_model_is_refused_with_its_successor_or_followed_to_it() {
    let refusing = plain(&["alpha"]);
    let following = routes(Vec::new(), &["alpha"], OnRetired::Follow).unwrap();

    assert!(missing(&refusing, "old").contains("alpha/one"));
    assert!(missing(&refusing, "alpha/old").contains("alpha/one"));
    assert_eq!(found(&following, "old"), ["alpha/one"]);
    assert_eq!(found(&following, "alpha/old"), ["alpha/one"]);
    missing(&following, "gone");
    missing(&following, "alpha/gone");
}

#[test]
fn a_name_of_any_length_is_answered_and_a_long_one_is_not_looked_for() {
    let alone = plain(&["alpha"]);

    assert_eq!(found(&alone, &"x".repeat(512)).len(), 1);
    let said = missing(&alone, &"x".repeat(513));
    assert!(said.len() < 100, "{said}");
    missing(&alone, &format!("alpha/{}", "x".repeat(1 << 20)));
}

#[test]
fn many_names_are_found_and_few_are_remembered() {
    let alone = plain(&["alpha"]);
    let first = alone.find("name-0").unwrap();
    assert!(Arc::ptr_eq(&first, &alone.find("name-0").unwrap()), "a name is looked up once");

    for number in 0..3_000 {
        alone.find(&format!("name-{number}")).unwrap();
    }

    assert!(!Arc::ptr_eq(&first, &alone.find("name-0").unwrap()), "it was forgotten for others");
}

#[test]
fn sixty_four_threads_find_the_same_models_under_the_same_names() {
    let both = plain(&["alpha", "beta"]);

    std::thread::scope(|scope| {
        for thread in 0..64 {
            let both = &both;
            scope.spawn(move || {
                for number in 0..200 {
                    let own = format!("beta/{}", (thread * number) % 1_500);
                    assert_eq!(found(both, &own), [own]);
                    assert_eq!(found(both, "one"), ["alpha/one", "beta/one"]);
                    assert!(both.find("unheard-of").is_err());
                }
            });
        }
    });
}

#[test]
fn what_is_served_are_the_models_that_can_be_asked() {
    let keys: Vec<_> = plain(&["alpha", "gamma"]).served().iter().map(|entry| entry.key()).collect();

    assert_eq!(keys, ["alpha/one", "alpha/large", "alpha/unpriced", "gamma/three"]);
}

#[test]
fn routes_that_make_no_sense_are_refused_when_they_are_read() {
    let wrong =
        |rules: Vec<RouteRule>| routes(rules, &["alpha"], OnRetired::Refuse).err().unwrap().to_string();

    assert_eq!(wrong(vec![route("r", &[])]), "route `r` names no models");
    let hides = "route `one` has the name of a model, which could then not be asked for";
    assert_eq!(wrong(vec![route("one", &["large"])]), hides);
    assert_eq!(wrong(vec![route("r", &["one"]), route("r", &["large"])]), "route `r` is there twice");
    let reaches = |name: &str| format!("route `{name}` has a name that always reaches its provider");
    assert_eq!(wrong(vec![route("alpha/mine", &["one"])]), reaches("alpha/mine"));
    assert_eq!(wrong(vec![route("gamma/mine", &["one"])]), reaches("gamma/mine"));
    assert!(wrong(vec![route("r", &["delta/one"])]).starts_with("route `r` names `delta/one`: "));
    assert!(wrong(vec![route("r", &["old"])]).contains("alpha/one"));
    assert!(routes(vec![route("team/mine", &["one"])], &["alpha"], OnRetired::Refuse).is_ok());
}

#[test]
fn a_route_keeps_the_models_whose_provider_is_configured() {
    let rules = vec![
        route("some", &["gamma/three", "alpha/one", "three"]),
        route("none", &["gamma/three"]),
        route("a", &["alpha/unheard-of"]),
    ];
    let routes = routes(rules, &["alpha"], OnRetired::Refuse).unwrap();

    assert_eq!(found(&routes, "some"), ["alpha/one"]);
    assert_eq!(missing(&routes, "none"), "no provider of route `none` is configured");
    let names: Vec<_> = routes.named().iter().map(|route| route.name.to_string()).collect();
    assert_eq!(names, ["a", "none", "some"]);
}

/// Asks a route of these models; who was asked, and what was told of the others.
async fn decided(
    rule: RouteRule,
    inbound: Inbound,
    prepare: impl FnOnce(&Source),
) -> Result<(String, Vec<String>), String> {
    let mut stage = Stage::with(Setting { routes: vec![rule], ..Setting::default() });
    prepare(&stage.source);
    for provider in ["alpha", "beta"] {
        stage.plays(provider, [Play::Chat(response(usage(1, 1)))]);
    }
    let outcome = stage.ask(inbound).await;
    outcome
        .map(|Reply { evidence, .. }| (format!("{}/{}", evidence.provider, evidence.model), evidence.trail))
        .map_err(|failed| {
            assert_eq!(failed.error.kind(), ErrorKind::ModelNotAvailable);
            failed.error.to_string()
        })
}

fn with_images() -> Inbound {
    let Inbound::Raw(inner) = raw("r", false) else { unreachable!() };
    let facts = codeflow_gateway::Facts { images: true, ..inner.facts };
    Inbound::Raw(RawInbound { facts, ..inner })
}

#[tokio::test]
async fn a_model_that_lacks_what_a_request_needs_is_passed_over_and_told_of() {
    let pictures = decided(route("r", &["alpha/one", "alpha/large"]), with_images(), |_| ()).await.unwrap();
    let nobody = decided(route("r", &["alpha/one", "beta/one"]), with_images(), |_| ()).await.unwrap_err();

    assert_eq!(pictures, ("alpha/large".into(), vec!["alpha/one: lacks `vision`".into()]));
    let said = "no model of `r` can do this: alpha/one: lacks `vision`; beta/one: lacks `vision`";
    assert_eq!(nobody, said);
}

#[tokio::test]
async fn a_format_that_cannot_carry_pictures_is_passed_over() {
    let cannot = |source: &Source| source.provider("alpha").can.lock().unwrap().images = false;

    let decided = decided(route("r", &["alpha/unpriced", "beta/unheard-of"]), with_images(), cannot).await;

    assert_eq!(decided.unwrap(), ("beta/unheard-of".into(), vec!["alpha/unpriced: lacks `vision`".into()]));
}

#[tokio::test]
async fn what_a_route_requires_holds_for_every_request() {
    let require = Needs { features: BTreeSet::from([ModelFeature::JsonSchema]), ..Needs::default() };
    let schema = RouteRule { require, ..route("r", &["alpha/one", "alpha/large"]) };
    let cap = |micros: &str| RouteRule {
        require: Needs { max_input_price: Some(micros.parse().unwrap()), ..Needs::default() },
        ..route("r", &["beta/one", "alpha/unpriced", "alpha/large"])
    };
    let region = RouteRule {
        require: Needs { region: Some("eu".into()), ..Needs::default() },
        ..route("r", &["alpha/one", "beta/unheard-of"])
    };

    let schema = decided(schema, chat("r", false), |_| ()).await.unwrap();
    let cheap = decided(cap("4"), chat("r", false), |_| ()).await.unwrap();
    let cheaper = decided(cap("3.9"), chat("r", false), |_| ()).await.unwrap_err();
    let region = decided(region, chat("r", false), |_| ()).await.unwrap_err();

    assert_eq!(schema, ("alpha/large".into(), vec!["alpha/one: lacks `json_schema`".into()]));
    let dear = ["beta/one", "alpha/unpriced"].map(|key| format!("{key}: costs more than the route allows"));
    assert_eq!(cheap, ("alpha/large".into(), dear.to_vec()));
    assert_eq!(cheaper.matches("costs more").count(), 3);
    assert_eq!(region.matches("is not processed in the region").count(), 2);
}

fn long(input_tokens: u64, output: u64) -> Inbound {
    let Inbound::Raw(inner) = raw("r", false) else { unreachable!() };
    let facts = codeflow_gateway::Facts { input_tokens, max_output_tokens: Some(output), ..inner.facts };
    Inbound::Raw(RawInbound { facts, ..inner })
}

#[tokio::test]
async fn a_prompt_that_seems_too_long_goes_to_a_model_that_takes_it() {
    let fits = decided(route("r", &["alpha/one", "alpha/large"]), long(1_001, 10), |_| ()).await.unwrap();
    let exact = decided(route("r", &["alpha/one", "alpha/large"]), long(1_000, 10), |_| ()).await.unwrap();
    let neither = decided(route("r", &["alpha/one", "beta/one"]), long(1_001, 10), |_| ()).await.unwrap();

    assert_eq!(fits, ("alpha/large".into(), vec!["alpha/one: takes no more than 1000 tokens".into()]));
    assert_eq!(exact, ("alpha/one".into(), vec![]));
    assert_eq!(neither, ("alpha/one".into(), vec![]), "it is an estimate, and the provider knows");
}

#[tokio::test]
async fn a_model_that_cannot_write_as_much_is_passed_over() {
    let more = decided(route("r", &["alpha/one", "beta/one"]), long(10, 501), |_| ()).await.unwrap();
    let exact = decided(route("r", &["alpha/one", "beta/one"]), long(10, 500), |_| ()).await.unwrap();

    assert_eq!(more, ("beta/one".into(), vec!["alpha/one: writes no more than 500 tokens".into()]));
    assert_eq!(exact.0, "alpha/one");
}

#[tokio::test]
async fn models_that_are_away_come_last_and_are_asked_when_nobody_else_is_left() {
    let away = |keys: &'static [&'static str]| {
        move |source: &Source| keys.iter().for_each(|key| source.fares(key, false, None))
    };
    let both = || route("r", &["alpha/one", "beta/one"]);

    let first = decided(both(), chat("r", false), away(&["alpha/one"])).await.unwrap();
    let all = decided(both(), chat("r", false), away(&["alpha/one", "beta/one"])).await.unwrap();
    let pictures = decided(route("r", &["beta/one", "alpha/large"]), with_images(), away(&["alpha/large"]))
        .await
        .unwrap();

    assert_eq!(first, ("beta/one".into(), vec!["alpha/one: is not available now".into()]));
    assert_eq!(all, ("alpha/one".into(), vec![]));
    assert_eq!(pictures.0, "alpha/large");
}

#[tokio::test]
async fn weights_decide_by_price_by_speed_and_by_place() {
    let weighed = |cost, latency, quality| RouteRule {
        weights: Some(Weights { cost, latency, quality }),
        ..route("r", &["beta/one", "alpha/large", "alpha/one"])
    };
    let speeds = |source: &Source| {
        source.fares("beta/one", true, Some(300));
        source.fares("alpha/large", true, Some(20));
        source.fares("alpha/one", true, None);
    };

    let cheap = decided(weighed(1.0, 0.0, 0.0), chat("r", false), speeds).await.unwrap();
    let quick = decided(weighed(0.0, 1.0, 0.0), chat("r", false), speeds).await.unwrap();
    let first = decided(weighed(0.0, 0.0, 1.0), chat("r", false), speeds).await.unwrap();
    let none = decided(weighed(0.0, 0.0, 0.0), chat("r", false), speeds).await.unwrap();

    assert_eq!(
        [&*cheap.0, &*quick.0, &*first.0, &*none.0],
        ["alpha/one", "alpha/large", "beta/one", "beta/one"]
    );
}

#[test]
fn what_is_unknown_counts_as_middling_and_what_costs_nothing_as_best() {
    let weights = Some(Weights { cost: 1.0, latency: 1.0, quality: 0.0 });
    let rule = RouteRule { weights, ..route("r", &["alpha/unpriced", "beta/one", "alpha/one"]) };
    let source = Arc::new(Source::new(&["alpha", "beta"]));
    source.fares("beta/one", true, Some(0));
    source.fares("alpha/one", true, Some(0));
    let routes = Routes::new(vec![rule], registry(), Arc::clone(&source) as _, OnRetired::Refuse).unwrap();

    let order = routes.find("r").unwrap().order(&Needs::default(), &*source);

    assert_eq!(order.iter().map(|it| it.place).collect::<Vec<_>>(), [2, 1, 0]);
    let scores: Vec<_> = order.iter().map(|it| it.score).collect();
    assert!(
        (scores[0] - 1.0).abs() < 1e-9 && (scores[1] - 0.55).abs() < 1e-9 && (scores[2] - 0.5).abs() < 1e-9
    );
}

#[tokio::test]
async fn a_single_model_is_asked_whatever_is_known_of_it() {
    let decided = decided(route("r", &["alpha/one"]), with_images(), |_| ()).await.unwrap();

    assert_eq!(decided, ("alpha/one".into(), vec![]));
}
