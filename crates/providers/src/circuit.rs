//! One circuit: whether calls reach a model, decided from how the last ones ended. It knows time only as it is told.

mod permit;
mod state;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codeflow_core::{Clock, Timestamp};
use codeflow_model::{ApiClientError, ErrorKind};
use tokio::time::Instant;

use state::State;

pub use permit::Permit;

/// When a circuit opens, and how it closes again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CircuitSettings {
    /// How far back calls count.
    pub window: Duration,
    /// How many calls there must be before their failures say anything.
    pub minimum: u32,
    /// The share of failed calls, from nought to one, at which the circuit opens.
    pub failure_rate: f64,
    /// How long it stays open at first. That doubles each time it opens again before it has closed.
    pub open: Duration,
    /// The longest it stays open.
    pub open_cap: Duration,
    /// How many calls are let through to find out whether the model is back; all must succeed.
    pub probes: u32,
    /// How long it then takes until every call is let through again. The share of calls grows evenly from a tenth.
    pub ramp: Duration,
    /// How long to leave a provider alone that says it is asked too much, and not for how long.
    pub cool_down: Duration,
    /// The longest that a provider is left alone because it asks for it.
    pub cool_down_cap: Duration,
}

impl Default for CircuitSettings {
    /// Opens when half of at least ten calls in 30 s failed; three probes after 5 s, up to a minute; closes over 10 s.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(30),
            minimum: 10,
            failure_rate: 0.5,
            open: Duration::from_secs(5),
            open_cap: Duration::from_secs(60),
            probes: 3,
            ramp: Duration::from_secs(10),
            cool_down: Duration::from_secs(1),
            cool_down_cap: Duration::from_secs(300),
        }
    }
}

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// Lets them through.
    Closed,
    /// Lets none through.
    Open,
    /// Lets a few through to find out.
    HalfOpen,
    /// Lets a growing share through.
    Closing,
}

/// Why a call was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// How long until asking again makes sense.
    pub wait: Duration,
}

/// Why a call was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The model failed too often.
    Open,
    /// Others are finding out whether it is back, or it is spared while it comes back.
    Recovering,
    /// The provider asked to be left alone.
    CoolingDown,
}

/// The last thing that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastError {
    /// Its kind; the kind's code names it to people.
    pub kind: ErrorKind,
    /// When.
    pub at: Timestamp,
}

/// How long a model took to its first token, lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// An average in which each new call counts for an eighth.
    pub average: Duration,
    /// How long ago the last call was: what nobody has seen for long may be otherwise by now.
    pub age: Duration,
}

/// A circuit as it stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitView {
    /// What it does with calls.
    pub state: CircuitState,
    /// Until when the provider is left alone.
    pub cooling: Option<Duration>,
    /// How long until a call may find out whether the model is back, when none may now.
    pub next_probe: Option<Duration>,
    /// Probes that are under way or have succeeded.
    pub probes: u32,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// How long the model took to its first token.
    pub first_token: Option<Latency>,
}

/// One circuit, shared by everybody who calls the model.
///
/// Its lock is held for a few additions, never across a wait, and every model has its own.
pub struct Circuit {
    settings: CircuitSettings,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Circuit {
    /// A closed circuit. Only errors are stamped by the clock; whatever is measured is told when it happens.
    pub fn new(settings: CircuitSettings, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { settings, clock, state: Mutex::default() })
    }

    /// Asks whether a call may be made now.
    ///
    /// # Errors
    ///
    /// Why not, and when to ask again.
    pub fn admit(self: &Arc<Self>, now: Instant) -> Result<Permit, Refusal> {
        let (era, is_probe) = self.state().admit(&self.settings, now)?;
        Ok(Permit::new(Arc::clone(self), era, is_probe, now))
    }

    /// How it stands.
    pub fn view(&self, now: Instant) -> CircuitView {
        self.state().view(&self.settings, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a thread that panicked left behind is still a state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error says about the provider.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It fails.
    Failure,
    /// It works, and is asked too much.
    Limited,
    /// It works, and will not serve this model or this key.
    Unusable,
    /// Nothing.
    Silent,
}

fn verdict(error: &ApiClientError) -> Verdict {
    match error.kind() {
        // Nothing was sent: another circuit of ours said so, not the provider.
        ErrorKind::Overloaded | ErrorKind::RateLimited if is_ours(error) => Verdict::Silent,
        ErrorKind::ProviderConnection
        | ErrorKind::Timeout
        | ErrorKind::Overloaded
        | ErrorKind::BadResponse => Verdict::Failure,
        ErrorKind::RateLimited => Verdict::Limited,
        ErrorKind::Authentication | ErrorKind::PermissionDenied | ErrorKind::ModelNotAvailable => {
            Verdict::Unusable
        }
        ErrorKind::InvalidRequest
        | ErrorKind::ContextTooLong
        | ErrorKind::ContentFiltered
        | ErrorKind::InvalidPolicy
        | ErrorKind::BudgetExceeded
        | ErrorKind::Cancelled
        | ErrorKind::Internal => Verdict::Silent,
    }
}

fn is_ours(error: &ApiClientError) -> bool {
    error.details().reach == codeflow_model::Reach::NotSent
}
