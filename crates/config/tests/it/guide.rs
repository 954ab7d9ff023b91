//! The guide for operators says what is true.

use codeflow_config::{Environment, LocalSecrets, Profile, default_toml};
use codeflow_model::Registry;

use crate::given;

const GUIDE: &str = include_str!("../../../../docs/guides/server.md");

/// The TOML in the guide; the last one is the complete file.
fn examples() -> Vec<&'static str> {
    let blocks = GUIDE.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default()).collect()
}

fn under(profile: &str) -> codeflow_config::Settings {
    let environment =
        Environment::from([("CODEFLOW_PROFILE", profile), ("CODEFLOW_DB", "postgres://host/db")]);
    let complete = examples().pop().expect("there is one");
    given::load(complete, &environment).expect("it is valid")
}

#[test]
fn every_example_can_be_used() {
    let examples = examples();

    assert_eq!(examples.len(), 3);
    for example in &examples[..2] {
        given::settings(example);
    }
}

#[tokio::test]
async fn the_complete_file_can_be_used_in_every_profile() {
    for profile in Profile::ALL {
        let settings = under(profile.name());

        assert_eq!(settings.profile, profile);
        Registry::builtin().with(&settings.models.overrides).expect("the models are valid");
        let names: Vec<&str> = settings.providers.iter().map(|provider| provider.name.as_str()).collect();
        assert_eq!(names, ["anthropic", "openai", "workstation"]);
    }
    assert!(under("dev").database.url.is_none());
    assert_eq!(under("prod").server.listen.to_string(), "0.0.0.0:8080");

    let mut dev = under("dev");
    dev.keys.retain(|key| key.name == "team-a");
    let keys = dev.resolve_keys(&LocalSecrets::default()).await.expect("its key is in the file");
    assert_eq!(keys.len(), 1);
}

#[test]
fn the_complete_file_names_models_that_there_are() {
    let settings = under("prod");
    let registry = Registry::builtin().with(&settings.models.overrides).expect("the models are valid");

    for model in settings.routes.iter().flat_map(|route| &route.models) {
        assert!(registry.find(model).is_some(), "{model}");
    }
}

#[test]
fn every_setting_of_the_server_is_in_the_guide() {
    let sections =
        ["server", "keys", "providers", "routes", "budgets", "limits", "cache", "retry", "breaker", "policy"];
    let text = default_toml();
    let mut section = String::new();
    let mut missing = Vec::new();
    for line in text.lines() {
        let line = line.trim_start_matches('#');
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).split('.').next().unwrap_or_default().to_owned();
        } else if let Some((key, _)) = line.trim_start().split_once(" = ")
            && sections.contains(&section.as_str())
            && !key.contains(' ')
            && !GUIDE.contains(&format!("`{key}`"))
        {
            missing.push(format!("{section}.{key}"));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
