//! Tells whoever counts what happens to calls.

use codeflow_model::{ApiClientError, ErrorKind};

use crate::UsageRow;

/// Is told what happens to calls, as it happens. It must return at once.
pub trait GatewayObserver: Send + Sync {
    /// An attempt failed, and the same model is asked again.
    fn repeated(&self, _provider: &str, _model: &str, _error: &ApiClientError) {}

    /// An attempt failed, and the next model is asked.
    fn fell_back(&self, _provider: &str, _model: &str, _error: &ApiClientError) {}

    /// A call was refused before a provider was asked.
    fn refused(&self, _kind: ErrorKind) {}

    /// A call is over, with an answer or with an error of this kind.
    fn finished(&self, _row: &UsageRow, _outcome: Result<(), ErrorKind>) {}

    /// The cache was asked, and had an answer or not.
    fn looked_up(&self, _hit: bool) {}
}

/// Nobody counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl GatewayObserver for NoObserver {}
