//! What goes wrong in a storm, and when: drawn from a seed before it begins.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::dice::Dice;
use super::server::Shutdown;

/// Something that goes wrong, or that somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A worker is killed.
    Kill(usize),
    /// A worker is stopped for so long.
    Stop(usize, Duration),
    /// The server ends the connections of everybody.
    Terminate,
    /// The server is restarted.
    Restart(Shutdown),
    /// Wake-ups get lost for so long, and nobody says so.
    Deafen(Duration),
    /// The network between the database and the worker behind the relay forwards nothing for so long.
    CutOff(Duration),
    /// Somebody cancels an execution: the one of so many, counted around.
    Cancel(usize),
    /// Somebody pauses one.
    Pause(usize),
    /// Somebody resumes all that are paused, and sends what others wait for.
    Nudge,
}

/// All of it, in order.
#[derive(Clone, Debug)]
pub struct Plan(pub Vec<(Duration, Fault)>);

impl Plan {
    /// A random plan for a storm of this length over so many workers.
    pub fn random(dice: &mut Dice, length: Duration, workers: usize) -> Self {
        let end = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let mut all = Vec::new();
        let mut every = |dice: &mut Dice, ms: i64, fault: &mut dyn FnMut(&mut Dice) -> Fault| {
            let mut at = dice.between(ms / 4, ms);
            while at < end {
                all.push((millis(at), fault(dice)));
                at += dice.between(ms / 2, ms + ms / 2);
            }
        };
        every(dice, 1_200, &mut |dice| Fault::Kill(dice.below(workers)));
        every(dice, 2_500, &mut |dice| Fault::Stop(dice.below(workers), millis(dice.between(100, 4_500))));
        every(dice, 1_500, &mut |_| Fault::Terminate);
        every(dice, 4_000, &mut |dice| {
            let shutdown = if dice.percent(50) { Shutdown::Fast } else { Shutdown::Immediate };
            Fault::Restart(shutdown)
        });
        every(dice, 5_000, &mut |dice| Fault::Deafen(millis(dice.between(500, 4_000))));
        every(dice, 5_000, &mut |dice| Fault::CutOff(millis(dice.between(200, 4_000))));
        every(dice, 1_500, &mut |dice| Fault::Cancel(dice.below(1_000)));
        every(dice, 700, &mut |dice| Fault::Pause(dice.below(1_000)));
        every(dice, 400, &mut |_| Fault::Nudge);
        all.sort_by_key(|(at, _)| *at);
        Self(all)
    }
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(number.unsigned_abs())
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (at, fault) in self.0.iter().filter(|(_, fault)| *fault != Fault::Nudge) {
            let _ = writeln!(text, "  {:6} ms  {fault:?}", at.as_millis());
        }
        f.write_str(&text)
    }
}
