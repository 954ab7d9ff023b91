//! Which names mean which entries, and which names come near one that means nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::registry::{ModelEntry, RegistryError};

/// The longest name that is compared with others.
const LONGEST: usize = 128;
/// How many names are suggested.
const SUGGESTIONS: usize = 3;

/// An index over entries; positions are those of the list it was made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    by_key: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
    providers: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(entries: &[Arc<ModelEntry>]) -> Result<Self, RegistryError> {
        let mut names = Self::default();
        for (position, entry) in entries.iter().enumerate() {
            names.providers.insert(entry.provider.clone());
            for name in entry.names() {
                let key = format!("{}/{name}", entry.provider);
                if names.by_key.insert(key, position).is_some() {
                    let what = format!("`{name}` means another model of this provider already");
                    return Err(RegistryError::invalid(&entry.key(), &what));
                }
                names.by_name.entry(name.to_owned()).or_default().push(position);
            }
        }
        Ok(names)
    }

    /// All entries that a name means, the first being the one to take. A name that begins with a provider
    /// never means a model of another one.
    pub(super) fn positions(&self, name: &str) -> &[usize] {
        let (is_bound, found) = match name.split_once('/') {
            Some((provider, _)) if self.providers.contains(provider) => {
                (true, self.by_key.get(name).map(std::slice::from_ref))
            }
            _ => (false, None),
        };
        if is_bound {
            return found.unwrap_or_default();
        }
        self.by_name.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(String::as_str)
    }

    /// Names that somebody may have meant, the nearest first.
    pub(super) fn near(&self, name: &str) -> Vec<String> {
        if name.len() > LONGEST {
            return Vec::new();
        }
        let lower = name.to_lowercase();
        let bare = self.by_name.keys().map(|known| (distance(&lower, known), known));
        let full =
            self.by_key.keys().filter(|_| lower.contains('/')).map(|known| (distance(&lower, known), known));
        let elsewhere =
            self.by_key.keys().filter(|key| key.ends_with(&format!("/{lower}"))).map(|key| (0, key));
        let close = (lower.chars().count() / 4).max(1);
        let found = bare.chain(full).chain(elsewhere).filter(|(distance, _)| *distance <= close);
        let found: BTreeSet<(usize, &String)> = found.collect();
        found.into_iter().take(SUGGESTIONS).map(|(_, known)| known.clone()).collect()
    }
}

fn distance(left: &str, right: &str) -> usize {
    strsim::osa_distance(left, &right.to_lowercase())
}
