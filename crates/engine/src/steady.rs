//! Hash maps whose order depends on nothing but what was done to them, so that a simulation of the engine can be
//! repeated. Their keys are identifiers of our own, which nobody outside chooses.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<DefaultHasher>>;
