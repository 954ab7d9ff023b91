//! The suite of accounts on the storage in memory.

use std::sync::Arc;

use codeflow_runtime::SystemClock;
use codeflow_testkit::conformance::AccountsSubject;
use codeflow_testkit::{MemoryAccounts, accounts_conformance};

async fn memory() -> AccountsSubject {
    let store = Arc::new(MemoryAccounts::new(Arc::new(SystemClock)));
    AccountsSubject::new(Arc::clone(&store), store, ())
}

accounts_conformance!(memory);
