//! Profiles: which one holds, what it changes, and that mistakes in the others are found.

use codeflow_config::{Environment, ErrorKind, Profile, Settings};

use crate::given::{load, refusal, settings};

const FILE: &str = r#"
[worker]
concurrency = 2
grace = "1s"

[profiles.staging.worker]
concurrency = 4

[profiles.prod]
worker = { concurrency = 8 }
log.filter = "warn"
"#;

fn under(profile: &str) -> Settings {
    load(FILE, &Environment::from([("CODEFLOW_PROFILE", profile)])).expect("it is valid")
}

#[test]
fn the_profile_is_dev_unless_the_environment_says_otherwise() {
    assert_eq!(settings(FILE).profile, Profile::Dev);
    assert_eq!(under("").profile, Profile::Dev);
    assert_eq!(under("staging").profile, Profile::Staging);
    assert_eq!(under("prod").profile, Profile::Prod);
}

#[test]
fn a_profile_changes_what_it_names_and_nothing_else() {
    for (profile, concurrency, filter) in [("dev", 2, "error"), ("staging", 4, "error"), ("prod", 8, "warn")]
    {
        let settings = under(profile);

        assert_eq!(settings.worker.concurrency, concurrency, "{profile}");
        assert_eq!(settings.worker.grace.as_secs(), 1, "{profile}");
        assert_eq!(settings.log.filter, filter, "{profile}");
    }
}

#[test]
fn the_environment_wins_over_the_profile() {
    let environment = [("CODEFLOW_PROFILE", "prod"), ("CODEFLOW_WORKER__CONCURRENCY", "3")];

    let settings = load(FILE, &Environment::from(environment)).expect("it is valid");

    assert_eq!(settings.worker.concurrency, 3);
}

#[test]
fn a_profile_that_does_not_exist_is_refused() {
    let chosen =
        load(FILE, &Environment::from([("CODEFLOW_PROFILE", "production")])).expect_err("it is wrong");
    assert_eq!(chosen.kind(), ErrorKind::InvalidValue);
    let expected = "environment variable `CODEFLOW_PROFILE` is none of the profiles `dev`, `staging`, `prod`";
    assert_eq!(chosen.to_string(), expected);

    let written = refusal("\n[profiles.production.worker]\nconcurrency = 1\n");
    assert_eq!(written.kind(), ErrorKind::UnknownKey);
    assert!(written.to_string().contains(":2` sets `profiles.production`"), "{written}");
    assert!(written.to_string().contains("`prod`"), "{written}");
}

#[test]
fn a_mistake_in_a_profile_is_found_whichever_one_holds() {
    let text = "[worker]\nconcurrency = 1\n[profiles.prod.worker]\nconcurency = 1\n";

    for profile in ["dev", "staging", "prod"] {
        let error = load(text, &Environment::from([("CODEFLOW_PROFILE", profile)])).expect_err("it is wrong");

        assert_eq!(error.kind(), ErrorKind::UnknownKey, "{profile}");
        assert!(error.to_string().contains(":4` sets `worker.concurency`"), "{error}");
    }
}

#[test]
fn a_value_in_a_profile_is_blamed_on_its_own_line() {
    let text = "[worker]\nconcurrency = 1\n[profiles.prod.worker]\nconcurrency = 0\n";

    for profile in ["dev", "prod"] {
        let error = load(text, &Environment::from([("CODEFLOW_PROFILE", profile)])).expect_err("it is wrong");

        assert!(error.to_string().starts_with("setting `worker.concurrency` must be at least 1"), "{error}");
        assert!(error.to_string().contains(":4`"), "{error}");
    }
}

#[test]
fn profiles_are_tables_without_profiles_in_them() {
    assert!(
        refusal("profiles = 3\n").to_string().ends_with("sets `profiles` to something that is not a table")
    );
    assert!(refusal("[profiles]\nprod = 3\n").to_string().contains(":2` sets `profiles.prod`"));
    let nested = refusal("[profiles.prod.profiles.dev.worker]\nconcurrency = 1\n");
    assert!(nested.to_string().contains("sets `profiles`, which does not exist"), "{nested}");
}

#[test]
fn a_place_of_a_secret_replaces_the_other_place() {
    let text = "[keys.a]\nsecret = { env = \"A\" }\n[profiles.prod.keys.a]\nsecret = { file = \"/run/secrets/a\" }\n";

    let settings = load(text, &Environment::from([("CODEFLOW_PROFILE", "prod")])).expect("it is valid");

    assert_eq!(settings.keys[0].secret.to_string(), "file `/run/secrets/a`");
}

#[test]
fn a_list_in_a_profile_replaces_the_list() {
    let text =
        "[policy]\ndeny_models = [\"a/b\", \"c/d\"]\n[profiles.prod.policy]\ndeny_models = [\"e/f\"]\n";

    let settings = load(text, &Environment::from([("CODEFLOW_PROFILE", "prod")])).expect("it is valid");

    assert_eq!(settings.policy.deny_models, ["e/f"]);
}

#[test]
fn secrets_of_other_profiles_are_not_fetched() {
    let text = "[profiles.prod.database]\nurl = { file = \"/nowhere/at/all\" }\n";

    assert!(load(text, &Environment::default()).is_ok());
    assert!(load(text, &Environment::from([("CODEFLOW_PROFILE", "prod")])).is_err());
}
