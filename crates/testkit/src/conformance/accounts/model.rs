//! Long scripts that must have the same answers from every storage as from the one in memory.

use std::sync::Arc;

use codeflow_core::{SessionId, Usd};
use codeflow_gateway::{AccountStore, Batch, Committed, Ending, Entry, Outcome};

use super::{AccountsSubject, LONG, entry, full_row, key, usd};
use crate::{ManualClock, MemoryAccounts};

const PROCESSES: u64 = 3;
const STEPS: usize = 60;
const LIMIT: u64 = 10_000;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A process of the script, as it knows itself.
#[derive(Clone, Copy)]
struct Process {
    session: SessionId,
    seq: i64,
    slices: [u64; 2],
    asked: [i64; 2],
}

impl Process {
    fn entry(&self, dice: &mut Dice, at: usize) -> Entry {
        let slice = self.slices[at];
        let shrink = if dice.below(2) == 0 { dice.below(slice + 1) } else { 0 };
        let spent = if dice.below(2) == 0 { shrink + dice.below(20) } else { dice.below(shrink + 1) };
        let need = if dice.below(3) == 0 { 0 } else { 1 + dice.below(LIMIT / 4) };
        let retire = need == 0 && dice.below(4) == 0;
        Entry {
            key: key(["ci", "nightly"][at]),
            spent: usd(spent),
            shrink: usd(if retire { slice } else { shrink }),
            held: usd(if retire { 0 } else { dice.below(slice - shrink + 1) }),
            need: usd(need),
            asks: usd(if need == 0 { 0 } else { need + dice.below(500) }),
            spare: usd(if retire { 0 } else { dice.below(2_000) }),
            asked: self.asked[at],
            answers: dice.below(4) as i64,
            retire,
            ..entry(LIMIT)
        }
    }
}

/// Whatever is asked, in whatever order.
pub async fn long_scripts_have_the_answers_of_the_model(subject: &AccountsSubject) {
    let model = MemoryAccounts::new(Arc::new(ManualClock::default()));
    for seed in 0..4 {
        let mut dice = Dice(seed);
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            let session = SessionId::generate(&*subject.ids);
            subject.store.open(session, LONG).await.unwrap();
            model.open(session, LONG).await.unwrap();
            processes.push(Process { session, seq: 0, slices: [0; 2], asked: [0; 2] });
        }
        for step in 0..STEPS {
            let at = usize::try_from(dice.below(PROCESSES)).unwrap();
            play(subject, &model, &mut dice, &mut processes[at]).await;
            for name in ["ci", "nightly"] {
                let theirs = subject.store.balance(&key(name)).await.unwrap();
                assert_eq!(theirs, model.balance(&key(name)).await.unwrap(), "seed {seed}, step {step}");
            }
        }
        for process in processes {
            let closed = Ending::Closed(process.session);
            assert_eq!(subject.store.end(closed).await.unwrap(), model.end(closed).await.unwrap());
        }
        assert_eq!(model.balance(&key("ci")).await.unwrap().leased, Usd::ZERO);
    }
}

async fn play(subject: &AccountsSubject, model: &MemoryAccounts, dice: &mut Dice, process: &mut Process) {
    process.seq += 1;
    let both = dice.below(3) == 0;
    let first = usize::try_from(dice.below(2)).unwrap();
    let chosen = if both { vec![first, 1 - first] } else { vec![first] };
    let entries = chosen.iter().map(|at| process.entry(dice, *at)).collect();
    let rows = vec![full_row(&*subject.ids)];
    let Process { session, seq, .. } = *process;
    let batch = Arc::new(Batch { session, seq, lease: LONG, tight: LONG, entries, rows });

    let theirs = subject.store.commit(Arc::clone(&batch)).await.unwrap();
    let ours = model.commit(Arc::clone(&batch)).await.unwrap();

    assert_eq!(theirs, ours, "{batch:?}");
    let Committed::Done(answers) = ours else { panic!("the session lives") };
    for (at, answer) in chosen.into_iter().zip(answers) {
        process.slices[at] = answer.slice.micros();
        process.asked[at] = match answer.outcome {
            Outcome::Recalling(number) => number,
            Outcome::Granted | Outcome::Refused => 0,
        };
    }
}
