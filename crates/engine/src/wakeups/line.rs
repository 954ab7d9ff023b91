//! Keeps a wire connected: sends what waits, hands on what comes, asks for echoes, and connects anew when there is none.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Hearing, Shared, WakeupSettings};
use crate::ports::{Wire, WireConnection};
use crate::{Error, ErrorKind};

/// How long the last rings of a process may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub(super) struct Line {
    shared: Arc<Shared>,
    wire: Arc<dyn Wire>,
    settings: WakeupSettings,
}

/// One connection, and what is expected of it.
struct Spell {
    connection: Box<dyn WireConnection>,
    /// When the next echo is asked for.
    probe: Instant,
    /// Until when the echo that was asked for has to come.
    echo: Option<Instant>,
}

impl Line {
    pub(super) fn new(shared: Arc<Shared>, wire: Arc<dyn Wire>, settings: WakeupSettings) -> Self {
        Self { shared, wire, settings }
    }

    /// Works until told to stop.
    pub(super) async fn keep(&self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let connecting = timeout(self.settings.patience, self.wire.connect());
            let connected = tokio::select! {
                () = stop.cancelled() => return,
                connected = connecting => connected.unwrap_or_else(|_| Err(late("connecting"))),
            };
            let ended = match connected {
                Ok(connection) => {
                    let mut spell = Spell { connection, probe: Instant::now(), echo: None };
                    tokio::select! {
                        error = self.serve(&mut spell, &mut failures) => error,
                        () = stop.cancelled() => return self.last_words(&mut spell).await,
                    }
                }
                Err(error) => error,
            };
            self.degrade(&ended, failures);
            failures += 1;
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(self.pause(failures)) => {}
            }
        }
    }

    /// Uses a connection until it fails.
    async fn serve(&self, spell: &mut Spell, failures: &mut u32) -> Error {
        loop {
            let next = match self.send_due(&mut *spell.connection).await {
                Ok(next) => next.unwrap_or(spell.probe),
                Err(error) => return error,
            };
            let deadline = spell.echo.unwrap_or(spell.probe);
            tokio::select! {
                () = self.shared.rings.added() => {}
                () = sleep_until(next.min(deadline)) => {
                    if let Err(error) = self.look_at_the_time(spell).await {
                        return error;
                    }
                }
                received = spell.connection.receive() => match received {
                    Ok(text) => {
                        if self.take_in(&text) {
                            spell.echo = None;
                            *failures = 0;
                        }
                    }
                    Err(error) => return error,
                },
            }
        }
    }

    /// Asks for an echo when it is time, and fails when one is overdue.
    async fn look_at_the_time(&self, spell: &mut Spell) -> Result<(), Error> {
        let now = Instant::now();
        if spell.echo.is_some_and(|until| until <= now) {
            return Err(late("the echo"));
        }
        if spell.probe <= now {
            let until = now + self.settings.patience;
            spell.probe = now + self.settings.probe;
            spell.echo = Some(spell.echo.unwrap_or(until));
            self.send(&mut *spell.connection, std::slice::from_ref(&self.shared.name), until).await?;
        }
        Ok(())
    }

    /// Sends the rings that are due, and tells when the next ones are.
    async fn send_due(&self, connection: &mut dyn WireConnection) -> Result<Option<Instant>, Error> {
        let now = Instant::now();
        let (lanes, next) = self.shared.rings.take(now);
        if lanes.is_empty() {
            return Ok(next);
        }
        let texts: Vec<String> = lanes.iter().map(|lane| format!("{} {lane}", self.shared.name)).collect();
        match self.send(connection, &texts, now + self.settings.patience).await {
            Ok(()) => {
                self.shared.sent.fetch_add(texts.len() as u64, Ordering::Relaxed);
                Ok(next)
            }
            Err(error) => {
                self.shared.rings.put_back(lanes);
                Err(error)
            }
        }
    }

    async fn send(
        &self,
        connection: &mut dyn WireConnection,
        texts: &[String],
        until: Instant,
    ) -> Result<(), Error> {
        timeout_at(until, connection.send(texts)).await.unwrap_or_else(|_| Err(late("sending")))
    }

    /// Hands on what others say. Whether it is our own echo.
    fn take_in(&self, text: &str) -> bool {
        let shared = &self.shared;
        match text.split_once(' ') {
            Some((from, _)) if from == shared.name => false,
            Some((_, lane)) => {
                let _ = shared.heard.send(Some(lane.into()));
                false
            }
            None if text == shared.name => {
                if *shared.hearing.borrow() != Hearing::Listening {
                    // Nobody knows what was missed.
                    let _ = shared.heard.send(None);
                    shared.hearing.send_replace(Hearing::Listening);
                    tracing::info!("wake-ups of other processes are heard");
                }
                true
            }
            None => false,
        }
    }

    fn degrade(&self, error: &Error, failures: u32) {
        self.shared.hearing.send_replace(Hearing::Degraded);
        if failures == 0 {
            tracing::warn!(error = %error, "wake-ups of other processes are not heard; polling goes on");
        } else {
            tracing::debug!(error = %error, failures, "wake-ups are still not heard");
        }
    }

    /// Between half of the pause and all of it, different in each process.
    fn pause(&self, failures: u32) -> Duration {
        let doubled = self.settings.pause.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let longest = doubled.min(self.settings.longest_pause);
        let spread = self.shared.name.bytes().map(u32::from).sum::<u32>().wrapping_add(failures * 37) % 256;
        longest / 2 + longest / 2 * spread / 255
    }

    /// Sends what waits before the process ends.
    async fn last_words(&self, spell: &mut Spell) {
        let sending = async {
            while let Ok(Some(next)) = self.send_due(&mut *spell.connection).await {
                sleep_until(next).await;
            }
        };
        if timeout(LAST_WORDS, sending).await.is_err() {
            tracing::debug!("the last wake-ups could not be sent");
        }
    }
}

fn late(what: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what} took too long on the wire for wake-ups"))
}
