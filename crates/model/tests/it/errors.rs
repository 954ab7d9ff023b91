//! The kinds of failure.

use std::error::Error as _;

use codeflow_core::Coded as _;
use codeflow_model::{ApiClientError, Details, ErrorKind, Phase};

fn after_first_token(kind: ErrorKind) -> ApiClientError {
    let details = Details { phase: Phase::AfterFirstToken, ..Details::default() };
    ApiClientError::new(kind, "x").about(details)
}

#[test]
fn every_code_is_its_own() {
    let mut codes: Vec<_> = ErrorKind::ALL.map(|kind| ApiClientError::new(kind, "x").code()).into();

    codes.sort_unstable();
    codes.dedup();

    assert_eq!(codes.len(), ErrorKind::ALL.len());
    assert!(codes.iter().all(|code| code.starts_with("model.")));
}

#[test]
fn what_may_be_retried_may_also_fall_back() {
    for kind in ErrorKind::ALL {
        let error = ApiClientError::new(kind, "x");
        assert!(!error.may_retry() || error.may_fall_back(), "{kind:?}");
    }
}

#[test]
fn nothing_is_repeated_once_the_caller_has_seen_a_token() {
    for kind in ErrorKind::ALL {
        let error = after_first_token(kind);
        assert!(!error.may_retry() && !error.may_fall_back(), "{kind:?}");
    }
}

#[test]
fn refusals_of_ours_and_faults_of_the_request_go_nowhere_else() {
    for kind in [
        ErrorKind::InvalidRequest,
        ErrorKind::ContentFiltered,
        ErrorKind::InvalidPolicy,
        ErrorKind::BudgetExceeded,
        ErrorKind::Cancelled,
        ErrorKind::Internal,
    ] {
        assert!(!ApiClientError::new(kind, "x").may_fall_back(), "{kind:?}");
    }
}

#[test]
fn a_bad_key_falls_back_but_is_not_tried_again() {
    let error = ApiClientError::new(ErrorKind::Authentication, "x");

    assert!(error.may_fall_back() && !error.may_retry());
}

#[test]
fn the_cause_is_in_the_chain_and_not_in_the_message() {
    let error = ApiClientError::new(ErrorKind::ProviderConnection, "could not reach `a`")
        .because(std::io::Error::other("refused"));

    assert_eq!(error.to_string(), "could not reach `a`");
    assert_eq!(error.source().expect("was given").to_string(), "refused");
    assert_eq!(error.class(), codeflow_core::Class::Unavailable);
}
