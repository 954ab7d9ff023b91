//! Where settings come from, in which order, and whom to blame for a bad one.

use std::path::Path;

use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

use crate::error::BoxError;
use crate::raw::RawSettings;
use crate::settings::Invalid;
use crate::{Environment, Error, ErrorKind};

const USUAL_FILE: &str = "codeflow.toml";
const PREFIX: &str = "CODEFLOW_";

/// Names that other tools use, too.
const ALIASES: [(&str, &str); 5] = [
    ("DATABASE_URL", "database.url"),
    ("DB_POOL_SIZE", "database.pool_size"),
    ("DB_MAX_OVERFLOW", "database.max_overflow"),
    ("DB_POOL_TIMEOUT", "database.pool_timeout"),
    ("DB_POOL_RECYCLE", "database.pool_recycle"),
];

/// All that was said, and by whom.
pub(crate) struct Sources(Figment);

impl Sources {
    pub(crate) fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, Error> {
        let mut figment = Figment::from(Serialized::defaults(RawSettings::default()));
        if let Some(file) = file.or_else(|| Some(Path::new(USUAL_FILE)).filter(|usual| usual.exists())) {
            figment = figment.merge(Document::read(file)?);
        }
        for variable in variables(environment)? {
            figment = figment.merge(variable);
        }
        Ok(Self(figment))
    }

    pub(crate) fn extract<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.0.extract().map_err(|error| {
            let key = error.path.join(".");
            let source = error.metadata.as_ref().map(|metadata| metadata.name.clone()).unwrap_or_default();
            // The error itself is not passed on: it would show the value, and that may be a password.
            match error.kind {
                Kind::UnknownField(field, known) => {
                    // Whether the path leads to the key or only to its section hangs on who found it.
                    let section = key.strip_suffix(field.as_str()).unwrap_or(&key).trim_end_matches('.');
                    let key = if section.is_empty() { field } else { format!("{section}.{field}") };
                    let known = known.join("`, `");
                    let context = format!("{source} sets `{key}`, which does not exist; there are `{known}`");
                    Error::new(ErrorKind::UnknownKey, context)
                }
                Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                    let expected = if expected == "usize" { "a whole number" } else { &expected };
                    let context = format!("{source} sets `{key}` to something that is not {expected}");
                    Error::new(ErrorKind::InvalidValue, context)
                }
                _ => {
                    let context = format!("{source} sets `{key}` to something that it cannot be");
                    Error::new(ErrorKind::InvalidValue, context)
                }
            }
        })
    }

    pub(crate) fn blame(&self, invalid: Invalid) -> Error {
        let source = self.0.find_metadata(invalid.key).map(|metadata| metadata.name.clone());
        let source = source.unwrap_or_else(|| "the default".into());
        Error::new(ErrorKind::InvalidValue, format!("{invalid} (set by {source})"))
    }
}

/// A settings file that has been read.
struct Document {
    name: String,
    values: Map<Profile, Dict>,
}

impl Document {
    fn read(file: &Path) -> Result<Self, Error> {
        let name = format!("`{}`", file.display());
        let unreadable = |source: BoxError| {
            Error::new(ErrorKind::UnreadableFile, format!("could not read the settings in {name}"))
                .with_source(source)
        };
        let text = std::fs::read_to_string(file).map_err(|source| unreadable(source.into()))?;
        let values = Toml::string(&text).data().map_err(|source| unreadable(source.into()))?;
        Ok(Self { name, values })
    }
}

impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(self.values.clone())
    }
}

/// One variable of the environment that is a setting.
struct Variable {
    name: String,
    key: String,
    value: String,
}

/// The variables that are settings. Our own names come last: they are the more exact ones.
fn variables(environment: &Environment) -> Result<Vec<Variable>, Error> {
    let aliases = ALIASES.iter().filter(|(name, _)| environment.find(name).is_some());
    let aliases = aliases.map(|(name, key)| ((*name).to_owned(), (*key).to_owned()));
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    let ours = names.filter_map(|name| {
        let (section, key) = name.strip_prefix(PREFIX)?.split_once("__")?;
        let key = format!("{section}.{}", key.replace("__", ".")).to_ascii_lowercase();
        Some((name.to_owned(), key))
    });
    aliases.chain(ours).map(|(name, key)| Variable::read(environment, name, key)).collect()
}

impl Variable {
    fn read(environment: &Environment, name: String, key: String) -> Result<Self, Error> {
        let value = environment.find(&name).unwrap_or_default().to_str();
        let value = value.map(str::to_owned).ok_or_else(|| {
            Error::new(ErrorKind::InvalidValue, format!("environment variable `{name}` is not UTF-8"))
        })?;
        Ok(Self { name, key, value })
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable `{}`", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        // Only numbers are more than text here: an address may look like a list or a truth value.
        let value = match self.value.parse::<u64>() {
            Ok(number) => Value::from(number),
            Err(_) => Value::from(self.value.clone()),
        };
        let nested = figment::util::nest(&self.key, value);
        Ok(nested.into_dict().map(|dict| Profile::Default.collect(dict)).unwrap_or_default())
    }
}
