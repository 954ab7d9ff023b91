//! Who may call the server.

use codeflow_config::{Environment, ErrorKind, Key, LocalSecrets, Settings, key_digest};
use codeflow_core::Coded;

use crate::given::{load, refused, settings};

const LONG: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";

async fn resolve(text: &str, environment: Environment) -> Result<Vec<Key>, codeflow_config::Error> {
    let settings = load(text, &environment).expect("each setting is valid");
    settings.resolve_keys(&LocalSecrets::new(environment)).await
}

#[test]
fn a_key_has_a_tenant_and_what_it_may_do() {
    let settings = settings(
        "[keys.ci]\nsecret = { env = \"CI\" }\ntenant = \"acme\"\nuser = \"Ada\"\nmodels = [\"fast\", \"openai/*\"]\n\
         requests_per_minute = 60\ntokens_per_minute = 1000\n[keys.plain]\nsecret = { env = \"PLAIN\" }\n",
    );

    let [ci, plain] = settings.keys.as_slice() else { panic!("there are two") };
    assert_eq!((ci.name.as_str(), ci.tenant.as_str(), ci.user.as_deref()), ("ci", "acme", Some("Ada")));
    assert_eq!(ci.models.as_deref(), Some(["fast".to_owned(), "openai/*".to_owned()].as_slice()));
    assert_eq!(ci.requests_per_minute.map(u32::from), Some(60));
    assert_eq!(ci.tokens_per_minute.map(u32::from), Some(1000));
    assert_eq!((plain.tenant.as_str(), &plain.user, &plain.models), ("default", &None, &None));
    assert_eq!((plain.requests_per_minute, plain.tokens_per_minute), (None, None));
    assert_eq!(plain.tier, "service");
}

#[test]
fn a_key_has_the_tier_that_settings_give_it() {
    let of = |tier: &str| format!("[keys.ci]\nsecret = {{ env = \"CI\" }}\ntier = \"{tier}\"\n");
    let own = format!("{}[limits.requests.tiers.partner]\nper_minute = 7\n", of("partner"));

    assert_eq!(settings(&of("premium")).keys[0].tier, "premium");
    assert_eq!(settings(&own).keys[0].tier, "partner");
    refused([
        (of("partner").as_str(), "`keys.ci.tier` is the name of no tier of `[limits.requests]`"),
        (of("a b").as_str(), "`keys.ci.tier` needs a name of 1 to 64 letters"),
    ]);
}

#[tokio::test]
async fn keys_are_kept_as_digests() {
    let keys = resolve("[keys.ci]\nsecret = { env = \"CI\" }\n", Environment::from([("CI", LONG)])).await;

    let keys = keys.expect("it is long enough");
    assert_eq!(keys[0].settings.name, "ci");
    assert_eq!(keys[0].digest, key_digest(LONG));
    assert!(!format!("{keys:?}").contains(LONG));
    // The digest that any other program computes: SHA-256.
    let known = key_digest("abc").map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(known, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[tokio::test]
async fn one_key_needs_no_file() {
    let keys =
        resolve("", Environment::from([("CODEFLOW_MASTER_KEY", LONG)])).await.expect("it is long enough");

    let [key] = keys.as_slice() else { panic!("there is one") };
    assert_eq!((key.settings.name.as_str(), key.settings.tenant.as_str()), ("master", "default"));
    assert_eq!(key.digest, key_digest(LONG));
}

#[test]
fn the_name_of_the_master_key_is_taken_only_where_there_is_one() {
    let text = "[keys.master]\nsecret = { env = \"X\" }\n";

    assert!(load(text, &Environment::default()).is_ok());
    let error = load(text, &Environment::from([("CODEFLOW_MASTER_KEY", LONG)])).expect_err("there are two");
    assert!(
        error.to_string().contains("`keys.master` is the name of the key in CODEFLOW_MASTER_KEY"),
        "{error}"
    );
}

#[tokio::test]
async fn keys_are_long_and_fit_into_a_header() {
    for (secret, words) in
        [("0123456789abcde", "shorter than 16 characters"), ("0123456789 abcdef", "no header can carry")]
    {
        let error = resolve("", Environment::from([("CODEFLOW_MASTER_KEY", secret)])).await;

        let error = error.expect_err("it is no good key");
        assert_eq!(error.kind(), ErrorKind::InvalidValue);
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            error.to_string().contains("`keys.master` in environment variable `CODEFLOW_MASTER_KEY`"),
            "{error}"
        );
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

#[tokio::test]
async fn two_names_for_one_key_are_refused() {
    let text = "[keys.a]\nsecret = { env = \"A\" }\n[keys.b]\nsecret = { env = \"B\" }\n";

    let same =
        resolve(text, Environment::from([("A", LONG), ("B", LONG)])).await.expect_err("they are the same");
    let two = resolve(text, Environment::from([("A", LONG), ("B", OTHER)])).await.expect("they differ");

    assert!(same.to_string().contains("`keys.b`"), "{same}");
    assert!(same.to_string().contains("the same as that of `keys.a`"), "{same}");
    assert_eq!(two.len(), 2);
}

#[tokio::test]
async fn all_keys_that_cannot_be_used_are_told_at_once() {
    let text = "[keys.a]\nsecret = { env = \"A\" }\n[keys.b]\nsecret = { env = \"B\" }\n[keys.c]\nsecret = { env = \"C\" }\n";

    let error =
        resolve(text, Environment::from([("B", "short"), ("C", LONG)])).await.expect_err("two are bad");

    assert_eq!(error.problems().len(), 2);
    assert_eq!(error.code(), "config.unreadable_secret");
    assert!(error.problems()[0].contains("environment variable `A` is not set"), "{error}");
}

#[test]
fn a_key_without_what_it_needs_is_refused() {
    refused([
        ("[keys.a]\ntenant = \"x\"", "sets `keys.a` without `secret`, which it needs"),
        ("[keys.a]\nsecret = \"\"", "`keys.a.secret` is empty"),
        ("[keys.a]\nsecret = { env = \"X\", file = \"/x\" }", "`keys.a.secret` must name one place"),
        ("[keys.a]\nsecret = { env = \"\" }", "`keys.a.secret` must name one place"),
        ("[keys.a]\nsecret = { file = \"\" }", "`keys.a.secret` must name one place"),
        ("[keys.a]\nsecret = { vault = \"x\" }", "sets `keys.a.secret.vault`, which does not exist"),
        ("[keys.a]\nsecret = 3", "is not a text, `{ env = \"NAME\" }` or `{ file = \"/path\" }`"),
        ("[keys.\"a b\"]\nsecret = \"x\"", "needs a name of 1 to 64 letters"),
        ("[keys.a]\nsecret = \"x\"\ntenant = \"\"", "`keys.a.tenant` needs a name"),
        ("[keys.a]\nsecret = \"x\"\nuser = \" \"", "`keys.a.user` is empty"),
        ("[keys.a]\nsecret = \"x\"\nuser = \"a\\nb\"", "`keys.a.user` holds control characters"),
        ("[keys.a]\nsecret = \"x\"\nmodels = [\"a*b\"]", "a `*` may only stand at the end"),
        ("[keys.a]\nsecret = \"x\"\nmodels = [\"\"]", "`keys.a.models` names models as"),
        ("[keys.a]\nsecret = \"x\"\nrequests_per_minute = 0", "leave it out for no limit"),
        ("[keys.a]\nsecret = \"x\"\nscope = 1", "sets `keys.a.scope`, which does not exist"),
    ]);
}

#[test]
fn keys_can_be_made_in_the_environment_alone() {
    let environment = Environment::from([
        ("CODEFLOW_KEYS__CI__SECRET", "0012345678901234567"),
        ("CODEFLOW_KEYS__CI__MODELS", "fast, openai/*"),
    ]);

    let settings = Settings::load(None, &environment).expect("they are valid");

    assert_eq!(settings.keys[0].name, "ci");
    assert_eq!(settings.keys[0].models.as_deref().map(<[_]>::len), Some(2));
}
