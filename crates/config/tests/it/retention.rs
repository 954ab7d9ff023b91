//! How long what has ended is kept.

use std::path::Path;
use std::time::Duration;

use crate::given::{refused, settings};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn without_settings_what_failed_is_kept_longest() {
    let retention = settings("").retention;

    assert!(retention.enabled && retention.archive.is_none());
    assert_eq!((retention.succeeded, retention.cancelled), (Some(30 * DAY), Some(30 * DAY)));
    assert_eq!((retention.failed, retention.sessions), (Some(90 * DAY), Some(7 * DAY)));
    assert_eq!((retention.keys, retention.job_keys), (Some(30 * DAY), Some(30 * DAY)));
    assert_eq!((retention.piece, retention.every), (200, Duration::from_secs(3600)));
}

#[test]
fn what_is_kept_for_ever_has_no_time() {
    let text = "[retention]\nfailed = \"forever\"\nkeys = \"1d\"\narchive = \"/var/archive\"\n";

    let retention = settings(text).retention;

    assert_eq!((retention.failed, retention.keys), (None, Some(DAY)));
    assert_eq!(retention.archive.as_deref(), Some(Path::new("/var/archive")));
}

#[test]
fn what_would_be_removed_too_soon_is_refused() {
    refused([
        ("[retention]\nkeys = \"23h\"\n", "`retention.keys` must be from"),
        ("[retention]\njob_keys = \"1h\"\n", "`retention.job_keys` must be from"),
        ("[retention]\nsessions = \"1h\"\n", "`retention.sessions` must be from"),
        ("[retention]\nsucceeded = \"1s\"\n", "`retention.succeeded` must be from"),
        ("[retention]\nsucceeded = \"never\"\n", "`retention.succeeded` is not a duration"),
        ("[retention]\npiece = 501\n", "`retention.piece` must be at most 500"),
        ("[retention]\npiece = 0\n", "`retention.piece` must be at least 1"),
        ("[retention]\nevery = \"10s\"\n", "`retention.every` must be from"),
    ]);
}
