//! What the variables of a process say about terminals and people.

use codeflow_config::Environment;

#[test]
fn no_color_and_clicolor_force_decide_and_the_first_one_wins() {
    let wants = |variables| Environment::wants_color(&variables);

    assert_eq!(wants(Environment::default()), None);
    assert_eq!(wants(Environment::from([("NO_COLOR", "1")])), Some(false));
    assert_eq!(wants(Environment::from([("NO_COLOR", "")])), None);
    assert_eq!(wants(Environment::from([("CLICOLOR_FORCE", "1")])), Some(true));
    assert_eq!(wants(Environment::from([("CLICOLOR_FORCE", "0")])), None);
    assert_eq!(wants(Environment::from([("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])), Some(false));
}

#[test]
fn nothing_moves_in_a_job_or_on_a_dumb_terminal() {
    assert!(Environment::from([("TERM", "xterm-256color")]).is_lively());
    assert!(Environment::default().is_lively());
    assert!(!Environment::from([("TERM", "dumb")]).is_lively());
    assert!(!Environment::from([("CI", "true")]).is_lively());
}

#[test]
fn the_user_is_the_first_name_that_is_set() {
    assert_eq!(Environment::from([("USER", ""), ("LOGNAME", "ada")]).user().as_deref(), Some("ada"));
    assert_eq!(Environment::from([("USER", "grace"), ("LOGNAME", "ada")]).user().as_deref(), Some("grace"));
    assert_eq!(Environment::default().user(), None);
}

#[test]
fn the_variables_of_this_process_are_seen() {
    let path = Environment::process();

    assert!(path.find("PATH").is_some());
    assert!(path.iter().any(|(name, _)| name == "PATH"));
}
