//! Reading from their output how many tests ran.

use xtask::{examples_run, tests_run};

#[test]
fn the_summary_of_a_run_tells_how_many_tests_ran() {
    assert_eq!(tests_run("     Summary [   0.551s] 30 tests run: 30 passed, 0 skipped"), Some(30));
    assert_eq!(tests_run("     Summary [   0.551s] 1 test run: 0 passed, 1 failed, 0 skipped"), Some(1));
    assert_eq!(tests_run("     Summary [   2.000s] 12/30 tests run: 12 passed, 0 skipped"), Some(12));
    assert_eq!(tests_run("        PASS [   0.027s] ( 1/30) xtask::it tests_run"), None);
}

#[test]
fn examples_that_failed_ran_too() {
    assert_eq!(examples_run("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured"), Some(3));
    assert_eq!(examples_run("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured"), Some(5));
    assert_eq!(examples_run("running 3 tests"), None);
}
