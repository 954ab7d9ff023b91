//! The conformance suite on PostgreSQL.

use codeflow_testkit::conformance::Subject;
use codeflow_testkit::{TestDb, conformance};

async fn postgres() -> Subject {
    TestDb::postgres().await.into_subject().await
}

conformance!(postgres);

mod accounts {
    //! The suite of accounts.

    use codeflow_testkit::conformance::AccountsSubject;
    use codeflow_testkit::{TestDb, accounts_conformance};

    async fn subject() -> AccountsSubject {
        TestDb::postgres().await.into_accounts().await
    }

    accounts_conformance!(subject);
}
