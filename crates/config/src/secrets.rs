//! Secrets: where settings say that one is, and how it is fetched from there. Settings hold references; what they lead
//! to is read when it is needed, so that a command line needs no server's keys.

use std::ffi::OsStr;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::checks::Checks;
use crate::{Environment, Error, ErrorKind};

const MAX_BYTES: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Clone, Debug)]
pub enum SecretReference {
    /// In a variable of the environment.
    Env(String),
    /// In a file, which a line break may end.
    File(PathBuf),
    /// Here: the settings say it themselves.
    Inline(SecretString),
}

impl fmt::Display for SecretReference {
    /// Names the place, never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Inline(_) => f.write_str("the settings"),
        }
    }
}

/// Fetches secrets. The program's own are [`LocalSecrets`]; a vault is another.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// Fetches one secret.
    ///
    /// # Errors
    /// [`UnreadableSecret`](ErrorKind::UnreadableSecret) when there is none at that place.
    async fn resolve(&self, reference: &SecretReference) -> Result<SecretString, Error>;
}

/// Secrets from the environment and from files.
#[derive(Clone, Default)]
pub struct LocalSecrets(Environment);

impl LocalSecrets {
    /// With the variables of this environment.
    pub fn new(environment: Environment) -> Self {
        Self(environment)
    }

    /// Fetches one secret. Files are small and local, so this waits for nobody.
    ///
    /// # Errors
    /// [`UnreadableSecret`](ErrorKind::UnreadableSecret) when the variable is not set, or when the file is missing,
    /// empty, larger than 64 KiB or not UTF-8.
    pub fn read(&self, reference: &SecretReference) -> Result<SecretString, Error> {
        match reference {
            SecretReference::Env(name) => from_variable(name, self.0.find(name)),
            SecretReference::File(path) => from_file(path),
            SecretReference::Inline(secret) => Ok(secret.clone()),
        }
    }
}

#[async_trait]
impl SecretSource for LocalSecrets {
    async fn resolve(&self, reference: &SecretReference) -> Result<SecretString, Error> {
        self.read(reference)
    }
}

fn from_variable(name: &str, value: Option<&OsStr>) -> Result<SecretString, Error> {
    let unreadable = |problem: &str| {
        let context = format!("could not read a secret: environment variable `{name}` {problem}");
        Error::new(ErrorKind::UnreadableSecret, context)
    };
    let value = value.ok_or_else(|| unreadable("is not set; set it, or change the setting that names it"))?;
    value.to_str().map(SecretString::from).ok_or_else(|| unreadable("is not UTF-8"))
}

fn from_file(path: &Path) -> Result<SecretString, Error> {
    let unreadable = |problem: &str| {
        let context = format!("could not read the secret in file `{}`{problem}", path.display());
        Error::new(ErrorKind::UnreadableSecret, context)
    };
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|source| unreadable("").with_source(source))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(": it is larger than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable(": it is not UTF-8"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(unreadable(": it is empty")),
        secret => Ok(SecretString::from(secret)),
    }
}

/// A secret: text, `{ env = "NAME" }` or `{ file = "/path" }`.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum RawSecret {
    /// The secret itself.
    Text(String),
    /// Where it is.
    Place(RawPlace),
}

/// Where a secret is.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPlace {
    env: Option<String>,
    file: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = RawSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `{ env = \"NAME\" }` or `{ file = \"/path\" }`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawSecret, E> {
                Ok(RawSecret::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawSecret, A::Error> {
                RawPlace::deserialize(MapAccessDeserializer::new(map)).map(RawSecret::Place)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

impl Checks {
    /// A reference to a secret. Which settings hold the secret themselves is remembered.
    pub(crate) fn secret(&mut self, key: &str, raw: RawSecret) -> SecretReference {
        if matches!(&raw, RawSecret::Text(text) if !text.is_empty()) {
            self.note_inline(key);
        }
        self.open(key, raw)
    }

    /// A reference to something that is written like a secret, and need not be one.
    pub(crate) fn open(&mut self, key: &str, raw: RawSecret) -> SecretReference {
        let nothing = SecretReference::Inline(SecretString::default());
        match raw {
            RawSecret::Text(text) if text.is_empty() => self.refuse(key, "is empty"),
            RawSecret::Text(text) => return SecretReference::Inline(text.into()),
            RawSecret::Place(RawPlace { env: Some(name), file: None }) if !name.is_empty() => {
                return SecretReference::Env(name);
            }
            RawSecret::Place(RawPlace { env: None, file: Some(path) }) if !path.as_os_str().is_empty() => {
                return SecretReference::File(path);
            }
            RawSecret::Place(_) => {
                self.refuse(key, "must name one place, `{ env = \"NAME\" }` or `{ file = \"/path\" }`");
            }
        }
        nothing
    }

    /// A reference to a secret that may be absent.
    pub(crate) fn optional_secret(&mut self, key: &str, raw: Option<RawSecret>) -> Option<SecretReference> {
        raw.map(|raw| self.secret(key, raw))
    }
}
