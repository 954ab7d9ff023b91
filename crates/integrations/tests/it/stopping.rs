//! A diff that takes long can be stopped, runs out of time, and leaves no process behind.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use codeflow_actions::{DiffRequest, Repository, RepositoryErrorKind};
use codeflow_integrations::LocalGit;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::repo::{TestRepo, request};

/// A git whose diff never ends: it starts a child, and both hold a pipe open for as long as they live.
struct Endless {
    reader: LocalGit,
    /// Something came through the pipe: the diff has begun.
    began: oneshot::Receiver<()>,
    /// The pipe was closed by the last process that held it.
    gone: oneshot::Receiver<()>,
    _repo: TestRepo,
}

impl Endless {
    fn new() -> Self {
        let repo = TestRepo::new();
        repo.commit_file("a", "1\n");
        let (folder, pipe) = (repo.beside("bin"), repo.beside("pipe"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let path = repo.environment().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
        let path = path.to_str().unwrap();
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' --patch '*) ;; *) PATH='{path}' exec git \"$@\";; esac\n\
             exec 3> '{}'\necho began >&3\necho '+more'\nsleep 1000 &\nwait\n",
            pipe.display()
        );
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("git"), script).unwrap();
        fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();

        let (began, began_here) = oneshot::channel();
        let (gone, gone_here) = oneshot::channel();
        std::thread::spawn(move || {
            let mut pipe = File::open(pipe).unwrap();
            pipe.read_exact(&mut [0; 6]).unwrap();
            began.send(()).ok();
            pipe.read_to_end(&mut Vec::new()).unwrap();
            gone.send(()).ok();
        });
        let environment = [("PATH".into(), format!("{}:{path}", folder.display()).into())];
        let reader = LocalGit::new(repo.path(), environment);
        Self { reader, began: began_here, gone: gone_here, _repo: repo }
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it happens soon")
}

#[tokio::test]
async fn a_stop_ends_git_and_whatever_it_has_started() {
    let Endless { reader, began, gone, _repo } = Endless::new();
    let stop = CancellationToken::new();

    let diff = reader.diff(request(None, "HEAD"), stop.clone());
    let told = async {
        began.await.unwrap();
        stop.cancel();
    };
    let (outcome, ()) = soon(async { tokio::join!(diff, told) }).await;

    assert_eq!(outcome.unwrap_err().kind(), RepositoryErrorKind::Cancelled);
    soon(gone).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_git_as_well() {
    let Endless { reader, began, gone, _repo } = Endless::new();

    tokio::select! {
        _ = reader.diff(request(None, "HEAD"), CancellationToken::new()) => panic!("it does not end by itself"),
        began = soon(began) => began.unwrap(),
    }

    soon(gone).await.unwrap();
}

#[tokio::test]
async fn a_diff_that_takes_too_long_is_ended() {
    let Endless { reader, began: _, gone, _repo } = Endless::new();
    let request = DiffRequest { timeout: Duration::from_millis(300), ..request(None, "HEAD") };

    let outcome = soon(reader.diff(request, CancellationToken::new())).await;

    assert_eq!(outcome.unwrap_err().kind(), RepositoryErrorKind::Timeout);
    drop(gone);
}

#[tokio::test]
async fn a_stop_that_came_before_starts_nothing_that_lasts() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    let stop = CancellationToken::new();
    stop.cancel();

    let outcome = repo.reader().diff(request(None, "HEAD"), stop).await;

    assert_eq!(outcome.unwrap_err().kind(), RepositoryErrorKind::Cancelled);
}
