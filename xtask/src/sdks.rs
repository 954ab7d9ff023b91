//! What the vendors' own packages run on, which tests across processes try out: Python and Node. The packages themselves
//! are the tests' affair.

use crate::{process, programs};

const ADVICE: &str = "the packages of model vendors are tried out with Python and Node";

/// Sees to it that Python can make environments and that there is Node, and says so if not: the tests that need them
/// tell that they did not run, or fail where they must.
pub(crate) fn ensure() {
    let missing = missing();
    if missing.is_empty() {
        return;
    }
    if let Err(error) = programs::install(&missing, ADVICE) {
        eprintln!("warning: {error:#}");
    }
}

/// The packages of Debian that bring what is missing.
fn missing() -> Vec<&'static str> {
    let makes_environments =
        process::output(process::command("python3").args(["-c", "import ensurepip, venv"]));
    let mut missing = Vec::new();
    if makes_environments.is_err() {
        missing.extend(["python3", "python3-venv"]);
    }
    missing.extend(programs::find("node", &[]).is_none().then_some("nodejs"));
    missing.extend(programs::find("npm", &[]).is_none().then_some("npm"));
    missing
}
