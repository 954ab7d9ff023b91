//! Identifiers: prefixed text outside, a UUID inside. Making them is the caller's [`Ids`] port.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes identifiers. Injected, so that a test can own the sequence.
pub trait Ids: Send + Sync {
    /// Returns a fresh identifier, sortable by the time it was made.
    fn next(&self) -> Uuid;
}

/// A text is not an identifier of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an identifier here: expected `{expected}` and 32 hexadecimal digits")]
pub struct InvalidId {
    /// The prefix that the text should have.
    pub expected: &'static str,
    text: String,
}

fn parse_prefixed(text: &str, expected: &'static str) -> Result<Uuid, InvalidId> {
    let invalid = || InvalidId { expected, text: text.chars().take(64).collect() };
    let digits = text.strip_prefix(expected).ok_or_else(invalid)?;
    let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !canonical {
        return Err(invalid());
    }
    Uuid::try_parse(digits).map_err(|_| invalid())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Draws a fresh identifier.
            pub fn generate(ids: &dyn Ids) -> Self {
                Self(ids.next())
            }

            /// Wraps a UUID that was read from storage.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, as storage keeps it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_prefixed(text, $prefix).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id!(
    /// Names one workflow, across all of its versions.
    WorkflowId,
    "wf_"
);
id!(
    /// Names one execution.
    ExecutionId,
    "exec_"
);
id!(
    /// Names one task: one attempt of a step that is due, or was.
    TaskId,
    "task_"
);
id!(
    /// Names one job: a call of an action outside any workflow.
    JobId,
    "job_"
);
id!(
    /// Names one boot of one worker process.
    SessionId,
    "sess_"
);
id!(
    /// Names one batch of tasks claimed together.
    BatchId,
    "batch_"
);
id!(
    /// Names one message sent to an execution: a signal, a decision, a cancel.
    MessageId,
    "msg_"
);
id!(
    /// Names one schedule: the same workflow, expression and time zone have the same name.
    ScheduleId,
    "sched_"
);
id!(
    /// Names one stored payload.
    BlobId,
    "blob_"
);
id!(
    /// Names one person or service that may sign in.
    UserId,
    "user_"
);
id!(
    /// Names one API key; it is a part of the key.
    KeyId,
    "key_"
);
id!(
    /// Names one sign-in, from the password to its end: all the refresh tokens that come of it.
    LoginId,
    "login_"
);
