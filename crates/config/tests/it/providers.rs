//! Providers: from settings, and from vendors' own variables.

use std::time::Duration;

use codeflow_config::{
    Environment, ErrorKind, ProviderCredentials, ProviderSettings, SecretReference, VendorVariables,
};
use secrecy::ExposeSecret;

use crate::given::{refused, settings};

fn names<const COUNT: usize>(names: [&str; COUNT]) -> [String; COUNT] {
    names.map(str::to_owned)
}

fn openai<const COUNT: usize>(variables: [(&str, &str); COUNT]) -> Option<ProviderSettings> {
    let named = VendorVariables {
        key: &names(["OPENAI_API_KEY", "OPENAI_KEY"]),
        base_url: &names(["OPENAI_BASE_URL", "OPENAI_API_BASE"]),
        ..VendorVariables::default()
    };
    let environment = Environment::from(variables);
    ProviderSettings::from_environment("openai", named, &environment).expect("the variables are valid")
}

fn bedrock<const COUNT: usize>(variables: [(&str, &str); COUNT]) -> Option<ProviderSettings> {
    let named = VendorVariables {
        key: &names(["BEDROCK_KEY"]),
        region: &names(["AWS_REGION", "AWS_DEFAULT_REGION"]),
        identity: Some(["ID", "SECRET", "TOKEN"]),
        ..VendorVariables::default()
    };
    let environment = Environment::from(variables);
    ProviderSettings::from_environment("bedrock", named, &environment).expect("the variables are valid")
}

#[test]
fn a_provider_is_named_after_its_vendor_and_needs_nothing_else() {
    let settings = settings("[providers.openai]\nkey = { env = \"OPENAI_API_KEY\" }\n");

    let [provider] = settings.providers.as_slice() else { panic!("there is one") };
    assert_eq!(provider.name, "openai");
    assert_eq!(provider.vendor, "openai");
    assert!(
        matches!(&provider.credentials, ProviderCredentials::Key(SecretReference::Env(name)) if name == "OPENAI_API_KEY")
    );
    assert_eq!((&provider.base_url, &provider.region, &provider.models), (&None, &None, &None));
    assert!(provider.headers.is_empty());
    assert_eq!(provider.timeouts.connect, Duration::from_secs(10));
    assert_eq!(provider.timeouts.first_token, Duration::from_secs(60));
    assert_eq!(provider.timeouts.between_tokens, Duration::from_secs(60));
    assert_eq!(provider.timeouts.total, Duration::from_secs(600));
    assert_eq!(provider.max_connections, 1024);
}

#[test]
fn everything_about_a_provider_can_be_said() {
    let settings = settings(
        "[providers.inhouse]\nvendor = \"compatible\"\nbase_url = \"http://10.1.2.3:8000/v1\"\nregion = \"eu\"\n\
         headers = { X-Team = \"core\", x-token = { env = \"T\" } }\nconnect_timeout = \"1s\"\nfirst_token_timeout = 2\n\
         between_tokens_timeout = \"3s\"\ntotal_timeout = \"4m\"\nmax_connections = 5\nmodels = [\"llama\"]\n\
         overrides = { asks_for_usage = false }\n",
    );

    let provider = &settings.providers[0];
    assert_eq!(provider.vendor, "compatible");
    assert_eq!(provider.base_url.as_deref(), Some("http://10.1.2.3:8000/v1"));
    assert_eq!(provider.overrides["asks_for_usage"], false);
    assert_eq!(provider.region.as_deref(), Some("eu"));
    let [(team, core), (token, place)] = provider.headers.as_slice() else { panic!("there are two") };
    assert_eq!((team.as_str(), token.as_str()), ("x-team", "x-token"));
    assert!(matches!(core, SecretReference::Inline(value) if value.expose_secret() == "core"));
    assert_eq!(place.to_string(), "environment variable `T`");
    assert_eq!(provider.timeouts.first_token, Duration::from_secs(2));
    assert_eq!(provider.timeouts.total, Duration::from_secs(240));
    assert_eq!(provider.max_connections, 5);
    assert_eq!(provider.models.as_deref(), Some(["llama".to_owned()].as_slice()));
    assert!(matches!(provider.credentials, ProviderCredentials::None));
}

#[test]
fn aws_has_two_or_three_secrets() {
    let text = "[providers.bedrock]\naws_access_key_id = { env = \"ID\" }\naws_secret_access_key = { env = \"KEY\" }\n";

    let two = settings(text);
    let three =
        settings(&format!("{text}aws_session_token = {{ env = \"TOKEN\" }}\nvendor = \"amazon-bedrock\"\n"));

    let ProviderCredentials::Aws { access_key_id, secret_access_key, session_token } =
        &two.providers[0].credentials
    else {
        panic!("they are for AWS")
    };
    assert_eq!(access_key_id.to_string(), "environment variable `ID`");
    assert_eq!(secret_access_key.to_string(), "environment variable `KEY`");
    assert!(session_token.is_none());
    assert!(matches!(
        &three.providers[0].credentials,
        ProviderCredentials::Aws { session_token: Some(SecretReference::Env(name)), .. } if name == "TOKEN"
    ));
    assert_eq!(three.providers[0].vendor, "amazon-bedrock");
}

#[test]
fn entries_that_make_no_sense_are_refused() {
    refused([
        ("[providers.a]\nbase_url = \"models.example\"", "`providers.a.base_url` is not an address"),
        ("[providers.a]\nbase_url = \"ftp://models.example\"", "must begin with https:// or http://"),
        ("[providers.a]\nbase_url = \"https://u:p@models.example\"", "holds a user or password"),
        ("[providers.a]\nbase_url = \"https://models.example/?key=1\"", "leave out `?` and `#`"),
        ("[providers.a]\nkey = \"x\"\naws_access_key_id = \"y\"", "`providers.a` needs either `key`, or"),
        ("[providers.a]\naws_access_key_id = \"y\"", "`providers.a` needs either `key`, or"),
        ("[providers.a]\nheaders = { \"a b\" = \"c\" }", "is not the name of a header"),
        ("[providers.a]\nheaders = { b = \"\" }", "`providers.a.headers.b` is empty"),
        ("[providers.a]\ntotal_timeout = \"0s\"", "`providers.a.total_timeout` must be longer than nothing"),
        ("[providers.a]\nmax_connections = 0", "`providers.a.max_connections` must be at least 1"),
        ("[providers.a]\nvendor = \" \"", "`providers.a.vendor` is empty"),
        ("[providers.\"a/b\"]\nregion = \"x\"", "needs a name of 1 to 64 letters"),
        ("[providers.a]\napi_key = \"x\"", "sets `providers.a.api_key`, which does not exist"),
    ]);
}

#[test]
fn the_first_of_a_vendors_variables_that_is_set_counts() {
    let both = openai([("OPENAI_KEY", "b"), ("OPENAI_API_KEY", "a")]).expect("it is configured");
    let second = openai([("OPENAI_KEY", "b"), ("OPENAI_API_KEY", "")]).expect("it is configured");

    for (provider, variable) in [(both, "OPENAI_API_KEY"), (second, "OPENAI_KEY")] {
        let ProviderCredentials::Key(key) = &provider.credentials else { panic!("it has a key") };
        assert_eq!(key.to_string(), format!("environment variable `{variable}`"));
        assert_eq!(provider.vendor, "openai");
    }
}

#[test]
fn without_its_variables_a_vendor_is_not_configured() {
    assert!(openai([]).is_none());
    assert!(openai([("OPENAI_API_KEY", ""), ("ANTHROPIC_API_KEY", "x")]).is_none());
}

#[test]
fn an_address_in_a_variable_is_enough_and_may_be_bare() {
    for (address, variable) in [
        ("http://localhost:9/v1", "OPENAI_BASE_URL"),
        ("https://models.example/v1", "OPENAI_API_BASE"),
        ("[::1]:11434", "OPENAI_BASE_URL"),
        ("127.0.0.1", "OPENAI_BASE_URL"),
    ] {
        let provider = openai([(variable, address)]).expect("it is configured");

        assert_eq!(provider.base_url.as_deref(), Some(address));
        assert!(matches!(provider.credentials, ProviderCredentials::None));
    }
}

#[test]
fn an_identity_stands_in_for_a_key_and_needs_both_its_parts() {
    let identity = bedrock([("ID", "a"), ("SECRET", "b"), ("AWS_DEFAULT_REGION", "eu-west-1")]);
    let key = bedrock([("ID", "a"), ("SECRET", "b"), ("BEDROCK_KEY", "c")]);
    let whole = bedrock([("ID", "a"), ("SECRET", "b"), ("TOKEN", "c")]);

    let identity = identity.expect("it is configured");
    assert_eq!(identity.region.as_deref(), Some("eu-west-1"));
    assert!(matches!(identity.credentials, ProviderCredentials::Aws { session_token: None, .. }));
    let whole = whole.expect("it is configured");
    assert!(matches!(whole.credentials, ProviderCredentials::Aws { session_token: Some(_), .. }));
    assert!(matches!(key.expect("it is configured").credentials, ProviderCredentials::Key(_)));
    assert!(bedrock([("ID", "a"), ("AWS_REGION", "eu-west-1")]).is_none());
}

#[test]
fn an_address_that_is_none_is_blamed_on_its_variable() {
    let password = "hunter2";
    let environment = Environment::from([("OPENAI_BASE_URL", format!("https://u:{password}@host"))]);

    let named = VendorVariables { base_url: &names(["OPENAI_BASE_URL"]), ..VendorVariables::default() };
    let error = ProviderSettings::from_environment("openai", named, &environment);

    let error = error.expect_err("it holds a password");
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    assert!(error.to_string().starts_with("environment variable `OPENAI_BASE_URL` holds a user"), "{error}");
    assert!(!error.to_string().contains(password));
}
