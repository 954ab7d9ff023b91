//! Where the programs under test are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The worker that can kill itself.
pub(crate) fn crash_worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crash-worker"))
}

/// The local provider of models.
pub(crate) fn provider_server() -> Command {
    Command::new(env!("CARGO_BIN_EXE_provider-server"))
}

/// The command line, as a user builds it.
pub(crate) fn codeflow() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    Command::new(BUILT.get_or_init(|| build("codeflow-cli", "codeflow")))
}

/// The server, as a user builds it.
pub(crate) fn codeflow_server() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    Command::new(BUILT.get_or_init(|| build("codeflow-server", "codeflow-server")))
}

/// The folder where cargo puts what is built.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// The top of the workspace.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn build(package: &str, program: &str) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", package, "--bin", program])
        .current_dir(root())
        .status();
    assert!(status.expect("cargo can be started").success(), "`{program}` does not build");
    target().join("debug").join(program)
}
