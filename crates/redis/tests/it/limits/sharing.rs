//! Processes that share limits over one Redis.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_core::Clock;
use codeflow_ratelimit::{
    ClassRates, EndpointClass, Gate, Rate, RuleBook, Rules, SharedGate, SharedLimiter, Sharing, Visitor,
};
use codeflow_redis::RedisLimits;
use codeflow_runtime::{SystemClock, Tasks};
use codeflow_testkit::{ManualClock, Proxy};

use crate::server::{RedisServer, at};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gate, as a server has one.
struct Process {
    limiter: Arc<SharedLimiter>,
    gate: SharedGate,
}

impl Process {
    async fn start(url: &str, clock: Arc<dyn Clock>, tasks: &Tasks) -> Self {
        // A test's machine may stand still for longer than a server's.
        let sharing = Sharing { patience: Duration::from_millis(250), ..Sharing::default() };
        let redis = RedisLimits::new(&at(url), "it", "gate");
        let limiter = Arc::new(SharedLimiter::new(Arc::new(redis), clock, sharing));
        let (running, stop) = (limiter.clone(), tasks.stop_token());
        tasks.spawn("limits", async move { running.run(stop).await });
        let rates = |per_minute, burst| ClassRates {
            all: Some(Rate { per_minute, burst: Some(burst) }),
            ..ClassRates::default()
        };
        let tiers = [("slow".to_owned(), rates(1, 500)), ("fast".to_owned(), rates(60_000, 1000))];
        let rules = Rules { tiers: tiers.into(), ..Rules::default() };
        let book = Arc::new(RuleBook::new(rules).expect("they make sense"));
        let process = Self { gate: SharedGate::new(book, limiter.clone()), limiter };
        process.becomes(false).await;
        process
    }

    async fn becomes(&self, degraded: bool) {
        let began = Instant::now();
        while self.limiter.is_degraded() != degraded {
            assert!(began.elapsed() < PATIENCE, "it never is: degraded {degraded}");
            self.admits("nobody", "fast").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn admits(&self, name: &str, tier: &str) -> bool {
        let visitor = Visitor { name, tier, may_bypass: false, class: EndpointClass::Read };
        self.gate.admit(&visitor).await.expect("a limit holds").is_allowed()
    }
}

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gates_over_one_redis_admit_together_what_one_would() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    // The clock of one goes an hour ahead, which must not matter.
    let ahead = Arc::new(ManualClock::default());
    ahead.advance(Duration::from_secs(3600));
    let (here, there) = (
        Process::start(&redis.url(), system(), &tasks).await,
        Process::start(&redis.url(), ahead, &tasks).await,
    );
    let mut seed = 42u64;

    let mut admitted = 0;
    for _ in 0..1500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let process = if seed >> 40 & 1 == 0 { &here } else { &there };
        admitted += u32::from(process.admits("ada", "slow").await);
    }
    // What lies in a lease of one is not lost: after its time, the other one gets it.
    let began = Instant::now();
    while admitted < 500 {
        assert!(began.elapsed() < PATIENCE, "{admitted} of 500");
        admitted += u32::from(here.admits("ada", "slow").await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..100 {
        admitted += u32::from(here.admits("ada", "slow").await);
        admitted += u32::from(there.admits("ada", "slow").await);
    }

    assert!(admitted <= 501, "{admitted}: one unit may come back meanwhile");
    assert!(!here.limiter.is_degraded() && !there.limiter.is_degraded());
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_at_two_gates_is_admitted_to_the_last_one_and_not_one_more() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    let processes = [
        Arc::new(Process::start(&redis.url(), system(), &tasks).await),
        Arc::new(Process::start(&redis.url(), system(), &tasks).await),
    ];
    let began = Instant::now();

    let asking: Vec<_> = (0..64)
        .map(|number| {
            let process = processes[number % 2].clone();
            tasks.spawn("ask", async move {
                let mut admitted = 0u64;
                while began.elapsed() < Duration::from_millis(1500) {
                    admitted += u64::from(process.admits("ada", "slow").await);
                    tokio::task::yield_now().await;
                }
                admitted
            })
        })
        .collect();
    let mut admitted = 0;
    for counted in asking {
        admitted += counted.await.ok().flatten().expect("nobody panics");
    }

    assert!(processes.iter().all(|process| !process.limiter.is_degraded()));
    assert!((500..=501).contains(&admitted), "{admitted}");
    assert!(redis.scripts() < 300, "{}", redis.scripts());
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_key_asks_redis_less_than_once_for_ten_requests() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    let here = Process::start(&redis.url(), system(), &tasks).await;
    let before = redis.scripts();

    for _ in 0..2000 {
        here.admits("ada", "fast").await;
        tokio::task::yield_now().await;
    }

    let asked = redis.scripts() - before;
    assert!((1..200).contains(&asked), "{asked}");
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_stopped_and_started_under_load_fails_no_request() {
    let (mut redis, tasks) = (RedisServer::start(), Tasks::new());
    let processes = [
        Process::start(&redis.url(), system(), &tasks).await,
        Process::start(&redis.url(), system(), &tasks).await,
    ];
    let (mut admitted, mut slowest, began) = (0u64, Duration::ZERO, Instant::now());
    let mut load = async |turns: u32| {
        for turn in 0..turns {
            let asked = Instant::now();
            admitted += u64::from(processes[turn as usize % 2].admits("ada", "slow").await);
            slowest = slowest.max(asked.elapsed());
        }
    };

    load(300).await;
    redis.stop();
    load(2000).await;
    assert!(processes.iter().all(|process| process.limiter.is_degraded()));
    redis.start_again();
    for process in &processes {
        process.becomes(false).await;
    }
    load(2000).await;

    // 500 at once for everybody; half of that for each process while it is away; and 500 again, because this Redis has
    // forgotten everything, without what the processes tell it.
    let back = 1 + began.elapsed().as_secs() / 60;
    assert!(admitted <= 500 + 500 + back + 2, "{admitted}");
    assert!(admitted >= 500, "{admitted}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_behind_a_dead_network_is_waited_for_once_and_found_again() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    let proxy = Proxy::to(redis.address());
    let process = Process::start(&format!("redis://{}/", proxy.address()), system(), &tasks).await;

    proxy.hold();
    process.becomes(true).await;
    let began = Instant::now();
    for _ in 0..1000 {
        process.admits("ada", "fast").await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "no request waits: {:?}", began.elapsed());
    let address = IpAddr::from([203, 0, 113, 1]);
    assert_eq!(process.gate.enter(address, EndpointClass::Read).await, None);
    proxy.forward();

    process.becomes(false).await;
    tasks.shut_down(PATIENCE).await;
}
