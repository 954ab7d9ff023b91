//! Where the programs under test are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The worker that can kill itself.
pub(crate) fn crash_worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crash-worker"))
}

/// The worker that tests kill, stop and deceive.
pub(crate) fn chaos_worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chaos-worker"))
}

/// The process that fires schedules and can kill itself.
pub(crate) fn schedule_worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_schedule-worker"))
}

/// The local provider of models.
pub(crate) fn provider_server() -> Command {
    Command::new(env!("CARGO_BIN_EXE_provider-server"))
}

/// The command line, as a user builds it. Of what is set here, only what git needs reaches it: with a vendor's key of the
/// developer's it would ask the vendor.
#[expect(clippy::disallowed_methods, reason = "settings are not read, they are kept away")]
pub(crate) fn codeflow() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BUILT.get_or_init(|| build("codeflow-cli", "codeflow")));
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
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
