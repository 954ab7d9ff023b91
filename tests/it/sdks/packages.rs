//! The packages and what runs them. They are installed once into `target/sdk`, in a folder that is named after what was
//! asked for, so that another version gets another folder.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::works;
use crate::programs::{root, target};

/// Packages that are there, and what runs scripts with them.
pub(super) struct Packages {
    interpreter: PathBuf,
    /// Where the scripts are.
    scripts: PathBuf,
}

/// Why a script cannot run here.
pub(super) struct Missing(String);

impl Missing {
    /// Says that nothing was tested, which fails where it must not be so.
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever runs the tests says whether this one may be left out"
    )]
    #[expect(clippy::print_stderr, reason = "a test that does not run has to be seen")]
    pub(super) fn tell(&self, script: &str) {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let must = std::env::var("CI").is_ok_and(|value| value == "true") || is_set("CODEFLOW_REQUIRE_SDKS");
        assert!(!must, "`{script}` did not run: {}", self.0);
        eprintln!("WARNING: `{script}` DID NOT RUN, so nothing was tested: {}", self.0);
    }
}

impl Packages {
    /// A command that runs a script.
    pub(super) fn run(&self, script: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(self.scripts.join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// Python with the packages of `requirements.txt`.
pub(super) fn python() -> Result<Packages, Missing> {
    let requirements = scripts().join("requirements.txt");
    let folder = install("python", &requirements, |folder| {
        works(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        works(pip.arg(&requirements))
    })?;
    Ok(Packages { interpreter: folder.join("bin/python"), scripts: scripts() })
}

/// Node with the packages of `package.json`. Node looks for them beside a script, so the script is copied to them.
pub(super) fn node() -> Result<Packages, Missing> {
    let manifest = scripts().join("package.json");
    let folder = install("node", &manifest, |folder| {
        fs::create_dir_all(folder)
            .and_then(|()| fs::copy(&manifest, folder.join("package.json")))
            .map_err(|error| error.to_string())?;
        let options = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
        works(Command::new("npm").args(options).current_dir(folder))
    })?;
    works(Command::new("node").arg("--version")).map_err(Missing)?;
    for script in scripts().read_dir().expect("the scripts are there").flatten() {
        if script.path().extension().is_some_and(|end| end == "mjs") {
            fs::copy(script.path(), folder.join(script.file_name())).expect("a script can be copied");
        }
    }
    Ok(Packages { interpreter: "node".into(), scripts: folder })
}

fn scripts() -> PathBuf {
    root().join("tests/sdk")
}

/// The folder with what `manifest` asks for. Tests are processes of their own, so the folder is locked meanwhile.
fn install(
    name: &str,
    manifest: &Path,
    fill: impl Fn(&Path) -> Result<(), String>,
) -> Result<PathBuf, Missing> {
    let mut hasher = DefaultHasher::new();
    fs::read(manifest).expect("the list of packages is there").hash(&mut hasher);
    let home = target().join("sdk");
    let folder = home.join(format!("{name}-{:016x}", hasher.finish()));
    fs::create_dir_all(&home).expect("a folder can be made");
    let lock = File::create(home.join(format!("{name}.lock"))).expect("a lock can be made");
    lock.lock().expect("a file can be locked");
    let whole = folder.join(".whole");
    if whole.exists() {
        return Ok(folder);
    }
    // What an installation left behind that did not come to its end.
    let _ = fs::remove_dir_all(&folder);
    fill(&folder).map_err(Missing)?;
    File::create(whole).expect("the folder can be written to");
    Ok(folder)
}
