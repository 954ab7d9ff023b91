//! Tells other processes that there is work, and hears it from them. All of it is a hint: whoever hears nothing finds the
//! work by looking at the queue, a little later.

mod line;
mod rings;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use codeflow_core::Ids;
use codeflow_runtime::Tasks;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::ports::Wire;
use line::Line;
use rings::Rings;

/// How many rings a listener may be behind; it cannot tell many of them from one.
const BEHIND: usize = 64;

/// The lane in which a worker tells others that executions are to stop. No task ever waits in it.
pub(crate) const CONTROL: &str = "!control";

/// How wake-ups reach other processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WakeupSettings {
    /// How often the wire is asked for an echo. One that has died may look like one on which nothing happens.
    pub probe: Duration,
    /// How long connecting, sending or the echo may take.
    pub patience: Duration,
    /// The pause after the first failure; it doubles with each further one.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for WakeupSettings {
    fn default() -> Self {
        Self {
            probe: Duration::from_secs(10),
            patience: Duration::from_secs(5),
            pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
        }
    }
}

/// Whether wake-ups of other processes are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Nobody tries to: the queue is looked at now and then.
    Polling,
    /// The last echo came back.
    Listening,
    /// The wire is away, or gives no echo. The queue is looked at now and then.
    Degraded,
}

impl Hearing {
    /// Never changes once released.
    pub fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Listening => "listening",
            Self::Degraded => "degraded",
        }
    }
}

/// Wake-ups across processes. A clone is the same.
#[derive(Clone, Default)]
pub struct Wakeups(Option<Arc<Shared>>);

/// What the users of a wire share with the task that keeps it.
struct Shared {
    /// What this process is called on the wire.
    name: String,
    rings: Rings,
    /// The lane that was rung; none means that any of them may have been.
    heard: broadcast::Sender<Option<Arc<str>>>,
    hearing: watch::Sender<Hearing>,
    sent: AtomicU64,
}

impl Wakeups {
    /// No wake-ups: every process looks at the queue by itself.
    pub fn none() -> Self {
        Self(None)
    }

    /// Wake-ups over a wire, which one of `tasks` keeps connected until they are told to stop.
    pub fn over(wire: Arc<dyn Wire>, settings: WakeupSettings, ids: &dyn Ids, tasks: &Tasks) -> Self {
        let shared = Arc::new(Shared {
            name: ids.next().simple().to_string(),
            rings: Rings::default(),
            heard: broadcast::Sender::new(BEHIND),
            hearing: watch::Sender::new(Hearing::Degraded),
            sent: AtomicU64::new(0),
        });
        let line = Line::new(Arc::clone(&shared), wire, settings);
        let stop = tasks.stop_token();
        tasks.spawn("wakeups", async move { line.keep(stop).await });
        Self(Some(shared))
    }

    /// Tells other processes that there is work in a lane. Neither waits nor fails; rings that come close together are one.
    pub fn ring(&self, lane: &str) {
        if let Some(shared) = &self.0 {
            shared.rings.add(lane);
        }
    }

    /// Hears of work in these lanes from now on.
    pub fn listen(&self, lanes: &[String]) -> Listener {
        let heard = self.0.as_ref().map(|shared| shared.heard.subscribe());
        Listener { heard, lanes: lanes.to_vec() }
    }

    /// Whether other processes are heard.
    pub fn hearing(&self) -> Hearing {
        self.0.as_ref().map_or(Hearing::Polling, |shared| *shared.hearing.borrow())
    }

    /// Waits until it is so.
    pub async fn becomes(&self, wanted: Hearing) {
        match &self.0 {
            // The sender is in `shared`, so waiting cannot fail.
            Some(shared) => drop(shared.hearing.subscribe().wait_for(|now| *now == wanted).await),
            None if wanted == Hearing::Polling => {}
            None => std::future::pending().await,
        }
    }

    /// How many rings were sent.
    pub fn sent(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.sent.load(Ordering::Relaxed))
    }
}

/// Hears of work in some lanes. What comes while nobody waits is kept as one ring.
pub struct Listener {
    heard: Option<broadcast::Receiver<Option<Arc<str>>>>,
    lanes: Vec<String>,
}

impl Listener {
    /// Waits until another process rings one of the lanes. Dropping the future loses nothing.
    pub async fn rung(&mut self) {
        let Some(heard) = &mut self.heard else { return std::future::pending().await };
        loop {
            match heard.recv().await {
                Ok(Some(lane)) if !self.lanes.iter().any(|own| **own == *lane) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
        // The others say no more than this one did.
        *heard = heard.resubscribe();
    }
}
