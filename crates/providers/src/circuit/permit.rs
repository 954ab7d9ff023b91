//! The leave to make one call, which tells the circuit what came of it.

use std::sync::Arc;

use codeflow_model::ApiClientError;
use tokio::time::Instant;

use super::{Circuit, LastError, Verdict, verdict};

/// The leave to make one call. Dropped before anything was told, it counts for nothing: the caller gave up.
pub struct Permit {
    circuit: Arc<Circuit>,
    era: u64,
    began: Instant,
    /// Whether it takes one of the places that a half-open circuit has.
    holds_place: bool,
    is_probe: bool,
    is_over: bool,
}

impl Permit {
    pub(super) fn new(circuit: Arc<Circuit>, era: u64, is_probe: bool, began: Instant) -> Self {
        Self { circuit, era, began, holds_place: is_probe, is_probe, is_over: false }
    }

    /// Whether the call finds out if the model is back.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// The first token of a streamed answer came. That is proof enough of a probe: its stream may last for minutes.
    pub fn began(&mut self, now: Instant) {
        let mut state = self.circuit.state();
        state.saw_first_token(now.saturating_duration_since(self.began), now);
        if self.holds_place {
            state.pass(&self.circuit.settings, self.era, now);
            drop(state);
            self.holds_place = false;
        }
    }

    /// The answer is complete.
    pub fn succeeded(&mut self, now: Instant) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        let mut state = self.circuit.state();
        if self.is_probe {
            if self.holds_place {
                state.pass(&self.circuit.settings, self.era, now);
            }
        } else {
            state.count(&self.circuit.settings, self.era, now, false);
        }
        drop(state);
        self.holds_place = false;
    }

    /// The call failed, before its first token or after.
    pub fn failed(&mut self, error: &ApiClientError, now: Instant) {
        if self.is_over {
            return;
        }
        let verdict = verdict(error);
        let last = LastError { kind: error.kind(), at: self.circuit.clock.now() };
        let settings = &self.circuit.settings;
        let mut state = self.circuit.state();
        if verdict != Verdict::Silent {
            state.last_error = Some(last);
        }
        match verdict {
            Verdict::Failure => {
                state.count(settings, self.era, now, true);
                drop(state);
                self.is_over = true;
                self.holds_place = false;
            }
            Verdict::Limited => {
                state.cool_down(settings, error.details().retry_after, now);
                drop(state);
                self.let_go();
            }
            Verdict::Unusable | Verdict::Silent => {
                drop(state);
                self.let_go();
            }
        }
    }

    /// Gives back the place of a probe that showed nothing.
    fn let_go(&mut self) {
        if self.holds_place {
            self.circuit.state().release(self.era);
        }
        self.holds_place = false;
        self.is_over = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.let_go();
    }
}
