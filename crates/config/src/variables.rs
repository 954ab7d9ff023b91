//! The variables of the environment that are settings.

use figment::value::{Dict, Value};

use crate::{Environment, Error, ErrorKind};

const PREFIX: &str = "CODEFLOW_";

/// Names that other tools use, too.
const ALIASES: [(&str, &str); 5] = [
    ("DATABASE_URL", "database.url"),
    ("DB_POOL_SIZE", "database.pool_size"),
    ("DB_MAX_OVERFLOW", "database.max_overflow"),
    ("DB_POOL_TIMEOUT", "database.pool_timeout"),
    ("DB_POOL_RECYCLE", "database.pool_recycle"),
];

/// One variable of the environment that is a setting.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) key: String,
    value: String,
}

/// The variables that are settings, in the order in which they hold. Our own names come last: they are the more exact ones.
pub(crate) fn read(environment: &Environment) -> Result<Vec<Variable>, Error> {
    let aliases = ALIASES.iter().map(|(name, key)| ((*name).to_owned(), (*key).to_owned()));
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    let ours = names.filter_map(|name| {
        let (section, key) = name.strip_prefix(PREFIX)?.split_once("__")?;
        let key = format!("{section}.{}", key.replace("__", ".")).to_ascii_lowercase();
        Some((name.to_owned(), key))
    });
    let all = aliases.chain(ours).filter(|(name, _)| environment.find(name).is_some());
    all.map(|(name, key)| Variable::read(environment, name, key)).collect()
}

impl Variable {
    fn read(environment: &Environment, name: String, key: String) -> Result<Self, Error> {
        let value = environment.text(&name)?.unwrap_or_default().to_owned();
        Ok(Self { name, key, value })
    }

    /// What it says, as a file would.
    pub(crate) fn values(&self) -> Dict {
        // Text it stays: an address may look like a list, and a key like a number. Who wants a number reads it.
        figment::util::nest(&self.key, Value::from(self.value.clone())).into_dict().unwrap_or_default()
    }
}

impl Environment {
    /// Finds a variable that is set to text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let text = value.to_str().ok_or_else(|| {
            Error::new(ErrorKind::InvalidValue, format!("environment variable `{name}` is not UTF-8"))
        })?;
        Ok(Some(text))
    }
}
