//! Two workers share the work, and one of them is killed at every moment around its commits: the other one takes over,
//! nothing is lost, and nothing that was committed is done again.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_persistence::{Database, DatabaseSettings};
use codeflow_runtime::SystemClock;
use codeflow_tests::chaos::{
    Actions, Audit, Case, Effects, Fleet, Load, PostgresServer, Verdict, WorkerOptions, engine_over,
};

use crate::programs::chaos_worker;

/// How many scenes are played at once.
const AT_ONCE: u64 = 6;

/// The database that every scene begins with.
const TEMPLATE: &str = "migrated";

/// How long one scene may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The commits of which both sides must have killed somebody; the others depend on how they share the work.
const COMMITS: [&str; 4] = ["open_session", "claim", "flush", "finish"];

/// How many waves are played until somebody dies at a moment that no number led to: whether the first worker gets the
/// only job, for one, is decided anew in each scene.
const SEARCHES: u64 = 8;

/// When the first worker dies.
#[derive(Clone, Copy)]
enum Death<'a> {
    /// At the moment of this number.
    At(u64),
    /// At the first moment of this name.
    In(&'a str),
}

/// How a scene ended for the worker that was to die.
enum End {
    /// It died at this moment.
    Died(String),
    /// It has no such moment.
    Survived,
}

/// One scene: the first worker dies at this moment, the second one takes over.
async fn scene(server: &PostgresServer, number: u64, death: Death<'_>) -> End {
    let (flag, value) = match death {
        Death::At(moment) => ("--die-at", moment.to_string()),
        Death::In(moment) => ("--die", moment.to_owned()),
    };
    let scene = format!("scene {number}, {flag} {value}");
    let url = server.copy(TEMPLATE, &format!("scene_{number}")).await;
    let audit = Audit::connect(&url).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let effects = Effects::at(folder.path().join("effects"));
    let mut fleet = Fleet::new(chaos_worker().get_program().into(), folder.path().to_owned());
    let options = |name: &str, more: &[String]| {
        let at = effects.path().display().to_string();
        let fixed = ["--database-url", &url, "--effects", &at, "--lease-ms", "800", "--concurrency", "3"];
        let mut arguments: Vec<String> = fixed.iter().map(|text| (*text).to_owned()).collect();
        arguments
            .extend(["--load", "everything", "--share", "0/1", "--idle-moments", "8"].map(str::to_owned));
        arguments.extend_from_slice(more);
        WorkerOptions { name: name.to_owned(), arguments }
    };
    let first = fleet.add(options("first", &[flag.to_owned(), value]));
    let second = fleet.add(options("second", &[]));

    let began = Instant::now();
    while audit.number("SELECT count(*) FROM dedup").await < 4 || audit.open().await > 0 {
        if began.elapsed() > PATIENCE {
            let (kept, open) = (folder.keep(), audit.unfinished().await);
            panic!("{scene}: it does not end: {open:#?}; logs: {}", kept.display());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    must_be_whole(&url, &audit, &effects, &scene).await;

    // It may die on its way home, too.
    let home = fleet.dismiss(first);
    assert!(fleet.dismiss(second).success(), "{scene}");
    let admin = Audit::connect(&server.url("postgres", None)).await;
    admin.run(&format!("DROP DATABASE scene_{number} WITH (FORCE)")).await;
    match fleet.said(first).lines().find_map(|line| line.strip_prefix("dies ")) {
        Some(moment) => End::Died(moment.to_owned()),
        None => {
            assert!(home.success(), "not killed in {scene}: {home}");
            End::Survived
        }
    }
}

/// A server of our own, which need not keep anything, with a database to copy.
async fn server() -> PostgresServer {
    let server = PostgresServer::start();
    let url = server.copy("template1", TEMPLATE).await;
    let database = Database::open(&DatabaseSettings::new(&url)).await.expect("it is there");
    database.migrate().await.expect("it can be migrated");
    database.close();
    Audit::connect(&url).await.install().await;
    server
}

async fn must_be_whole(url: &str, audit: &Audit, effects: &Effects, scene: &str) {
    let settings = DatabaseSettings { pool_size: 1, ..DatabaseSettings::new(url) };
    let database = Database::open(&settings).await.expect("it is there");
    let actions = Actions::new("nobody", effects.clone());
    let engine = engine_over(Arc::new(database.clone()), actions, Arc::new(SystemClock));
    let (load, nobody) = (Load::Everything, HashSet::new());
    let case = Case { load: &load, engine: &engine, audit, effects, cancelled: &nobody, crashes: &[] };
    let verdict = Verdict::of(case).await;
    database.close();
    assert_eq!(verdict.problems, Vec::<String>::new(), "{scene}");
    assert_eq!(verdict.executions, 3, "{scene}");
}

/// Scenes side by side, and the moments at which their first workers died.
async fn wave<'a>(
    server: &PostgresServer,
    numbers: Range<u64>,
    death: impl Fn(u64) -> Death<'a>,
) -> Vec<String> {
    let scenes = numbers.map(|number| scene(server, number, death(number)));
    let ends = futures_util::future::join_all(scenes).await;
    ends.into_iter()
        .filter_map(|end| match end {
            End::Died(moment) => Some(moment),
            End::Survived => None,
        })
        .collect()
}

/// How much of the work each worker gets differs from run to run, so a worker without such a moment ends nothing: only
/// many of them in a row do. Of the moments with nothing to do only the first few count, or there would be no end. For
/// the same reason a number may lead past a moment that has to be seen, which is then looked for by its name.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_workers_may_be_killed_at_every_moment_around_a_commit() {
    let server = server().await;
    let mut moments: BTreeSet<String> = BTreeSet::new();
    let (mut deaths, mut next) = (0, 1);
    loop {
        let died = wave(&server, next..next + AT_ONCE, Death::At).await;
        next += AT_ONCE;
        if died.is_empty() {
            break;
        }
        deaths += died.len();
        moments.extend(died);
    }
    assert!(deaths >= 60, "only {deaths} deaths");

    for moment in COMMITS.iter().flat_map(|commit| ["before", "after"].map(|when| format!("{when} {commit}")))
    {
        for _ in 0..SEARCHES {
            if moments.contains(&moment) {
                break;
            }
            moments.extend(wave(&server, next..next + AT_ONCE, |_| Death::In(&moment)).await);
            next += AT_ONCE;
        }
        assert!(moments.contains(&moment), "nobody died {moment}: {moments:?}");
    }
}
