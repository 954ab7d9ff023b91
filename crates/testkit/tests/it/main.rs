//! The model in memory keeps the same promises as the databases; the provider on this machine keeps its own.

#[cfg(feature = "providers")]
#[expect(clippy::unwrap_used, reason = "what helps a test may fail it")]
mod providers;
mod sources;

use std::sync::Arc;

use codeflow_testkit::conformance::Subject;
use codeflow_testkit::{ManualClock, MemoryStore, conformance};

async fn memory() -> Subject {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
    Subject::new(store, Some(clock), ())
}

conformance!(memory);

mod identity {
    //! The suite of identity.

    use std::sync::Arc;

    use codeflow_auth::{ErrorKind, SecretStore, UserStore};
    use codeflow_testkit::conformance::IdentitySubject;
    use codeflow_testkit::{MemoryIdentity, identity_conformance};

    async fn subject() -> IdentitySubject {
        let store = MemoryIdentity::new();
        IdentitySubject::new(Arc::new(store.clone()), Arc::new(store), ())
    }

    identity_conformance!(subject);

    #[tokio::test]
    async fn a_memory_that_is_away_answers_nobody_until_it_is_back() {
        let store = MemoryIdentity::new();
        store.secret("name", b"value").await.unwrap();

        store.set_away(true);
        let away = store.clone().count_users(None, 1).await.unwrap_err();
        store.set_away(false);

        assert_eq!(away.kind(), ErrorKind::Unavailable);
        assert!(store.take_secret("name", b"value").await.unwrap());
    }
}
