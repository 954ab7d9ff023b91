//! While whoever keeps the count is away.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_ratelimit::{Ask, Error, LeaseReply, LeaseRequest, Limit, SharedLimiter, SharedLimits, Sharing};
use tokio::time::Instant;

use super::world::{World, ms, sleep};
use crate::given::{number, per_minute};

#[tokio::test(start_paused = true)]
async fn each_process_has_its_part_and_no_request_waits() {
    let world = World::new();
    let (here, there) = (world.process().await, world.process().await);
    let limit = per_minute(100);

    world.count.set_away(true);
    let began = Instant::now();
    let admitted = [here.admitted(&limit).await, there.admitted(&limit).await];

    assert_eq!(admitted, [50, 50]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(here.0.is_degraded() && there.0.is_degraded());
    assert!(format!("{:?}", here.0).contains("is_degraded: true"));
}

#[tokio::test(start_paused = true)]
async fn what_was_known_last_is_not_forgotten() {
    let world = World::new();
    let (here, there) = (world.process().await, world.process().await);
    let limit = per_minute(100);
    assert_eq!(here.admitted(&limit).await, 100);
    assert!(!there.admits(&limit).await);

    world.count.set_away(true);
    sleep(1000).await;

    assert_eq!((here.admitted(&limit).await, there.admitted(&limit).await), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_by_itself_and_knows_what_was_used() {
    for forgets in [false, true] {
        let world = World::new();
        let (here, there) = (world.process().await, world.process().await);
        let limit = Limit { window: Duration::from_secs(86_400), ..per_minute(160) };
        for _ in 0..20 {
            assert!(here.admits(&limit).await);
        }
        sleep(1500).await;

        world.count.set_away(true);
        let alone = there.admitted(&limit).await;
        assert_eq!(alone, 80, "it knew of nothing");
        if forgets {
            world.count.forget();
        }
        world.count.set_away(false);
        sleep(1500).await;

        assert!(!here.0.is_degraded() && !there.0.is_degraded());
        let known = if forgets { 80 } else { 100 };
        assert_eq!(here.admitted(&limit).await, 160 - known, "a server that forgets: {forgets}");
    }
}

#[tokio::test(start_paused = true)]
async fn however_often_it_goes_and_comes_no_request_fails_and_the_bound_holds() {
    let world = World::new();
    let processes = [world.process().await, world.process().await];
    let limit = Limit { burst: number(100), ..per_minute(600) };
    let (mut admitted, mut outages) = (0u64, Duration::ZERO);

    let began = Instant::now();
    for turn in 0..6000u64 {
        if turn % 500 == 0 {
            let is_away = turn / 500 % 2 == 1;
            world.count.set_away(is_away);
            outages += if is_away { ms(2500) } else { ms(0) };
        }
        let asked = Instant::now();
        admitted += u64::from(processes[turn as usize % 2].admits(&limit).await);
        assert!(asked.elapsed() <= Sharing::default().patience);
        sleep(5).await;
    }

    // Two processes with half of the limit each: together no more than the limit while it is away.
    let seconds = began.elapsed().as_secs() + 1;
    let most = 100 + seconds * 10 + 6 * 2 * (50 + 1);
    assert!(admitted <= most, "{admitted} > {most}");
    assert!(admitted >= 250, "{admitted}");
    assert!(outages > Duration::ZERO);
}

/// Never answers.
struct Silent;

#[async_trait]
impl SharedLimits for Silent {
    async fn lease(&self, _: &[LeaseRequest]) -> Result<Vec<LeaseReply>, Error> {
        std::future::pending().await
    }

    async fn reach(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_while_asking_keeps_nobody_waiting() {
    let world = World::new();
    let limiter = Arc::new(SharedLimiter::new(Arc::new(Silent), world.clock.clone(), Sharing::default()));
    let (running, stop) = (limiter.clone(), world.tasks.stop_token());
    world.tasks.spawn("limits", async move { running.run(stop).await });
    while limiter.is_degraded() {
        sleep(1).await;
    }
    let limit = per_minute(100);
    let asks = [Ask { subject: "ada", limit: &limit, cost: 1 }];
    let other = Limit { name: "tokens", ..limit };
    let more = [Ask { limit: &other, ..asks[0] }, asks[0]];

    let giving_up = tokio::time::timeout(ms(10), limiter.check_all(&more));
    let (given_up, waiting) = tokio::join!(giving_up, limiter.check_all(&asks));

    assert!(given_up.is_err());
    assert!(waiting.is_some_and(|decision| decision.is_allowed()));
    let wide = Limit { quota: number(200), burst: number(200), ..other };
    let left = limiter.check_all(&[Ask { subject: "ada", limit: &wide, cost: 0 }]).await;
    assert_eq!(left.map(|decision| decision.remaining), Some(100), "nothing was taken of it");
}

/// Answers something else.
struct Wrong;

#[async_trait]
impl SharedLimits for Wrong {
    async fn lease(&self, _: &[LeaseRequest]) -> Result<Vec<LeaseReply>, Error> {
        Ok(Vec::new())
    }

    async fn reach(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_is_waited_for_once() {
    let world = World::new();
    for shared in [Arc::new(Silent) as Arc<dyn SharedLimits>, Arc::new(Wrong)] {
        let limiter = Arc::new(SharedLimiter::new(shared, world.clock.clone(), Sharing::default()));
        let (running, stop) = (limiter.clone(), world.tasks.stop_token());
        world.tasks.spawn("limits", async move { running.run(stop).await });
        while limiter.is_degraded() {
            sleep(1).await;
        }
        let began = Instant::now();
        let limit = per_minute(100);
        let asks = [Ask { subject: "ada", limit: &limit, cost: 1 }];

        let both = tokio::join!(limiter.check_all(&asks), limiter.check_all(&asks));
        for _ in 0..10 {
            limiter.check_all(&asks).await;
        }

        assert!(both.0.is_some_and(|one| one.is_allowed()) && both.1.is_some_and(|other| other.is_allowed()));
        assert!(began.elapsed() <= Sharing::default().patience + ms(1), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn before_anybody_is_found_it_counts_alone() {
    let world = World::new();
    let limiter = SharedLimiter::new(world.count.clone(), world.clock.clone(), Sharing::default());
    let limit = per_minute(10);
    let asks = [Ask { subject: "ada", limit: &limit, cost: 1 }];

    let mut admitted = 0;
    while limiter.check_all(&asks).await.is_some_and(|decision| decision.is_allowed()) {
        admitted += 1;
    }

    assert!(limiter.is_degraded());
    assert_eq!((admitted, world.count.calls()), (5, 0));
    assert_eq!(limiter.check_all(&[]).await, None);
}
