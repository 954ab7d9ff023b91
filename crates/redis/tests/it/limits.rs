//! The count of limits in a real Redis: decided as it should be, shared by processes, and missed by nobody when it is away.

mod sharing;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use codeflow_ratelimit::{LeaseReply, LeaseRequest, Limit, Report, SharedLimits};
use codeflow_redis::RedisLimits;
use codeflow_runtime::SystemClock;
use codeflow_testkit::MemoryLimits;
use proptest::prelude::{Strategy, any, prop};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::server::RedisServer;

/// What a process does, in words of its own last lease.
#[derive(Clone, Debug)]
struct Step {
    cost: u32,
    surplus: u32,
    used: i64,
    keeps_lease: bool,
    process: usize,
    pause: u64,
}

fn steps() -> impl Strategy<Value = (Limit, Vec<Step>)> {
    let number = |number: u32| NonZeroU32::new(number).expect("it is not zero");
    let small = (1u32..200, 1u64..50_000, 1u32..100);
    let huge = (u32::MAX - 1000..u32::MAX, 60_000_000u64..60_000_001, 1u32..u32::MAX);
    let odd = (1u32..u32::MAX, 1u64..100_000_000_000, 1u32..u32::MAX);
    let limit = proptest::prop_oneof![small, huge, odd].prop_map(move |(quota, window, burst)| Limit {
        name: "requests",
        quota: number(quota),
        window: Duration::from_micros(window),
        burst: number(burst),
    });
    let step = |most: u32| {
        (0..=most, 0..=most, -i64::from(most)..=i64::from(most), any::<bool>(), 0usize..3, 0u64..3).prop_map(
            |(cost, surplus, used, keeps_lease, process, pause)| Step {
                cost,
                surplus,
                used,
                keeps_lease,
                process,
                pause,
            },
        )
    };
    limit.prop_flat_map(move |limit| {
        let most = limit.burst.get() / 3 + 1;
        (proptest::strategy::Just(limit), prop::collection::vec(step(most), 1..40))
    })
}

async fn connected(redis: &RedisServer) -> RedisLimits {
    let limits = RedisLimits::new(&redis.place(), "it", "test");
    limits.reach().await.expect("it is there");
    limits
}

#[tokio::test]
async fn the_script_decides_as_exact_numbers_do() {
    let redis = RedisServer::start();
    let limits = connected(&redis).await;
    let mut runner = TestRunner::deterministic();
    for case in 0..100 {
        let (limit, steps) = steps().new_tree(&mut runner).expect("there are some").current();
        let model = MemoryLimits::new(Arc::new(SystemClock));
        let mut last = [LeaseReply { is_taken: true, surplus: 0, lease: 0, owed: (0, 0), at: 0 }; 3];
        for step in steps {
            let held = last[step.process];
            let report = match step.keeps_lease {
                true => Report { used: step.used.min(0), ..Report::default() },
                false => Report { lease: held.lease, held: held.surplus, used: step.used },
            };
            let (cost, surplus) = (step.cost, step.surplus);
            let request = LeaseRequest { subject: format!("case-{case}"), limit, report, cost, surplus };

            let reply = limits.lease(std::slice::from_ref(&request)).await.expect("it is there")[0];

            assert_eq!(reply, model.lease_at(&request, reply.at), "case {case}: {request:?}");
            last[step.process] = reply;
            tokio::time::sleep(Duration::from_millis(step.pause)).await;
        }
    }
}

#[tokio::test]
async fn a_lease_ends_with_its_time_and_a_key_with_its_debt() {
    let redis = RedisServer::start();
    let limits = connected(&redis).await;
    let number = |number: u32| NonZeroU32::new(number).expect("it is not zero");
    let limit =
        Limit { name: "requests", quota: number(1000), window: Duration::from_secs(1), burst: number(100) };
    let request = |lease: u64, used| LeaseRequest {
        subject: "ada".to_owned(),
        limit,
        report: Report { lease, held: 50, used },
        cost: 1,
        surplus: 50,
    };
    let first = limits.lease(&[request(0, 0)]).await.expect("it is there")[0];
    assert_eq!((first.is_taken, first.surplus, first.owed), (true, 50, (1, 0)));
    let keys = redis.keys();
    let ttl: u64 = redis.command(&["PTTL", &keys[0]]);
    assert!((2000..3000).contains(&ttl), "{ttl}");
    assert_eq!(keys, ["codeflow:it:limits:test:requests:ada"]);

    redis.until("the lease and what is owed are over", |redis| redis.keys().is_empty());
    let late = limits.lease(&[request(first.lease, 50)]).await.expect("it is there")[0];

    assert_eq!(late.owed, (1, 0), "a lease that is over was used long ago");
}

#[tokio::test]
async fn a_server_that_lost_the_script_gets_it_again() {
    let redis = RedisServer::start();
    let limits = connected(&redis).await;
    let number = NonZeroU32::new(10).expect("it is not zero");
    let request = LeaseRequest {
        subject: "ada".to_owned(),
        limit: Limit::per_minute("requests", number),
        report: Report::default(),
        cost: 1,
        surplus: 0,
    };
    redis.command::<String>(&["SCRIPT", "FLUSH"]);

    let lost = limits.lease(std::slice::from_ref(&request)).await;
    let unconnected = limits.lease(std::slice::from_ref(&request)).await;
    limits.reach().await.expect("it is there");
    let found = limits.lease(std::slice::from_ref(&request)).await;

    assert!(lost.is_err() && unconnected.is_err());
    assert!(found.is_ok_and(|replies| replies[0].is_taken));
}

#[tokio::test]
async fn installations_that_share_a_redis_do_not_share_limits() {
    let redis = RedisServer::start();
    let one = NonZeroU32::new(1).expect("it is not zero");
    let request = LeaseRequest {
        subject: "ada".to_owned(),
        limit: Limit::per_minute("requests", one),
        report: Report::default(),
        cost: 1,
        surplus: 0,
    };
    let takes = async |installation| {
        let limits = RedisLimits::new(&redis.place(), installation, "requests");
        limits.reach().await.expect("it is there");
        limits.lease(std::slice::from_ref(&request)).await.expect("it is there")[0].is_taken
    };

    let taken = [takes("one").await, takes("other").await, takes("one").await, takes("other").await];

    assert_eq!(taken, [true, true, false, false]);
}
