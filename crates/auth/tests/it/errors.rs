//! What errors say to those who answer for them.

use std::collections::HashSet;
use std::error::Error as _;
use std::time::Duration;

use codeflow_auth::{Error, ErrorKind, Permission, Permissions};
use codeflow_core::{Class, Coded};

#[test]
fn every_kind_has_a_code_of_its_own_and_a_class() {
    let codes: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), 25);

    let class = |kind| Error::new(kind, "x").class();
    assert_eq!(class(ErrorKind::WrongPassword), Class::Denied);
    assert_eq!(class(ErrorKind::NotFound), Class::NotFound);
    assert_eq!(class(ErrorKind::Conflict), Class::Conflict);
    assert_eq!(class(ErrorKind::InvalidInput), Class::Invalid);
    assert_eq!(class(ErrorKind::LockedOut), Class::Limited);
    assert_eq!(class(ErrorKind::Unavailable), Class::Unavailable);
    assert_eq!(class(ErrorKind::Internal), Class::Internal);
    assert!(codes.iter().all(|code| code.starts_with("auth.")));
}

#[test]
fn an_error_names_its_fields_its_cause_and_how_long_to_wait() {
    let fields = Error::fields(vec![("name".into(), "is bad".into()), ("email".into(), "is worse".into())]);
    assert_eq!((fields.to_string().as_str(), fields.path()), ("name: is bad", Some("name")));
    assert_eq!(fields.problems().len(), 2);
    let field = Error::field("name", "is bad");
    assert_eq!(field.problems(), [("name".to_owned(), "is bad".to_owned())]);
    let caused = Error::with_source(ErrorKind::Internal, "broken", std::io::Error::other("why"));
    assert_eq!(caused.source().unwrap().to_string(), "why");
    let late = Error::new(ErrorKind::Unavailable, "later").after(Duration::from_secs(2));
    assert_eq!((late.code(), late.retry_after()), ("auth.unavailable", Some(Duration::from_secs(2))));
    assert_eq!((late.path(), late.kind()), (None, ErrorKind::Unavailable));
}

#[test]
fn permissions_are_written_and_read() {
    for permission in Permission::ALL {
        assert_eq!(permission.to_string().parse::<Permission>().unwrap(), *permission);
        let json = serde_json::to_string(permission).unwrap();
        assert_eq!(serde_json::from_str::<Permission>(&json).unwrap(), *permission);
    }
    assert!("everything:do".parse::<Permission>().is_err());
    assert!(serde_json::from_str::<Permission>("\"x\"").is_err());
    let some: Permissions = [Permission::UsersRead, Permission::ModelsCall].into_iter().collect();
    assert_eq!(some.and(Permissions::all()), some);
    assert_eq!(some.or(Permissions::NONE), some);
    assert!(some.without(some).is_empty());
}
