//! The conformance suite on PostgreSQL.

use codeflow_testkit::conformance::Subject;
use codeflow_testkit::{TestDb, conformance};

async fn postgres() -> Subject {
    TestDb::postgres().await.into_subject().await
}

conformance!(postgres);

mod in_company {
    //! The same suite, where no move is written alone: that has a statement of its own.

    use codeflow_testkit::conformance;
    use codeflow_testkit::conformance::Subject;

    async fn postgres() -> Subject {
        super::postgres().await.in_company()
    }

    conformance!(postgres);
}

mod accounts {
    //! The suite of accounts.

    use codeflow_testkit::conformance::AccountsSubject;
    use codeflow_testkit::{TestDb, accounts_conformance};

    async fn subject() -> AccountsSubject {
        TestDb::postgres().await.into_accounts().await
    }

    accounts_conformance!(subject);
}

mod identity {
    //! The suite of identity.

    use codeflow_testkit::conformance::IdentitySubject;
    use codeflow_testkit::{TestDb, identity_conformance};

    async fn subject() -> IdentitySubject {
        TestDb::postgres().await.into_identity().await
    }

    identity_conformance!(subject);
}

mod limit_rules {
    //! The suite of changed limits.

    use codeflow_testkit::conformance::LimitRulesSubject;
    use codeflow_testkit::{TestDb, limit_rules_conformance};

    async fn subject() -> LimitRulesSubject {
        TestDb::postgres().await.into_limit_rules().await
    }

    limit_rules_conformance!(subject);
}
