//! The registry: what ships, what names mean, and what settings may change.

use std::error::Error as _;

use codeflow_core::{Class, Coded};
use codeflow_model::{ModelFeature, ModelKind, OnRetired, Overrides, Registry, RegistryErrorKind};
use serde_json::{Value, json};

fn overrides(entries: Value) -> Overrides {
    serde_json::from_value(entries).expect("they are an object")
}

#[test]
fn the_shipped_data_is_clean_or_excused() {
    let registry = Registry::builtin();

    let (excused, odd): (Vec<_>, Vec<_>) =
        registry.findings().iter().partition(|finding| finding.excuse.is_some());

    assert!(odd.is_empty(), "{odd:#?}");
    assert!(excused.iter().all(|finding| finding.excuse.as_ref().is_some_and(|why| why.len() > 20)));
    assert!(excused.len() < 10, "{excused:#?}");
}

#[test]
fn the_shipped_data_says_where_it_comes_from() {
    let registry = Registry::builtin();
    let count = |kind| registry.entries().filter(|entry| entry.kind == kind && !entry.retired).count();

    assert_eq!(registry.date().to_string(), "2026-11-20");
    assert!(registry.source().contains("LiteLLM"));
    assert_eq!(count(ModelKind::Chat) + count(ModelKind::Responses), 115);
    assert_eq!(count(ModelKind::Embedding), 12);
    assert_eq!(registry.providers().count(), 11);
}

#[test]
fn the_shipped_data_keeps_what_dialects_need_to_know() {
    let registry = Registry::builtin();
    let opus = registry.find("claude-opus-5-5").expect("it is known");
    let embedding = registry.find("text-embedding-3-large").expect("it is known");

    assert_eq!((opus.context, opus.max_output), (Some(1_000_000), Some(128_000)));
    assert!(opus.capabilities.contains(&ModelFeature::Vision));
    assert_eq!(opus.quirks.sampling, Some(false));
    assert_eq!(opus.quirks.cache_min_tokens, Some(512));
    assert_eq!(opus.quirks.efforts.get("max"), Some(&true));
    assert_eq!((embedding.provider.as_str(), embedding.dimensions), ("openai", Some(3_072)));
}

#[test]
fn every_feature_has_the_name_that_documents_use() {
    for feature in ModelFeature::ALL {
        assert_eq!(serde_json::to_value(feature).expect("it is text"), feature.to_string());
    }
}

#[test]
fn an_entry_survives_being_written_and_read() {
    for entry in Registry::builtin().entries() {
        let text = serde_json::to_string(entry).expect("it can be written");
        assert_eq!(&serde_json::from_str::<codeflow_model::ModelEntry>(&text).expect("it is ours"), &**entry);
    }
}

#[test]
fn an_id_an_alias_and_a_full_name_mean_the_same() {
    let registry = Registry::builtin();
    let key = |name: &str| registry.find(name).map(|entry| entry.key());

    for name in ["claude-haiku-4-5", "claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"] {
        assert_eq!(key(name).as_deref(), Some("anthropic/claude-haiku-4-5"), "{name}");
    }
    assert_eq!(key("anthropic/claude-haiku-4-5-20251001").as_deref(), Some("anthropic/claude-haiku-4-5"));
}

#[test]
fn a_bare_name_may_have_several_offers_and_a_full_one_has_one() {
    let registry = Registry::builtin();
    let providers =
        |name: &str| registry.offers(name).map(|entry| entry.provider.clone()).collect::<Vec<_>>();

    assert_eq!(providers("gpt-5.1"), ["openai", "azure"]);
    assert_eq!(providers("azure/gpt-5.1"), ["azure"]);
    assert_eq!(providers("groq/openai/gpt-oss-120b"), ["groq"]);
}

#[test]
fn a_name_that_begins_with_a_provider_never_means_another_one() {
    let error = Registry::builtin()
        .resolve("openai/gpt-oss-120b", OnRetired::Refuse)
        .expect_err("OpenAI does not serve it");

    assert_eq!(error.kind(), RegistryErrorKind::UnknownModel);
    assert_eq!(error.suggestions()[0], "groq/openai/gpt-oss-120b");
}

#[test]
fn an_unknown_name_is_answered_with_near_misses() {
    let ask = |name: &str| Registry::builtin().resolve(name, OnRetired::Refuse).expect_err("unknown");

    let error = ask("Claude-Sonet-5");
    assert_eq!(error.suggestions()[0], "claude-sonnet-5");
    assert_eq!((error.code(), error.class()), ("registry.unknown_model", Class::NotFound));
    assert!(error.to_string().contains("did you mean `claude-sonnet-5`"), "{error}");
    assert_eq!(ask("anthropic/claude-opus-55").suggestions()[0], "anthropic/claude-opus-5");
    assert!(ask("nothing-like-it-anywhere").suggestions().is_empty());
    assert!(ask("").suggestions().is_empty());
    assert!(ask(&"x".repeat(1_000_000)).to_string().len() < 200);
}

#[test]
fn a_retired_model_names_its_successor_or_becomes_it() {
    let registry = Registry::builtin();

    for (name, successor) in [
        ("o1", "openai/gpt-5.6-terra"),
        ("gemini-1.5-pro-002", "gemini/gemini-2.5-pro"),
        ("anthropic/claude-3-5-haiku", "anthropic/claude-haiku-4-5"),
        ("claude-3-5-opus", "anthropic/claude-opus-4-8"),
    ] {
        let error = registry.resolve(name, OnRetired::Refuse).expect_err("it is retired");
        assert_eq!((error.kind(), error.code()), (RegistryErrorKind::RetiredModel, "registry.retired_model"));
        assert_eq!(error.suggestions(), [successor]);
        let followed = registry.resolve(name, OnRetired::Follow).expect("there is a successor");
        assert_eq!(followed.key(), successor);
    }
}

#[test]
fn successors_are_followed_to_the_last_and_never_in_a_circle() {
    let registry = Registry::builtin()
        .with(&overrides(json!({
            "acme/one": { "retired": true, "successor": "two" },
            "acme/two": { "retired": true, "successor": "three" },
            "acme/three": {},
            "acme/egg": { "retired": true, "successor": "hen" },
            "acme/hen": { "retired": true, "successor": "egg" },
        })))
        .expect("the entries are well formed");

    assert_eq!(registry.resolve("one", OnRetired::Follow).expect("it ends").id, "three");
    let error = registry.resolve("egg", OnRetired::Follow).expect_err("it never ends");
    assert!(error.to_string().contains("no successor is known"), "{error}");
}

#[test]
fn settings_replace_what_they_name_and_keep_the_rest() {
    let registry = Registry::builtin()
        .with(&overrides(json!({
            "openai/gpt-4o": { "prices": { "output": "9.5", "batch": null }, "max_output": null, "aliases": ["ours"] },
        })))
        .expect("the entry is well formed");

    let entry = registry.find("ours").expect("the alias is new");
    let prices = entry.prices.as_ref().expect("they were kept");
    assert_eq!(prices.standard.output, Some("9.5".parse().expect("it is a decimal")));
    assert_eq!(prices.standard.input, Some("2.5".parse().expect("it is a decimal")));
    assert_eq!((entry.context, entry.max_output), (Some(128_000), None));
    assert!(prices.batch.is_none());
    assert!(registry.find("gpt-4o-2024-08-06").is_none(), "a list is replaced as a whole");
}

#[test]
fn settings_add_models_of_new_providers() {
    let registry = Registry::builtin()
        .with(&overrides(
            json!({ "acme/rocket": { "context": 1000, "prices": { "input": 1, "output": 2 } } }),
        ))
        .expect("the entry is well formed");

    assert_eq!(
        registry.resolve("acme/rocket", OnRetired::Refuse).expect("it is there").kind,
        ModelKind::Chat
    );
    assert!(registry.providers().any(|provider| provider == "acme"));
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    for (entries, told) in [
        (json!({ "openai/gpt-4o": { "contxt": 1 } }), "unknown field `contxt`"),
        (json!({ "openai/gpt-4o": { "prices": { "inptu": 1 } } }), "unknown field `inptu`"),
        (json!({ "openai/gpt-4o": { "prices": { "batch": { "inptu": 1 } } } }), "unknown field `inptu`"),
        (json!({ "openai/gpt-6-sol": { "prices": { "long": { "inptu": 1 } } } }), "unknown field `inptu`"),
        (json!({ "openai/gpt-4o": { "quirks": { "odd": true } } }), "unknown field `odd`"),
        (json!({ "openai/gpt-4o": { "capabilities": ["flying"] } }), "unknown variant `flying`"),
        (json!({ "openai/gpt-4o": { "excused": { "all": "no" } } }), "unknown variant `all`"),
        (json!({ "openai/gpt-4o": { "prices": { "input": "cheap" } } }), "`cheap` is not an amount"),
        (json!({ "openai/gpt-4o": { "prices": { "input": [] } } }), "expected a decimal"),
        (json!({ "openai/gpt-4o": { "id": "other" } }), "cannot be set"),
        (json!({ "openai/gpt-4o": 4 }), "have to be a table"),
        (json!({ "gpt-4o": {} }), "has to be `provider/id`"),
        (json!({ "openai/": {} }), "has to be `provider/id`"),
        (json!({ "openai/mine": { "aliases": ["gpt-4o"] } }), "`gpt-4o` means another model"),
    ] {
        let error = Registry::builtin().with(&overrides(entries.clone())).expect_err("it means nothing");

        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {cause}").contains(told), "{entries}: {error}: {cause}");
        assert_eq!((error.code(), error.class()), ("registry.invalid_entry", Class::Invalid));
    }
}

#[test]
fn a_document_that_is_none_is_refused() {
    let error = Registry::parse("{}").expect_err("everything is missing");

    assert_eq!(error.kind(), RegistryErrorKind::InvalidEntry);
    assert!(error.source().is_some());
}
