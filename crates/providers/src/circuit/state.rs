//! The state machine of a circuit. An era ends when the circuit opens; what a call of an earlier era came to says
//! nothing about this one.

use std::time::Duration;

use tokio::time::Instant;

use super::window::Window;
use super::{CircuitSettings, CircuitState, CircuitView, LastError, Latency, Refusal, RefusalReason};
use crate::pacing::later;

/// How long to wait for others to find out.
const RECOVERING: Duration = Duration::from_secs(1);
/// The share of calls that is let through when the circuit begins to close.
const FIRST_SHARE: f64 = 0.1;

/// Everything that changes.
#[derive(Default)]
pub(super) struct State {
    era: u64,
    mode: Mode,
    window: Window,
    cooling: Option<Instant>,
    /// How often it has opened since it was last closed.
    openings: u32,
    pub(super) last_error: Option<LastError>,
    latency: Option<Seen>,
}

#[derive(Clone, Copy, Default)]
enum Mode {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        /// Probes that are under way or have succeeded.
        taken: u32,
        passed: u32,
    },
    Closing {
        since: Instant,
        /// The part of a call that is owed; a whole one is let through.
        credit: f64,
        last: Instant,
    },
}

#[derive(Clone, Copy)]
struct Seen {
    average: Duration,
    at: Instant,
}

impl State {
    /// Lets a call through, and says in which era and whether as a probe.
    pub(super) fn admit(&mut self, settings: &CircuitSettings, now: Instant) -> Result<(u64, bool), Refusal> {
        if let Some(wait) = self.cooling_for(now) {
            return Err(Refusal { reason: RefusalReason::CoolingDown, wait });
        }
        self.advance(settings, now);
        let recovering = Refusal { reason: RefusalReason::Recovering, wait: RECOVERING };
        match &mut self.mode {
            Mode::Closed => Ok((self.era, false)),
            Mode::Open { until } => {
                Err(Refusal { reason: RefusalReason::Open, wait: until.saturating_duration_since(now) })
            }
            Mode::HalfOpen { taken, .. } if *taken < probes(settings) => {
                *taken += 1;
                Ok((self.era, true))
            }
            Mode::HalfOpen { .. } => Err(recovering),
            Mode::Closing { since, credit, last } => {
                *credit += share(settings, now.saturating_duration_since(*since));
                // Whoever calls seldom is not refused for the sake of those who call often.
                let idle = now.saturating_duration_since(*last) >= settings.ramp.mul_f64(FIRST_SHARE);
                if *credit < 1.0 && !idle {
                    return Err(recovering);
                }
                *credit = (*credit - 1.0).max(0.0);
                *last = now;
                Ok((self.era, false))
            }
        }
    }

    /// What time alone changes.
    fn advance(&mut self, settings: &CircuitSettings, now: Instant) {
        match self.mode {
            Mode::Open { until } if now >= until => self.mode = Mode::HalfOpen { taken: 0, passed: 0 },
            Mode::Closing { since, .. } if now.saturating_duration_since(since) >= settings.ramp => {
                self.mode = Mode::Closed;
                self.openings = 0;
            }
            Mode::Closed | Mode::Open { .. } | Mode::HalfOpen { .. } | Mode::Closing { .. } => {}
        }
    }

    /// A probe showed that the model is back.
    pub(super) fn pass(&mut self, settings: &CircuitSettings, era: u64, now: Instant) {
        if era != self.era {
            return;
        }
        if let Mode::HalfOpen { passed, .. } = &mut self.mode {
            *passed += 1;
            if *passed >= probes(settings) {
                self.window = Window::default();
                self.mode = Mode::Closing { since: now, credit: 1.0, last: now };
            }
        }
    }

    /// A probe showed nothing.
    pub(super) fn release(&mut self, era: u64) {
        if let Mode::HalfOpen { taken, .. } = &mut self.mode
            && era == self.era
        {
            *taken -= 1;
        }
    }

    /// A call ended.
    pub(super) fn count(&mut self, settings: &CircuitSettings, era: u64, now: Instant, failed: bool) {
        if era != self.era {
            return;
        }
        let minimum = match self.mode {
            Mode::Closed => settings.minimum,
            Mode::Closing { .. } => settings.minimum.min(probes(settings)),
            Mode::HalfOpen { .. } if failed => return self.open(settings, now),
            Mode::HalfOpen { .. } | Mode::Open { .. } => return,
        };
        self.window.add(settings.window, now, failed);
        if !failed {
            return;
        }
        let count = self.window.count(settings.window, now);
        let rate = f64::from(count.failed) / f64::from(count.total.max(1));
        if count.total >= minimum && rate >= settings.failure_rate {
            self.open(settings, now);
        }
    }

    fn open(&mut self, settings: &CircuitSettings, now: Instant) {
        let wait = settings.open.saturating_mul(2_u32.saturating_pow(self.openings)).min(settings.open_cap);
        self.openings = self.openings.saturating_add(1);
        self.era += 1;
        self.mode = Mode::Open { until: later(now, wait) };
    }

    /// The provider wants to be left alone. The later of two deadlines holds.
    pub(super) fn cool_down(&mut self, settings: &CircuitSettings, asked: Option<Duration>, now: Instant) {
        let wait = asked.unwrap_or(settings.cool_down).min(settings.cool_down_cap);
        self.cooling = self.cooling.max(Some(later(now, wait)));
    }

    /// The first token of a call came.
    pub(super) fn saw_first_token(&mut self, took: Duration, now: Instant) {
        let average = match self.latency {
            Some(seen) => (seen.average * 7 + took) / 8,
            None => took,
        };
        self.latency = Some(Seen { average, at: now });
    }

    fn cooling_for(&self, now: Instant) -> Option<Duration> {
        let until = self.cooling?;
        (now < until).then(|| until - now)
    }

    pub(super) fn view(&mut self, settings: &CircuitSettings, now: Instant) -> CircuitView {
        self.advance(settings, now);
        let cooling = self.cooling_for(now);
        let (state, wait, probes) = match self.mode {
            Mode::Closed => (CircuitState::Closed, None, 0),
            Mode::Open { until } => (CircuitState::Open, Some(until.saturating_duration_since(now)), 0),
            Mode::HalfOpen { taken, .. } => {
                let busy = taken >= probes(settings);
                (CircuitState::HalfOpen, busy.then_some(RECOVERING), taken)
            }
            Mode::Closing { .. } => (CircuitState::Closing, None, 0),
        };
        let probing = matches!(state, CircuitState::Open | CircuitState::HalfOpen);
        CircuitView {
            state,
            cooling,
            next_probe: wait.max(cooling.filter(|_| probing)),
            probes,
            last_error: self.last_error,
            first_token: self
                .latency
                .map(|seen| Latency { average: seen.average, age: now.saturating_duration_since(seen.at) }),
        }
    }
}

fn probes(settings: &CircuitSettings) -> u32 {
    settings.probes.max(1)
}

fn share(settings: &CircuitSettings, elapsed: Duration) -> f64 {
    let part = elapsed.as_secs_f64() / settings.ramp.as_secs_f64().max(f64::MIN_POSITIVE);
    FIRST_SHARE + (1.0 - FIRST_SHARE) * part.min(1.0)
}
