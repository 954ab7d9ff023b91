//! Where the programs under test are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The worker that can kill itself.
pub(crate) fn crash_worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crash-worker"))
}

/// The command line, as a user builds it.
pub(crate) fn codeflow() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    Command::new(BUILT.get_or_init(|| built("codeflow-cli", "codeflow")))
}

/// The gateway, as a user builds it.
pub(crate) fn codeflow_server() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    Command::new(BUILT.get_or_init(|| built("codeflow-server", "codeflow-server")))
}

fn built(package: &str, program: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package, "--bin", program])
        .current_dir(&root)
        .status();
    assert!(status.expect("cargo can be started").success(), "`{program}` does not build");
    root.join("target/debug").join(program)
}
