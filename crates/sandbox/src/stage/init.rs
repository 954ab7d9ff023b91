//! The second stage: the first process of the new surroundings. It furnishes them, starts the command, reaps whatever
//! is orphaned, ends everything, and reports. It holds the limits of nobody; the command takes them upon itself.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::chdir;

use super::watch::{self, Watch};
use super::{Fault, be_silent, next, nowhere, root, tree};
use crate::talk::{self, Ended, Isolation, Order, Report, Spec};

/// Where programs are looked for.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

pub(super) fn run(worker: &mut UnixStream) -> Result<(), Fault> {
    let spec: Spec = talk::receive(worker).map_err(|_| Fault::Gone)?;
    let folder = match (spec.isolation, &spec.folder) {
        (Isolation::Full, _) => {
            set_pdeathsig(Signal::SIGKILL).map_err(Fault::refused("the signal for the end"))?;
            root::furnish(&spec)?
        }
        (Isolation::Reduced, Some(folder)) => {
            set_child_subreaper(true).map_err(Fault::refused("reaping orphans"))?;
            chdir(folder).map_err(Fault::broken("the working folder"))?;
            folder.clone()
        }
        (Isolation::Reduced, None) => return Err(Fault::Broken("there is no folder".to_owned())),
    };
    let ended = live(worker, &spec, &folder);
    tree::end();
    if spec.isolation == Isolation::Reduced {
        let _ = fs::remove_dir_all(&folder);
    }
    let ended = with_usage(ended?)?;
    talk::send(worker, &Report::Ended(ended)).map_err(|_| Fault::Gone)
}

/// Starts the command and waits for its end.
fn live(worker: &mut UnixStream, spec: &Spec, folder: &Path) -> Result<Ended, Fault> {
    write_files(spec, folder).map_err(Fault::broken("the files"))?;
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.thread_block().map_err(Fault::broken("signals"))?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&mask, flags).map_err(Fault::broken("signals"))?;
    let command = start(spec, folder)?;
    nowhere().and_then(|nowhere| be_silent(&nowhere)).map_err(Fault::broken("silence"))?;
    let mut watch = (spec.isolation == Isolation::Full).then(Watch::begin);
    let pause = watch.as_ref().map_or(PollTimeout::NONE, |_| watch::PAUSE.into());
    let mut exceeded = None;
    loop {
        let mut ready =
            [PollFd::new(signals.as_fd(), PollFlags::POLLIN), PollFd::new(worker.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, pause) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(Fault::broken("waiting")(error)),
        }
        let spoken = ready[1].any().unwrap_or_default();
        while let Ok(Some(_)) = signals.read_signal() {}
        if let Some(ended) = reap(command) {
            return Ok(Ended { exceeded, ..ended });
        }
        if let Some(found) = watch.as_mut().and_then(|watch| watch.look(&spec.limits)) {
            exceeded = Some(found);
            tree::signal(Signal::SIGKILL);
        }
        if spoken {
            match talk::receive(worker) {
                Ok(Order::End) => tree::signal(Signal::SIGTERM),
                Ok(Order::Mapped) => {}
                Err(_) => return Err(Fault::Gone),
            }
        }
    }
}

fn start(spec: &Spec, folder: &Path) -> Result<i32, Fault> {
    let program = find(&spec.program, folder).ok_or(Fault::NoProgram)?;
    let limits = serde_json::to_string(&spec.limits).map_err(Fault::broken("limits"))?;
    let stdin = readable(&spec.stdin).map_err(Fault::broken("standard input"))?;
    let variables = variables(spec, folder);
    let child = next("leaf")
        .arg(limits)
        .arg(variables.len().to_string())
        .args(variables)
        .arg(program)
        .args(&spec.arguments)
        .current_dir(folder)
        .stdin(stdin)
        .process_group(0)
        .spawn()
        .map_err(Fault::broken("starting"))?;
    i32::try_from(child.id()).map_err(Fault::broken("the process"))
}

/// The variables of the command, `NAME=value` each. No stage has them: some would load code into a process that still has
/// privileges.
fn variables(spec: &Spec, folder: &Path) -> Vec<OsString> {
    let path = FOLDERS.join(":");
    let temporary = folder.join(".tmp");
    let own: [(&str, &OsStr); 4] = [
        ("PATH", path.as_ref()),
        ("HOME", folder.as_ref()),
        ("TMPDIR", temporary.as_ref()),
        ("LANG", "C.UTF-8".as_ref()),
    ];
    let own = own.into_iter().filter(|(name, _)| !spec.environment.contains_key(*name));
    let given = spec.environment.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
    let joined = |(name, value): (&str, &OsStr)| {
        let mut variable = OsString::from(name);
        variable.push("=");
        variable.push(value);
        variable
    };
    own.chain(given).map(joined).collect()
}

/// Collects whoever ended; says how the command did, once it has.
fn reap(command: i32) -> Option<Ended> {
    let ended = |exit_code, signal| Ended { exit_code, signal, cpu_ms: 0, max_memory: 0, exceeded: None };
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(process, code)) if process.as_raw() == command => {
                return Some(ended(Some(code), None));
            }
            Ok(WaitStatus::Signaled(process, signal, _)) if process.as_raw() == command => {
                return Some(ended(None, Some(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn with_usage(ended: Ended) -> Result<Ended, Fault> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(Fault::broken("usage"))?;
    let max_memory = u64::try_from(used.max_rss()).unwrap_or_default() * 1024;
    Ok(Ended { cpu_ms: watch::ended_ms(), max_memory, ..ended })
}

/// Files are made with the rights of the folder's owner, and a name is only a name.
fn write_files(spec: &Spec, folder: &Path) -> io::Result<()> {
    let temporary = folder.join(".tmp");
    fs::create_dir(&temporary)?;
    let mut made = vec![folder.to_owned(), temporary];
    for (name, content) in &spec.files {
        let path = folder.join(name);
        let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(content.as_bytes())?;
        made.push(path);
    }
    if spec.limits.become_nobody {
        let nobody = Some(super::leaf::NOBODY);
        made.iter().try_for_each(|path| std::os::unix::fs::chown(path, nobody, nobody))?;
    }
    Ok(())
}

/// A name is looked for in the usual folders; a path counts from the working folder.
fn find(program: &str, folder: &Path) -> Option<PathBuf> {
    let runs = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(folder.join(program)).filter(runs);
    }
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(runs)
}

/// Text as something that a process reads from its beginning.
fn readable(text: &str) -> io::Result<fs::File> {
    let file = memfd_create("stdin", MFdFlags::MFD_CLOEXEC)?;
    let mut file = fs::File::from(file);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}
