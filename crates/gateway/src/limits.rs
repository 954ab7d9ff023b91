//! The port for limits on requests and tokens per minute.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::Caller;

/// Limits on how much a caller may ask in a minute. Only limits that are counted together with other processes wait.
pub trait CallLimits: Send + Sync {
    /// Takes one request and an estimate of its tokens from what a caller may still use.
    ///
    /// # Errors
    ///
    /// The limit that is used up; nothing is taken then.
    fn admit(&self, caller: &Caller, model: &str, tokens: u64) -> Result<(), Limited>;

    /// Does what [`admit`](Self::admit) does where other processes count the same limits and may have to be asked.
    /// `None` where nobody has to be, so that [`admit`](Self::admit) decides.
    fn admit_together<'a>(
        &'a self,
        _caller: &'a Caller,
        _model: &'a str,
        _tokens: u64,
    ) -> Option<BoxFuture<'a, Result<(), Limited>>> {
        None
    }

    /// Corrects an estimate once the tokens are known.
    fn settle(&self, caller: &Caller, model: &str, estimated: u64, used: u64);
}

/// A limit is used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Why the call is refused, in a sentence for whoever made it.
    pub reason: String,
    /// When there is room again; `None` when the request is larger than the limit and never fits.
    pub retry_after: Option<Duration>,
}

/// No limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl CallLimits for Unlimited {
    fn admit(&self, _caller: &Caller, _model: &str, _tokens: u64) -> Result<(), Limited> {
        Ok(())
    }

    fn settle(&self, _caller: &Caller, _model: &str, _estimated: u64, _used: u64) {}
}
