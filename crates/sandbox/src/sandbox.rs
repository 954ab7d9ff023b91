//! The sandbox as the worker has it: what it may do, and how it comes to its first stage.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use codeflow_actions::{CommandEnd, CommandError, CommandErrorKind, CommandRequest, Commands};
use tokio_util::sync::CancellationToken;

use crate::Bounds;

/// Whether this program can be started as a stage.
static IS_STAGE: AtomicBool = AtomicBool::new(false);

/// Belongs at the beginning of `main`, before threads and runtimes: a program that a [`Sandbox`] started again does here
/// what it was started for, and ends with the code that is returned. Returns nothing in any other process.
pub fn enter() -> Option<ExitCode> {
    IS_STAGE.store(true, Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    return crate::stage::enter(std::env::args_os().skip(1));
    #[cfg(not(target_os = "linux"))]
    None
}

/// The program that starts commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// This program, whose `main` begins with [`enter`].
    ThisProgram,
    /// Another program whose `main` begins with [`enter`].
    Program(PathBuf),
}

/// What a sandbox is, as settings say.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program that starts commands.
    pub stage: Stage,
    /// Whether commands may run where this machine gives them no namespaces: they see its files and processes then.
    pub reduced: bool,
    /// Whether steps may ask for the network.
    pub network: bool,
    /// What a command gets that does not say.
    pub defaults: Bounds,
    /// The most that a command may ask for.
    pub maxima: Bounds,
    /// Bytes in all files of a working folder.
    pub folder_bytes: u64,
    /// What commands see of this machine beside the system's own folders.
    pub read_only: Vec<PathBuf>,
    /// A cgroup that was left to us.
    pub cgroup: Option<PathBuf>,
}

/// Runs commands, each in surroundings of its own.
pub struct Sandbox {
    pub(crate) options: Options,
}

impl Sandbox {
    /// A sandbox. What this machine cannot do is told by the commands that need it.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn stage(&self) -> Result<PathBuf, CommandError> {
        match &self.options.stage {
            Stage::Program(path) => Ok(path.clone()),
            Stage::ThisProgram if IS_STAGE.load(Ordering::Relaxed) => Ok("/proc/self/exe".into()),
            Stage::ThisProgram => {
                let text = "this program does not begin with `codeflow_sandbox::enter`";
                Err(CommandError::new(CommandErrorKind::Unavailable, text))
            }
        }
    }
}

#[async_trait]
impl Commands for Sandbox {
    async fn run(
        &self,
        request: CommandRequest,
        stop: CancellationToken,
    ) -> Result<CommandEnd, CommandError> {
        check(&request)?;
        if request.network && !self.options.network {
            let text = "settings do not allow commands to use the network";
            return Err(CommandError::new(CommandErrorKind::NetworkForbidden, text));
        }
        let bounds = self.options.defaults.granted(&request.limits, &self.options.maxima)?;
        if stop.is_cancelled() {
            return Err(CommandError::new(CommandErrorKind::Cancelled, "the command was not started"));
        }
        self.run_within(request, bounds, stop).await
    }
}

#[cfg(not(target_os = "linux"))]
impl Sandbox {
    async fn run_within(
        &self,
        _: CommandRequest,
        _: Bounds,
        _: CancellationToken,
    ) -> Result<CommandEnd, CommandError> {
        Err(CommandError::new(CommandErrorKind::Unavailable, "commands run on Linux only"))
    }
}

fn check(request: &CommandRequest) -> Result<(), CommandError> {
    let refuse = |text: String| Err(CommandError::new(CommandErrorKind::Invalid, text));
    if request.program.is_empty() {
        return refuse("there is no program".to_owned());
    }
    let words = std::iter::once(&request.program).chain(&request.arguments);
    let variables = request.environment.iter().flat_map(|(name, value)| [name, value]);
    if words.chain(variables).any(|text| text.contains('\0')) {
        return refuse("an argument or a variable holds a zero byte".to_owned());
    }
    if let Some(name) = request.environment.keys().find(|name| name.is_empty() || name.contains('=')) {
        return refuse(format!("`{}` is not the name of a variable", name.escape_debug()));
    }
    let is_plain = |name: &&String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !name.is_empty() && name.len() <= 100 && name.chars().all(plain) && !name.starts_with('.')
    };
    match request.files.keys().find(|name| !is_plain(name)) {
        Some(name) => refuse(format!("`{}` is not a plain name for a file", name.escape_debug())),
        None => Ok(()),
    }
}
