//! Which models there are: data with a date, overridden by settings, linted when loaded. Whether a provider is
//! configured or away is not known here.

mod entry;
mod error;
mod feature;
mod fit;
mod lint;
mod names;
mod overrides;

use std::sync::{Arc, LazyLock};

use chrono::NaiveDate;
use serde::Deserialize;

use names::Names;

pub use entry::{ModelEntry, ModelKind, Quirks};
pub use error::{RegistryError, RegistryErrorKind};
pub use feature::ModelFeature;
pub use lint::{Finding, Lint};
pub use overrides::Overrides;

/// What the crate knows by itself.
static BUILTIN: LazyLock<Registry> = LazyLock::new(|| {
    Registry::parse(include_str!("../data/models.json")).expect("a test reads the same text")
});

/// Models by name. Cheap to clone: entries are shared.
///
/// ```
/// use codeflow_model::{BilledTokens, OnRetired, Registry, Terms};
///
/// let model = Registry::builtin().resolve("openai/gpt-4o", OnRetired::Refuse)?;
/// let used = BilledTokens { input: 1_000, output: 500, ..BilledTokens::default() };
///
/// let cost = model.prices.as_ref().and_then(|prices| prices.cost(&used, Terms::default()));
/// assert_eq!(cost.map(|usd| usd.micros()), Some(7_500));
/// # Ok::<(), codeflow_model::RegistryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    date: NaiveDate,
    source: Arc<str>,
    entries: Vec<Arc<ModelEntry>>,
    names: Names,
    findings: Vec<Finding>,
}

/// What to do with a name of a model that is not served any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRetired {
    /// Say so, and name the successor.
    #[default]
    Refuse,
    /// Take the successor.
    Follow,
}

/// The data as it stands in its file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    date: NaiveDate,
    source: String,
    #[serde(rename = "unit")]
    _unit: String,
    #[serde(rename = "corrections")]
    _corrections: Vec<String>,
    models: Vec<ModelEntry>,
}

impl Registry {
    /// The models that CodeFlow knows by itself.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a document of the same form as the built-in one.
    ///
    /// # Errors
    ///
    /// `InvalidEntry`.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let document: Document = serde_json::from_str(text)
            .map_err(|error| RegistryError::invalid("*", "the document is malformed").with_source(error))?;
        Self::new(document.date, document.source.into(), document.models.into_iter().map(Arc::new).collect())
    }

    /// The same with entries overridden and added.
    ///
    /// # Errors
    ///
    /// `InvalidEntry`.
    pub fn with(&self, overrides: &Overrides) -> Result<Self, RegistryError> {
        Self::new(self.date, Arc::clone(&self.source), overrides.apply(&self.entries)?)
    }

    fn new(date: NaiveDate, source: Arc<str>, entries: Vec<Arc<ModelEntry>>) -> Result<Self, RegistryError> {
        let names = Names::of(&entries)?;
        let mut registry = Self { date, source, entries, names, findings: Vec::new() };
        registry.findings = registry.lint(date);
        Ok(registry)
    }

    /// The day of the built-in data.
    pub fn date(&self) -> NaiveDate {
        self.date
    }

    /// Where the built-in data comes from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// All entries, retired ones too, in the order of the document.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<ModelEntry>> {
        self.entries.iter()
    }

    /// All providers, in the order of the alphabet.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.names.providers()
    }

    /// What seemed odd when the registry was loaded, on the day of its data.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What seems odd on a given day.
    pub fn lint(&self, today: NaiveDate) -> Vec<Finding> {
        lint::all(self, today)
    }

    /// The entry that a name means: an id, another name, or `provider/name`, retired or not. If several
    /// providers serve a bare name, it is the first of [`offers`](Self::offers).
    pub fn find(&self, name: &str) -> Option<&Arc<ModelEntry>> {
        self.offers(name).next()
    }

    /// Everybody who serves what a name means, in the order of the document; at most one for `provider/name`.
    pub fn offers(&self, name: &str) -> impl Iterator<Item = &Arc<ModelEntry>> {
        self.names.positions(name).iter().filter_map(|position| self.entries.get(*position))
    }

    /// The entry to use for a name.
    ///
    /// # Errors
    ///
    /// `UnknownModel` with near misses; `RetiredModel` with the successor, unless it is to be followed.
    pub fn resolve(&self, name: &str, on_retired: OnRetired) -> Result<&Arc<ModelEntry>, RegistryError> {
        let found = self.find(name).ok_or_else(|| RegistryError::unknown(name, self.names.near(name)))?;
        if !found.retired {
            return Ok(found);
        }
        let last = self.last_of_line(found);
        match (last, on_retired) {
            (Some(successor), OnRetired::Follow) => Ok(successor),
            (successor, OnRetired::Follow | OnRetired::Refuse) => {
                Err(RegistryError::retired(&found.key(), successor.map(|entry| entry.key())))
            }
        }
    }

    /// The entry that takes the place of another one, of the same provider.
    pub fn successor(&self, entry: &ModelEntry) -> Option<&Arc<ModelEntry>> {
        let name = entry.successor.as_ref()?;
        self.find(&format!("{}/{name}", entry.provider))
    }

    /// The first successor that is still served. A circle has none.
    fn last_of_line(&self, entry: &ModelEntry) -> Option<&Arc<ModelEntry>> {
        let mut next = self.successor(entry)?;
        for _ in 0..self.entries.len() {
            if !next.retired {
                return Some(next);
            }
            next = self.successor(next)?;
        }
        None
    }
}
