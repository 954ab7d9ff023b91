//! `cargo xtask hooks`: a pre-commit hook that runs the fast checks.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result, bail};

use crate::process;

const HOOK: &str = "#!/bin/sh\n# Installed by `cargo xtask hooks`.\nexec cargo xtask check --fast\n";

/// Installs the hook into the repository at `root`; a hook that somebody else wrote stays.
///
/// # Errors
///
/// Fails when `root` is no git repository, or another hook is in the way.
pub fn install_hooks(root: &Path) -> Result<()> {
    let answer = process::output(process::command("git").current_dir(root).args([
        "rev-parse",
        "--git-path",
        "hooks",
    ]))?;
    let folder = root.join(answer.trim());
    let hook = folder.join("pre-commit");
    match fs::read_to_string(&hook) {
        Ok(present) if present == HOOK => {}
        Ok(_) => {
            bail!("{} is another hook; remove it, or call `cargo xtask check --fast` from it", hook.display())
        }
        Err(_) => {
            fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
            fs::write(&hook, HOOK).with_context(|| format!("could not write {}", hook.display()))?;
            fs::set_permissions(&hook, fs::Permissions::from_mode(0o755))?;
        }
    }
    println!("{} runs `cargo xtask check --fast`", hook.display());
    Ok(())
}
