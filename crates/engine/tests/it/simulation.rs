//! The engine simulated from seeds: its own code, with everything around it that can go wrong. `cargo xtask simulate`
//! runs as many seeds as one likes.

use codeflow_testkit::sim::simulate;

/// How many seeds one test runs. They are split so that they run side by side.
const SEEDS: u64 = 200;

fn run(part: u64) {
    for seed in part * SEEDS..(part + 1) * SEEDS {
        let run = simulate(seed).unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
        assert!(run.violations.is_empty(), "{run}");
    }
}

macro_rules! parts {
    ($($name:ident: $part:literal)*) => { $(
        #[test]
        fn $name() {
            run($part);
        }
    )* };
}

parts! {
    nothing_is_lost_or_done_twice_with_the_first_seeds: 0
    nothing_is_lost_or_done_twice_with_the_second_seeds: 1
    nothing_is_lost_or_done_twice_with_the_third_seeds: 2
    nothing_is_lost_or_done_twice_with_the_fourth_seeds: 3
    nothing_is_lost_or_done_twice_with_the_fifth_seeds: 4
    nothing_is_lost_or_done_twice_with_the_sixth_seeds: 5
    nothing_is_lost_or_done_twice_with_the_seventh_seeds: 6
    nothing_is_lost_or_done_twice_with_the_eighth_seeds: 7
    nothing_is_lost_or_done_twice_with_the_ninth_seeds: 8
    nothing_is_lost_or_done_twice_with_the_tenth_seeds: 9
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        let (first, second) = (simulate(seed).unwrap(), simulate(seed).unwrap());

        let differ = first.trace.iter().zip(&second.trace).find(|(one, other)| one != other);
        assert_eq!(differ, None, "seed {seed}");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn different_seeds_give_different_runs() {
    assert_ne!(simulate(1).unwrap().trace, simulate(2).unwrap().trace);
}
