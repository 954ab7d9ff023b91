//! Limits against a model of them that keeps the time at which everything is paid, in exact fractions; and against what
//! a limit means to whoever set it.

use std::time::Duration;

use codeflow_ratelimit::{Limit, Verdict};
use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, prop_oneof};
use proptest::proptest;

use crate::given::{World, number};

/// The usual form of the algorithm: one point in time, here in parts of `1 / quota` of a microsecond.
#[derive(Default)]
struct Model {
    paid_at: u128,
    now: u128,
}

impl Model {
    fn take(&mut self, limit: &Limit, cost: u32) -> Verdict {
        let window = limit.window.as_micros();
        let (step, burst) = (u128::from(cost) * window, u128::from(limit.burst.get()) * window);
        let paid_at = self.paid_at.max(self.now) + step;
        if step > burst {
            Verdict::Never
        } else if paid_at > self.now + burst {
            let wait = (paid_at - burst - self.now).div_ceil(u128::from(limit.quota.get()));
            Verdict::Later(Duration::from_micros(wait as u64))
        } else {
            self.paid_at = paid_at;
            Verdict::Allowed
        }
    }

    fn settle(&mut self, limit: &Limit, estimate: u32, actual: u32) {
        let window = limit.window.as_micros();
        let owed = self.paid_at.max(self.now) + u128::from(actual) * window;
        self.paid_at = owed.saturating_sub(u128::from(estimate) * window);
    }

    fn remaining(&self, limit: &Limit) -> u32 {
        let window = limit.window.as_micros();
        let owed = self.paid_at.saturating_sub(self.now);
        ((u128::from(limit.burst.get()) * window).saturating_sub(owed) / window) as u32
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(u32),
    Settle(u32, u32),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..40).prop_map(Step::Take),
        2 => (0u32..40, 0u32..60).prop_map(|(estimate, actual)| Step::Settle(estimate, actual)),
        2 => (0u64..3_000_000).prop_map(Step::Wait),
        1 => (0u64..200_000_000).prop_map(Step::Wait),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    (1u32..200, 1u64..120_000, 1u32..100).prop_map(|(quota, window, burst)| Limit {
        name: "requests",
        quota: number(quota),
        window: Duration::from_millis(window),
        burst: number(burst),
    })
}

proptest! {
    #[test]
    fn every_decision_is_that_of_the_model(limit in limit(), steps in prop::collection::vec(step(), 1..120)) {
        let (world, mut model) = (World::new(), Model::default());

        // The model has no time before its start, so that it begins far from there.
        model.now = u128::from(limit.quota.get()) * 1_000_000_000_000;
        for step in steps {
            match step {
                Step::Take(cost) => {
                    let decision = world.check("ada", &limit, cost);
                    prop_assert_eq!(decision.verdict, model.take(&limit, cost));
                    prop_assert_eq!(decision.remaining, model.remaining(&limit));
                }
                Step::Settle(estimate, actual) => {
                    world.settle(&limit, estimate, actual);
                    model.settle(&limit, estimate, actual);
                }
                Step::Wait(micros) => {
                    world.advance(micros);
                    model.now += u128::from(micros) * u128::from(limit.quota.get());
                }
            }
        }
    }

    #[test]
    fn no_stretch_of_time_allows_more_than_the_burst_and_what_came_back(
        limit in limit(),
        asks in prop::collection::vec((0u32..20, 0u64..5_000_000), 1..80),
    ) {
        let world = World::new();
        let (mut now, mut allowed) = (0u128, Vec::new());
        for (cost, wait) in asks {
            now += u128::from(wait);
            world.advance(wait);
            if world.check("ada", &limit, cost).is_allowed() {
                allowed.push((now, u128::from(cost)));
            }
        }

        for (first, (start, _)) in allowed.iter().enumerate() {
            let mut used = 0;
            for (end, cost) in &allowed[first..] {
                used += cost;
                let back = (end - start) * u128::from(limit.quota.get());
                let most = u128::from(limit.burst.get()) * limit.window.as_micros() + back;
                prop_assert!(used * limit.window.as_micros() <= most);
            }
        }
    }

    #[test]
    fn a_wait_is_as_long_as_it_says_and_no_longer(limit in limit(), costs in prop::collection::vec(0u32..40, 1..40)) {
        let world = World::new();
        for cost in costs {
            if let Verdict::Later(wait) = world.check("ada", &limit, cost).verdict {
                world.clock.advance(wait - Duration::from_micros(1));
                prop_assert!(!world.check("ada", &limit, cost).is_allowed());
                world.advance(1);
                prop_assert!(world.check("ada", &limit, cost).is_allowed());
            }
        }
    }
}
