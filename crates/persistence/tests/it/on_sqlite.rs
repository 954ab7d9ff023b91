//! The conformance suite on SQLite.

use codeflow_testkit::conformance::Subject;
use codeflow_testkit::{TestDb, conformance};

async fn sqlite() -> Subject {
    TestDb::sqlite().await.into_subject().await
}

conformance!(sqlite);
