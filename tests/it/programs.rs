//! Where the programs under test are.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The worker that can kill itself.
pub(crate) fn crash_worker() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crash-worker"))
}

/// The command line, as a user builds it. Of what is set here, only what git needs reaches it: with a vendor's key of the
/// developer's it would ask the vendor.
#[expect(clippy::disallowed_methods, reason = "settings are not read, they are kept away")]
pub(crate) fn codeflow() -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "codeflow-cli", "--bin", "codeflow"])
            .current_dir(&root)
            .status();
        assert!(status.expect("cargo can be started").success(), "the command line does not build");
        root.join("target/debug/codeflow")
    });
    let mut command = Command::new(path);
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}
