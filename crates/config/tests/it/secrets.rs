//! Where secrets may be, and that they are never shown.

use codeflow_config::{Environment, Error, ErrorKind, LocalSecrets, SecretReference, SecretSource, Settings};
use secrecy::{ExposeSecret, SecretString};

use crate::given::{file, load, nowhere};

const SECRET: &str = "a-secret-of-some-length";
const PASSWORD: &str = "hunter2";

fn database() -> String {
    format!("postgres://user:{PASSWORD}@host/db")
}

fn from_file(content: &[u8]) -> Result<SecretString, Error> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), content).expect("it can be written");
    LocalSecrets::default().read(&SecretReference::File(file.path().to_owned()))
}

#[tokio::test]
async fn a_secret_is_in_a_variable_a_file_or_here() {
    let file = file(&format!("{SECRET}\n"));
    let secrets = LocalSecrets::new(Environment::from([("TOKEN", SECRET)]));

    for reference in [
        SecretReference::Env("TOKEN".to_owned()),
        SecretReference::File(file.path().to_owned()),
        SecretReference::Inline(SECRET.into()),
    ] {
        let secret = secrets.resolve(&reference).await.expect("it is there");

        assert_eq!(secret.expose_secret(), SECRET);
        assert!(!format!("{reference} {reference:?}").contains(SECRET));
    }
}

#[test]
fn the_end_of_the_line_is_no_part_of_a_secret() {
    for content in [SECRET.to_owned(), format!("{SECRET}\n"), format!("{SECRET}\r\n")] {
        assert_eq!(from_file(content.as_bytes()).expect("it is valid").expose_secret(), SECRET);
    }
    assert_eq!(from_file(b" two words \n").expect("it is valid").expose_secret(), " two words ");
}

#[test]
fn a_file_without_a_secret_is_refused_and_not_shown() {
    let large = SECRET.repeat(3000);
    for (content, words) in [
        (&b"\n"[..], "it is empty"),
        (b"", "it is empty"),
        (b"a-secret-\xff", "it is not UTF-8"),
        (large.as_bytes(), "it is larger than 64 KiB"),
    ] {
        let error = from_file(content).expect_err("it is no secret");

        assert_eq!(error.kind(), ErrorKind::UnreadableSecret);
        assert!(error.to_string().ends_with(words), "{error}");
        assert!(!format!("{error:?}").contains("a-secret"), "{error:?}");
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_place() {
    let secrets = LocalSecrets::default();

    let file = secrets.read(&SecretReference::File(nowhere().to_owned())).expect_err("there is no such file");
    assert_eq!(file.to_string(), "could not read the secret in file `/nowhere/at/all`");
    assert!(std::error::Error::source(&file).is_some());

    let variable = secrets.read(&SecretReference::Env("TOKEN".to_owned())).expect_err("it is not set");
    assert!(variable.to_string().contains("environment variable `TOKEN` is not set"), "{variable}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let bytes = || OsString::from_vec(b"a-secret-\xff".to_vec());

    let secrets = LocalSecrets::new(Environment::from([("TOKEN", bytes())]));
    let error = secrets.read(&SecretReference::Env("TOKEN".to_owned())).expect_err("it is not text");
    assert!(error.to_string().contains("is not UTF-8"), "{error}");

    let error = Settings::load(None, &Environment::from([("DATABASE_URL", bytes())]));
    let error = error.expect_err("it is not text");
    assert_eq!(error.to_string(), "environment variable `DATABASE_URL` is not UTF-8");
}

#[test]
fn the_file_of_prod_holds_no_secrets() {
    let url = database();
    let key = "sk-0123456789abcdef";
    let text = format!(
        "[database]\nurl = \"{url}\"\n[keys.a]\nsecret = \"{key}\"\n[providers.openai]\nkey = \"{key}\"\n\
         headers = {{ x-api-key = \"{key}\", anthropic-version = \"2023-06-01\" }}\n",
    );

    assert!(load(&text, &Environment::default()).is_ok());
    let error =
        load(&text, &Environment::from([("CODEFLOW_PROFILE", "prod")])).expect_err("it holds secrets");

    let named =
        ["database.url", "keys.a.secret", "providers.openai.key", "providers.openai.headers.x-api-key"];
    assert_eq!(error.problems().len(), named.len(), "{error}");
    for name in named {
        let expected = format!("setting `{name}` holds a secret in the file, which profile `prod` refuses");
        assert!(error.to_string().contains(&expected), "{error}");
    }
    assert!(!error.to_string().contains(key) && !error.to_string().contains(PASSWORD), "{error}");
}

#[test]
fn the_environment_of_prod_may_hold_secrets() {
    let environment = Environment::from([
        ("CODEFLOW_PROFILE", "prod"),
        ("DATABASE_URL", database().as_str()),
        ("CODEFLOW_KEYS__A__SECRET", "0123456789abcdef"),
    ]);

    let settings = load("[keys.a]\nsecret = { env = \"A\" }\n", &environment).expect("the file holds none");

    assert_eq!(settings.keys[0].secret.to_string(), "the settings");
}

#[test]
fn an_address_without_a_password_may_stand_in_the_file_of_prod() {
    let prod = Environment::from([("CODEFLOW_PROFILE", "prod")]);
    for url in
        ["postgres://user@host/db", "postgres://host:5432/db", "data/codeflow.db", "postgres://host/a:b@c"]
    {
        assert!(load(&format!("[database]\nurl = \"{url}\"\n"), &prod).is_ok(), "{url}");
    }
    for url in [&*database(), "postgres://host/db?user=a&password=b"] {
        assert!(load(&format!("[database]\nurl = \"{url}\"\n"), &prod).is_err(), "{url}");
    }
}

#[test]
fn the_address_of_the_database_may_be_elsewhere() {
    let environment = Environment::from([("DB", database().as_str()), ("CODEFLOW_PROFILE", "prod")]);

    let settings = load("[database]\nurl = { env = \"DB\" }\n", &environment).expect("it is set");
    let url = settings.database.url.expect("it is set");
    assert_eq!(url.expose_secret(), database().as_str());

    let missing = load("[database]\nurl = { file = \"/nowhere/at/all\" }\n", &Environment::default());
    assert_eq!(missing.expect_err("there is no such file").kind(), ErrorKind::UnreadableSecret);
}

/// A place that this crate does not know.
struct Vault;

#[async_trait::async_trait]
impl SecretSource for Vault {
    async fn resolve(&self, reference: &SecretReference) -> Result<SecretString, Error> {
        match reference {
            SecretReference::File(path) if path.starts_with("vault") => Ok("from-the-vault-itself".into()),
            SecretReference::Env(_) | SecretReference::File(_) | SecretReference::Inline(_) => {
                Err(Error::unreadable_secret(format!("the vault has nothing for {reference}")))
            }
        }
    }
}

#[tokio::test]
async fn keys_may_come_from_somewhere_else() {
    let settings =
        load("[keys.a]\nsecret = { file = \"vault/a\" }\n", &Environment::default()).expect("it is valid");
    let missing = load("[keys.a]\nsecret = { env = \"A\" }\n", &Environment::default()).expect("it is valid");

    assert_eq!(settings.resolve_keys(&Vault).await.expect("the vault has it").len(), 1);
    let error = missing.resolve_keys(&Vault).await.expect_err("the vault has none");
    assert!(error.to_string().contains("the vault has nothing for environment variable `A`"), "{error}");
}
