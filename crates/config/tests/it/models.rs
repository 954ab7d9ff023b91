//! Routes, and what the list of models is told.

use codeflow_config::RouteWeights;
use codeflow_model::{ModelFeature, OnRetired, Registry};

use crate::given::{refused, settings};

#[test]
fn a_route_needs_only_models() {
    let settings = settings("[routes.fast]\nmodels = [\"openai/gpt-5.1\", \"claude-haiku-4-5\"]\n");

    let [route] = settings.routes.as_slice() else { panic!("there is one") };
    assert_eq!(route.alias, "fast");
    assert_eq!(route.models, ["openai/gpt-5.1", "claude-haiku-4-5"]);
    assert_eq!(route.weights, None);
    assert!(route.require.is_empty());
    assert_eq!((route.max_input_price, &route.region), (None, &None));
}

#[test]
fn a_route_chooses_by_weights_features_price_and_region() {
    let settings = settings(
        "[routes.fast]\nmodels = \"a/b, c/d\"\nrequire = [\"tools\", \"vision\"]\nmax_input_price = \"3.50\"\nregion = \"eu\"\n\
         [routes.fast.weights]\ncost = 1\nlatency = 0.5\n",
    );

    let route = &settings.routes[0];
    assert_eq!(route.models, ["a/b", "c/d"]);
    assert_eq!(route.require, [ModelFeature::Tools, ModelFeature::Vision]);
    assert_eq!(route.max_input_price.map(|price| price.micros()), Some(3_500_000));
    assert_eq!(route.region.as_deref(), Some("eu"));
    assert_eq!(route.weights, Some(RouteWeights { cost: 1.0, latency: 0.5, quality: 0.0 }));
}

#[test]
fn routes_that_make_no_sense_are_refused() {
    refused([
        ("[routes.a]\nregion = \"eu\"", "sets `routes.a` without `models`, which it needs"),
        ("[routes.a]\nmodels = []", "`routes.a.models` must name at least one model"),
        ("[routes.a]\nmodels = [\"openai/*\"]", "must name at least one model, each in full"),
        ("[routes.a]\nmodels = [\"a b\"]", "names models as `provider/model`"),
        ("[routes.a]\nmodels = [\"a\"]\nrequire = [\"magic\"]", "is none of `tools`"),
        ("[routes.a]\nmodels = [\"a\"]\nmax_input_price = \"cheap\"", "is not an amount of dollars"),
        ("[routes.a]\nmodels = [\"a\"]\nmax_input_price = 0", "must be more than nothing"),
        (
            "[routes.a]\nmodels = [\"a\"]\nweights = { cost = -1 }",
            "`routes.a.weights.cost` must be a number from 0",
        ),
        (
            "[routes.a]\nmodels = [\"a\"]\nweights = { cost = nan }",
            "`routes.a.weights.cost` must be a number",
        ),
        ("[routes.a]\nmodels = [\"a\"]\nweights = { luck = 1 }", "sets `routes.a.weights.luck`"),
        ("[routes.\"a/b\"]\nmodels = [\"a\"]", "needs a name of 1 to 64 letters"),
    ]);
}

#[test]
fn what_a_file_says_about_a_model_reaches_the_list_of_models() {
    let settings = settings(
        "[models.\"acme/rocket-1.5\"]\ncontext = 32000\nprices = { input = \"0.5\", output = \"1.5\" }\n",
    );

    let registry = Registry::builtin().with(&settings.models.overrides).expect("the entry is valid");

    let entry = registry.find("acme/rocket-1.5").expect("it is known now");
    assert_eq!(entry.context, Some(32_000));
}

#[test]
fn a_retired_model_is_refused_unless_settings_say_follow() {
    assert_eq!(settings("").models.on_retired, OnRetired::Refuse);
    assert_eq!(settings("[routing]\nretired = \"follow\"\n").models.on_retired, OnRetired::Follow);
}

#[test]
fn models_are_named_with_their_provider() {
    refused([
        ("[models.rocket]\ncontext = 1", "`models.rocket` must be named `provider/model`, in quotes"),
        ("[models.\"acme/\"]\ncontext = 1", "`models.acme/` must be named"),
    ]);
}
