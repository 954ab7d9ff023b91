//! A wire in memory that can be cut, and that can swallow everything without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use codeflow_engine::{Error, ErrorKind, Wire, WireConnection};
use tokio::sync::{broadcast, watch};

/// The wire that all processes of a test share.
pub(crate) struct Hub {
    texts: broadcast::Sender<String>,
    is_cut: watch::Sender<bool>,
    swallows: AtomicBool,
    refusals: AtomicUsize,
    connects: AtomicUsize,
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            texts: broadcast::Sender::new(20_000),
            is_cut: watch::Sender::new(false),
            swallows: AtomicBool::new(false),
            refusals: AtomicUsize::new(0),
            connects: AtomicUsize::new(0),
        })
    }

    /// A connection of one process.
    pub(crate) fn end(self: &Arc<Self>) -> Arc<dyn Wire> {
        Arc::new(End(Arc::clone(self)))
    }

    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
        self.swallows.store(false, Ordering::SeqCst);
    }

    /// Takes what is sent and delivers nothing.
    pub(crate) fn swallow(&self) {
        self.swallows.store(true, Ordering::SeqCst);
    }

    /// Refuses to send, this many times; the connection ends with each.
    pub(crate) fn refuse(&self, times: usize) {
        self.refusals.store(times, Ordering::SeqCst);
    }

    pub(crate) fn connects(&self) -> usize {
        self.connects.load(Ordering::SeqCst)
    }

    /// All that is sent from now on.
    pub(crate) fn overhear(&self) -> broadcast::Receiver<String> {
        self.texts.subscribe()
    }
}

struct End(Arc<Hub>);

struct Connection {
    hub: Arc<Hub>,
    texts: broadcast::Receiver<String>,
    is_cut: watch::Receiver<bool>,
}

#[async_trait]
impl Wire for End {
    async fn connect(&self) -> Result<Box<dyn WireConnection>, Error> {
        self.0.connects.fetch_add(1, Ordering::SeqCst);
        if *self.0.is_cut.borrow() {
            return Err(away());
        }
        let (texts, is_cut) = (self.0.texts.subscribe(), self.0.is_cut.subscribe());
        Ok(Box::new(Connection { hub: Arc::clone(&self.0), texts, is_cut }))
    }
}

#[async_trait]
impl WireConnection for Connection {
    async fn send(&mut self, texts: &[String]) -> Result<(), Error> {
        let refusals = self.hub.refusals.load(Ordering::SeqCst);
        if *self.is_cut.borrow() || refusals > 0 {
            self.hub.refusals.store(refusals.saturating_sub(1), Ordering::SeqCst);
            return Err(away());
        }
        if !self.hub.swallows.load(Ordering::SeqCst) {
            for text in texts {
                let _ = self.hub.texts.send(text.clone());
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<String, Error> {
        tokio::select! {
            _ = self.is_cut.wait_for(|is_cut| *is_cut) => Err(away()),
            text = self.texts.recv() => text.map_err(|_| away()),
        }
    }
}

fn away() -> Error {
    Error::new(ErrorKind::Unavailable, "the wire is cut")
}
