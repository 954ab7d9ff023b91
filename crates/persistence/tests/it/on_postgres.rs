//! The conformance suite on PostgreSQL.

use codeflow_testkit::conformance::Subject;
use codeflow_testkit::{TestDb, conformance};

async fn postgres() -> Subject {
    TestDb::postgres().await.into_subject().await
}

conformance!(postgres);
