//! What every storage of changed limits must do.

use std::any::Any;
use std::sync::Arc;

use codeflow_ratelimit::{EndpointClass, ErrorKind, Rate, RuleStore, Rules, StoredRules};

/// A storage of limits under test, in which nothing is saved yet.
pub struct LimitRulesSubject {
    store: Arc<dyn RuleStore>,
    _kept: Box<dyn Any + Send + Sync>,
}

impl LimitRulesSubject {
    /// A storage, and what must live as long.
    pub fn new(store: Arc<dyn RuleStore>, kept: impl Any + Send + Sync) -> Self {
        Self { store, _kept: Box::new(kept) }
    }
}

fn rules(per_minute: u32) -> Rules {
    let mut rules = Rules { global: Some(Rate { per_minute, burst: Some(7) }), ..Rules::default() };
    rules.address.classes.insert(EndpointClass::SignIn, Rate::per_minute(10));
    rules.tiers.entry("premium".to_owned()).or_default().all = Some(Rate::per_minute(u32::MAX));
    rules
}

/// What was saved last is what is loaded, with its version.
pub async fn limits_are_loaded_as_they_were_saved(subject: &LimitRulesSubject) {
    assert_eq!(subject.store.load().await.unwrap(), None);

    assert_eq!(subject.store.save(Some(&rules(1)), 0).await.unwrap(), 1);
    assert_eq!(subject.store.save(Some(&rules(2)), 1).await.unwrap(), 2);

    let stored = StoredRules { version: 2, rules: Some(rules(2)) };
    assert_eq!(subject.store.load().await.unwrap(), Some(stored));
}

/// Whoever has not seen the latest limits changes nothing.
pub async fn limits_are_only_changed_by_who_has_seen_the_latest(subject: &LimitRulesSubject) {
    let early = subject.store.save(Some(&rules(1)), 3).await.unwrap_err();
    subject.store.save(Some(&rules(1)), 0).await.unwrap();
    let again = subject.store.save(Some(&rules(2)), 0).await.unwrap_err();
    subject.store.save(Some(&rules(3)), 1).await.unwrap();
    let late = subject.store.save(Some(&rules(4)), 1).await.unwrap_err();

    let kinds = [early.kind(), again.kind(), late.kind()];
    assert_eq!(kinds, [ErrorKind::Conflict; 3]);
    assert_eq!(subject.store.load().await.unwrap().and_then(|stored| stored.rules), Some(rules(3)));
}

/// Limits can be taken back, which is a change like any other.
pub async fn limits_can_go_back_to_those_of_the_settings(subject: &LimitRulesSubject) {
    subject.store.save(Some(&rules(1)), 0).await.unwrap();

    assert_eq!(subject.store.save(None, 1).await.unwrap(), 2);

    assert_eq!(subject.store.load().await.unwrap(), Some(StoredRules { version: 2, rules: None }));
    assert_eq!(subject.store.save(Some(&rules(2)), 2).await.unwrap(), 3);
}

/// Of eight that change the same limits at once, one does.
pub async fn of_many_changes_at_once_one_is_made(subject: &LimitRulesSubject) {
    let mut changes = tokio::task::JoinSet::new();
    for number in 1..=8 {
        let store = subject.store.clone();
        changes.spawn(async move { store.save(Some(&rules(number)), 0).await });
    }

    let results = changes.join_all().await;

    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(subject.store.load().await.unwrap().map(|stored| stored.version), Some(1));
}
