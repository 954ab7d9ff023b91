//! Severities, fingerprints, and the errors of this crate.

use codeflow_analysis::{ErrorKind, Finding, ReportFormat, Severity};

#[test]
fn severities_are_ordered_from_info_to_critical() {
    assert!(Severity::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!((Severity::ALL[0], Severity::ALL[4]), (Severity::Info, Severity::Critical));
}

#[test]
fn a_severity_is_read_in_any_case_and_written_in_lower() {
    for severity in Severity::ALL {
        let shouted = severity.to_string().to_uppercase();

        assert_eq!(shouted.parse::<Severity>().unwrap(), severity);
        assert_eq!(serde_json::to_string(&severity).unwrap(), format!("\"{severity}\""));
    }
}

#[test]
fn an_unknown_severity_names_the_known_ones() {
    let error = "hihg".parse::<Severity>().unwrap_err();

    assert_eq!((error.kind(), error.code()), (ErrorKind::BadSeverity, "analysis.bad_severity"));
    assert_eq!(error.to_string(), "`hihg` is no severity; use one of info, low, medium, high, critical");
}

#[test]
fn an_unknown_format_names_the_known_ones() {
    let error = "xml".parse::<ReportFormat>().unwrap_err();

    assert_eq!(error.code(), "analysis.bad_format");
    assert_eq!(error.to_string(), "`xml` is no report format; use one of text, markdown, json, sarif");
    for format in ReportFormat::ALL {
        assert_eq!(format.to_string().parse::<ReportFormat>().unwrap(), format);
    }
}

#[test]
fn a_fingerprint_depends_on_each_part_and_on_where_it_ends() {
    let of = |rule, path, subject: &str| Finding::fingerprint_of(rule, path, subject.as_bytes());

    let first = of("rule", "path", "subject");

    assert_eq!(first, of("rule", "path", "subject"));
    assert_eq!(first.len(), 32);
    for other in
        [of("rulep", "ath", "subject"), of("rule", "paths", "ubject"), of("rule", "path", "subjects")]
    {
        assert_ne!(first, other);
    }
}
