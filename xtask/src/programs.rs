//! Finds installed programs, and on Debian installs those of the distribution.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{environment, process};

/// Refuses to start the services of freshly installed packages, which would take the usual ports.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The first of some folders that holds a program, after those of the search path.
pub(crate) fn find(program: &str, further: &[PathBuf]) -> Option<PathBuf> {
    let mut folders = environment::search_path();
    folders.extend_from_slice(further);
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Installs packages of Debian; fails with the sentence `otherwise` where that is not possible.
pub(crate) fn install(packages: &[&str], otherwise: &str) -> Result<()> {
    let wanted = packages.join(" ");
    if !is_root() || find("apt-get", &[]).is_none() {
        bail!("{otherwise} (on Debian: `sudo apt-get install {wanted}`)");
    }
    println!("{wanted} is missing; installing it with apt-get");
    let _quiet = NoServices::begin()?;
    apt_get(&["update", "--quiet"])?;
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend_from_slice(packages);
    apt_get(&arguments).with_context(|| format!("could not install {wanted}"))
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    process::run(process::command("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
}

/// While it lives, no package starts a service of its own.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;

        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .context("could not keep packages from starting services")?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        Ok(Self { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("warning: could not remove {POLICY}: {error}");
        }
    }
}
