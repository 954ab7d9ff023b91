//! One storm: workers over a server of its own, everything that the plan says, then calm, and a verdict.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use codeflow_core::Clock;
use codeflow_persistence::{Database, DatabaseSettings};
use codeflow_runtime::{SystemClock, Tasks};
use codeflow_testkit::Proxy;
use rustix::process::Signal;
use tokio::time::sleep;
use uuid::Uuid;

use super::actions::Actions;
use super::audit::{AUDIT, Audit};
use super::dice::Dice;
use super::effects::Effects;
use super::fleet::{Fleet, WorkerOptions};
use super::load::{Load, engine_over};
use super::plan::{Fault, Plan};
use super::server::{PostgresServer, Shutdown};
use super::verdict::{Case, Verdict};

mod people;

use people::People;

/// How long everything may take to end when nothing goes wrong any more.
const CALM: Duration = Duration::from_secs(90);

/// The name of the database.
const DATABASE: &str = "chaos";

/// How a storm is made.
#[derive(Clone, Debug)]
pub struct StormSettings {
    /// What chance depends on.
    pub seed: u64,
    /// How long things go wrong.
    pub length: Duration,
    /// How many workers there are.
    pub workers: usize,
    /// The worker's program.
    pub program: PathBuf,
    /// Where logs and effects are written.
    pub folder: PathBuf,
    /// The work.
    pub load: Load,
}

/// A storm under way.
pub struct Storm {
    settings: StormSettings,
    plan: Plan,
    server: PostgresServer,
    relay: Proxy,
    wire: Proxy,
    fleet: Fleet,
    people: People,
    tasks: Tasks,
    began: Instant,
    timeline: String,
    crashes: Vec<i64>,
    /// Who is to go on, and when.
    stopped: Vec<(Instant, usize)>,
    /// When wake-ups and the relay forward again.
    silent_until: Option<Instant>,
    cut_until: Option<Instant>,
}

/// Lets a storm come and go.
///
/// # Errors
/// Everything that is wrong afterwards, with the seed, the plan and what happened.
pub async fn storm(settings: StormSettings) -> Result<Verdict, String> {
    let mut storm = Storm::begin(settings).await;
    storm.rage().await;
    let calm = storm.calm().await;
    let mut verdict = match calm {
        Ok(()) => storm.judge().await,
        Err(problems) => Verdict { problems, ..Verdict::default() },
    };
    verdict.problems.extend(storm.end().await);
    match verdict.problems.is_empty() {
        true => Ok(verdict),
        false => Err(storm.report(&verdict)),
    }
}

impl Storm {
    async fn begin(settings: StormSettings) -> Self {
        let server = PostgresServer::start();
        let url = server.copy("template1", DATABASE).await;
        let quick = DatabaseSettings { pool_timeout: Duration::from_secs(2), ..DatabaseSettings::new(&url) };
        let database = Database::open(&quick).await.expect("the server answers");
        database.migrate().await.expect("it can be migrated");
        Audit::connect(&url).await.install().await;
        let (relay, wire) = (Proxy::to(server.address()), Proxy::to(server.address()));
        let effects = Effects::at(settings.folder.join("effects"));
        let actions = Actions::new("nobody", effects);
        let engine = engine_over(Arc::new(database.clone()), actions, Arc::new(SystemClock));
        let people = People::new(engine, database, &settings.load);
        let fleet = Fleet::new(settings.program.clone(), settings.folder.clone());
        let plan = Plan::random(&mut Dice::new(settings.seed), settings.length, settings.workers);
        let mut storm = Self {
            settings,
            plan,
            server,
            relay,
            wire,
            fleet,
            people,
            tasks: Tasks::new(),
            began: Instant::now(),
            timeline: String::new(),
            crashes: Vec::new(),
            stopped: Vec::new(),
            silent_until: None,
            cut_until: None,
        };
        (0..storm.settings.workers).for_each(|worker| storm.hire(worker));
        storm
    }

    /// One worker in three has a clock that is an hour ahead, one in three an hour behind. The last one is behind the
    /// relay; all but the first hear wake-ups.
    fn hire(&mut self, worker: usize) {
        let last = worker + 1 == self.settings.workers;
        let url = self.server.url(DATABASE, last.then(|| self.relay.address()));
        let ahead = [3_600, 0, -3_600][worker % 3].to_string();
        let mut arguments = vec!["--database-url".to_owned(), url, "--ahead-s".to_owned(), ahead];
        let share = format!("{worker}/{}", self.settings.workers);
        let of_load =
            [("--load", self.settings.load.to_string()), ("--share", share), ("--pace-ms", "20".into())];
        arguments.extend(of_load.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        let effects = self.settings.folder.join("effects").display().to_string();
        arguments.extend(["--effects".to_owned(), effects]);
        if worker > 0 {
            arguments.extend(["--wire-url".to_owned(), self.server.url(DATABASE, Some(self.wire.address()))]);
        }
        self.fleet.add(WorkerOptions { name: format!("worker-{worker}"), arguments });
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.timeline, "  {:6} ms  {what}", self.began.elapsed().as_millis());
    }

    /// Does what the plan says until it is through.
    async fn rage(&mut self) {
        self.began = Instant::now();
        let mut faults = self.plan.clone().0.into_iter().peekable();
        while self.began.elapsed() < self.settings.length {
            while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= self.began.elapsed()) {
                self.strike(fault).await;
            }
            self.mend(Instant::now());
            for worker in self.fleet.revive() {
                self.note(&format!("worker {worker} is started again"));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn strike(&mut self, fault: Fault) {
        if fault != Fault::Nudge {
            self.note(&format!("{fault:?}"));
        }
        let now = Instant::now();
        match fault {
            Fault::Kill(worker) => self.fleet.signal(worker, Signal::KILL),
            Fault::Stop(worker, long) => {
                self.fleet.signal(worker, Signal::STOP);
                self.stopped.push((now + long, worker));
            }
            Fault::Terminate => {
                let url = self.server.url("postgres", None);
                self.tasks.spawn("storm", terminate(url));
            }
            Fault::Restart(shutdown) => {
                if shutdown == Shutdown::Immediate {
                    self.crashes.push(SystemClock.now().micros());
                }
                self.server.restart(shutdown);
                self.note("the server is up again");
            }
            Fault::Deafen(long) => {
                self.wire.hold();
                self.silent_until = Some(now + long);
            }
            Fault::CutOff(long) => {
                self.relay.hold();
                self.cut_until = Some(now + long);
            }
            Fault::Cancel(number) => self.people.cancel(&self.tasks, number),
            Fault::Pause(number) => self.people.pause(&self.tasks, number),
            Fault::Nudge => self.people.nudge(&self.tasks),
        }
    }

    /// Ends what lasts only for some time.
    fn mend(&mut self, now: Instant) {
        let (over, still): (Vec<_>, Vec<_>) = self.stopped.drain(..).partition(|(until, _)| *until <= now);
        self.stopped = still;
        for (_, worker) in over {
            self.fleet.signal(worker, Signal::CONT);
            self.note(&format!("worker {worker} goes on"));
        }
        if self.silent_until.take_if(|until| *until <= now).is_some() {
            self.wire.forward();
        }
        if self.cut_until.take_if(|until| *until <= now).is_some() {
            self.relay.forward();
            self.note("the relay forwards again");
        }
    }

    /// Nothing goes wrong any more: everything has to end.
    async fn calm(&mut self) -> Result<(), Vec<String>> {
        self.mend(Instant::now() + Duration::from_secs(3_600));
        self.wire.forward();
        self.relay.forward();
        self.note("calm");
        let began = Instant::now();
        let audit = Audit::connect(&self.server.url(DATABASE, None)).await;
        self.settings.load.register(self.people.engine()).await;
        self.settings.load.begin(self.people.engine(), (0, 1), Duration::ZERO).await;
        while audit.open().await > 0 {
            self.fleet.revive();
            if began.elapsed() > CALM {
                let mut problems = vec![format!("{} things are not done", audit.open().await)];
                problems.extend(audit.stuck().await);
                problems.extend(audit.unfinished().await);
                return Err(problems);
            }
            self.people.nudge(&self.tasks);
            sleep(Duration::from_millis(250)).await;
        }
        self.note("everything has ended");
        // Sessions of the dead end when their leases do, and what nudges left behind is read.
        while audit.number(OPEN_SESSIONS).await > i64::try_from(self.fleet.len()).unwrap_or(i64::MAX) {
            if began.elapsed() > CALM {
                return Err(vec!["sessions of dead workers stay open".to_owned()]);
            }
            sleep(Duration::from_millis(100)).await;
        }
        self.people.rest(&self.tasks).await;
        Ok(())
    }

    async fn judge(&self) -> Verdict {
        let audit = Audit::connect(&self.server.url(DATABASE, None)).await;
        let began = Instant::now();
        while audit.open().await > 0 && began.elapsed() < CALM {
            sleep(Duration::from_millis(50)).await;
        }
        let cancelled = self.people.cancelled();
        let effects = Effects::at(self.settings.folder.join("effects"));
        let case = Case {
            load: &self.settings.load,
            engine: self.people.engine(),
            audit: &audit,
            effects: &effects,
            cancelled: &cancelled,
            crashes: &self.crashes,
        };
        Verdict::of(case).await
    }

    /// Sends the workers home; nothing of them may be left.
    async fn end(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        for worker in 0..self.fleet.len() {
            let status = self.fleet.dismiss(worker);
            if !status.success() {
                problems.push(format!("worker {worker} ended with {status}"));
            }
        }
        self.people.leave();
        let audit = Audit::connect(&self.server.url(DATABASE, None)).await;
        let began = Instant::now();
        while audit.number(CONNECTIONS).await > 0 {
            if began.elapsed() > Duration::from_secs(10) {
                problems
                    .push(format!("{} connections of workers stay open", audit.number(CONNECTIONS).await));
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        let left = [("claims", "SELECT count(*) FROM claim"), ("sessions", OPEN_SESSIONS)];
        for (what, query) in left {
            let count = audit.number(query).await;
            if count > 0 {
                problems.push(format!("{count} {what} are left when everybody is gone"));
            }
        }
        problems
    }

    fn report(&self, verdict: &Verdict) -> String {
        let log = self.settings.folder.join("server.log");
        let _ = std::fs::write(log, self.server.log());
        let StormSettings { seed, load, folder, .. } = &self.settings;
        let mut problems = verdict.problems.clone();
        let all = problems.len();
        problems.truncate(40);
        format!(
            "seed {seed}, load {load}\nplan:\n{}\nwhat happened:\n{}\n{all} problems:\n  {}\nlogs: {}",
            self.plan,
            self.timeline,
            problems.join("\n  "),
            folder.display()
        )
    }
}

const OPEN_SESSIONS: &str = "SELECT count(*) FROM session WHERE ended_at IS NULL";

/// Those of workers and of people; our own has another name.
const CONNECTIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'codeflow%'";

/// Ends every connection but its own.
async fn terminate(url: String) {
    let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await else { return };
    let reading = Tasks::new().spawn("terminate", connection);
    let all = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
            AND backend_type = 'client backend' AND application_name <> '{AUDIT}'"
    );
    let _ = client.batch_execute(&all).await;
    drop(client);
    let _ = reading.await;
}

/// A set that several tasks add to.
type Ids = Arc<Mutex<HashSet<Uuid>>>;
