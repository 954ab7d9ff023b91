//! From the errors of SQL to the error of the ports: the only place that decides which is which.

use codeflow_engine::{BoxError, Error, ErrorKind};
use diesel::result::{DatabaseErrorKind, Error as SqlError};
use diesel_async::pooled_connection::deadpool::PoolError;

/// Why a body of queries gave up.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said so.
    Sql(SqlError),
    /// We said so.
    Refused(Error),
}

impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// What the caller is told.
    pub(crate) fn into_error(self, context: impl Into<String>) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Sql(error) => Error::with_source(kind_of(&error), context, error),
        }
    }
}

fn kind_of(error: &SqlError) -> ErrorKind {
    match error {
        SqlError::DatabaseError(kind, _) => kind_of_refusal(kind),
        SqlError::NotFound => ErrorKind::NotFound,
        SqlError::DeserializationError(_) => ErrorKind::Corrupt,
        SqlError::BrokenTransactionManager | SqlError::RollbackErrorOnCommit { .. } => ErrorKind::Unavailable,
        SqlError::SerializationError(_) | SqlError::InvalidCString(_) => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    }
}

/// Both databases report "busy" and "cancelled for taking too long" without a kind of their own, so what
/// has none counts as a passing failure.
fn kind_of_refusal(kind: &DatabaseErrorKind) -> ErrorKind {
    match kind {
        DatabaseErrorKind::UniqueViolation => ErrorKind::Conflict,
        DatabaseErrorKind::ForeignKeyViolation
        | DatabaseErrorKind::NotNullViolation
        | DatabaseErrorKind::CheckViolation => ErrorKind::Internal,
        _ => ErrorKind::Unavailable,
    }
}

/// No connection to be had.
pub(crate) fn unreachable(source: impl Into<BoxError>) -> Error {
    Error::with_source(ErrorKind::Unavailable, "could not connect to the database", source)
}

/// No connection to be had from a pool.
pub(crate) fn from_pool(error: PoolError) -> Error {
    unreachable(error)
}

/// What is stored cannot be read.
pub(crate) fn corrupt(context: impl Into<String>, source: impl Into<BoxError>) -> Error {
    Error::with_source(ErrorKind::Corrupt, context, source)
}

/// The session that wants to write is over.
pub(crate) fn lease_lost() -> Error {
    Error::new(ErrorKind::LeaseLost, "the lease of this worker's session has ended")
}
