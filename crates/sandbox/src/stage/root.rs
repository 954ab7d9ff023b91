//! What a command sees of the machine: system folders that it cannot write, a few devices, its own processes, and a
//! working folder in memory that is gone with it. Homes, settings and data of anybody are not there at all.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{chdir, pivot_root, sethostname};

use super::Fault;
use crate::talk::Spec;

const OLD: &str = "/.old";
const FOLDER: &str = "/workspace";

/// What belongs to the system and holds nothing of anybody.
const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

/// What programs need from `/etc`, most of which is nobody's business.
const SETTINGS: [&str; 8] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
];

/// What it needs beyond that to find others.
const NETWORK: [&str; 5] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/gai.conf"];

const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Puts the new root in the place of the old one, and tells where the working folder is.
pub(super) fn furnish(spec: &Spec) -> Result<PathBuf, Fault> {
    enter_new_root().map_err(Fault::refused("a root of its own"))?;
    populate(spec).map_err(Fault::refused("the system's folders"))?;
    further(spec).map_err(Fault::broken("the folders that settings show"))?;
    mounts(spec).map_err(Fault::refused("mounts"))?;
    umount2(OLD, MntFlags::MNT_DETACH).map_err(Fault::refused("leaving the old root"))?;
    fs::remove_dir(OLD).map_err(Fault::refused("leaving the old root"))?;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | harmless();
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(Fault::refused("a closed root"))?;
    sethostname("sandbox").map_err(Fault::refused("a name"))?;
    Ok(PathBuf::from(FOLDER))
}

fn harmless() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV
}

/// `/tmp` is only the place where the new root is until it is the root; what is in it stays as it is.
fn enter_new_root() -> io::Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    mount(Some("tmpfs"), "/tmp", Some("tmpfs"), harmless(), Some("size=4m,mode=755"))?;
    fs::create_dir("/tmp/.old")?;
    pivot_root("/tmp", "/tmp/.old")?;
    Ok(chdir("/")?)
}

fn populate(spec: &Spec) -> io::Result<()> {
    let network = NETWORK.iter().filter(|_| spec.network);
    for path in SYSTEM.iter().chain(&SETTINGS).chain(network).map(Path::new) {
        show(path, MsFlags::MS_RDONLY)?;
    }
    for device in DEVICES {
        show(Path::new(device), MsFlags::empty())?;
    }
    for (link, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{target}"), format!("/dev/{link}"))?;
    }
    fs::create_dir_all("/etc")?;
    fs::write("/etc/passwd", format!("root:x:0:0::{FOLDER}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"))?;
    fs::write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")?;
    Ok(())
}

fn further(spec: &Spec) -> io::Result<()> {
    for path in &spec.read_only {
        if !within(Path::new(OLD), path).exists() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("`{}` is not there", path.display()),
            ));
        }
        show(path, MsFlags::MS_RDONLY)?;
    }
    // It is there already when settings show a folder in it.
    if Path::new("/tmp").exists() { Ok(()) } else { symlink(format!("{FOLDER}/.tmp"), "/tmp") }
}

fn mounts(spec: &Spec) -> io::Result<()> {
    fs::create_dir("/proc")?;
    fs::create_dir(FOLDER)?;
    mount(Some("proc"), "/proc", Some("proc"), harmless() | MsFlags::MS_NOEXEC, None::<&str>)?;
    let size = format!("size={},nr_inodes=65536,mode=700", spec.folder_bytes);
    // Whoever makes a user namespace has every privilege in it, and with them reaches much of the kernel.
    fs::write("/proc/sys/user/max_user_namespaces", "0")?;
    mount(Some("tmpfs"), FOLDER, Some("tmpfs"), harmless(), Some(size.as_str()))?;
    Ok(())
}

/// Shows something of the old root at the same place in the new one. What is not there is left out.
fn show(path: &Path, more: MsFlags) -> io::Result<()> {
    let old = within(Path::new(OLD), path);
    let Ok(kind) = fs::symlink_metadata(&old) else { return Ok(()) };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if kind.is_symlink() && SYSTEM.iter().any(|it| Path::new(it) == path) {
        return symlink(fs::read_link(&old)?, path);
    }
    let old = follow(old);
    let Ok(kind) = fs::metadata(&old) else { return Ok(()) };
    if kind.is_dir() {
        fs::create_dir_all(path)?;
    } else {
        fs::write(path, "")?;
    }
    bind(&old, path, more)
}

fn bind(from: &Path, to: &Path, more: MsFlags) -> io::Result<()> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
    let kept = statvfs(to)?.flags();
    let pairs = [
        (FsFlags::ST_RDONLY, MsFlags::MS_RDONLY),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept = pairs.into_iter().filter(|(flag, _)| kept.contains(*flag)).map(|(_, flag)| flag);
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | more;
    let flags = kept.fold(flags, |all, flag| all | flag);
    Ok(mount(None::<&str>, to, None::<&str>, flags, None::<&str>)?)
}

/// Where a link in the old root leads to. It means the old root when it says `/`.
fn follow(mut path: PathBuf) -> PathBuf {
    for _ in 0..8 {
        let Ok(target) = fs::read_link(&path) else { break };
        path = match path.parent() {
            Some(parent) if target.is_relative() => parent.join(target),
            Some(_) | None => within(Path::new(OLD), &target),
        };
    }
    path
}

fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
