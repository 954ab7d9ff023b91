//! Who calls, as limits and budgets see it.

use std::num::NonZeroU32;
use std::sync::Arc;

use codeflow_core::ExecutionId;

/// Who calls. How they proved it is not known here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Whose data and money it is.
    pub tenant: Arc<str>,
    /// The person or service, if the key belongs to one.
    pub user: Option<Arc<str>>,
    /// The name of the key, never the key.
    pub key: Arc<str>,
    /// What it may ask for in a minute, where that is not what all may.
    pub quota: MinuteQuota,
}

/// What a caller may ask of models in a minute; `None`: as much as all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MinuteQuota {
    /// Requests.
    pub requests: Option<NonZeroU32>,
    /// Tokens of prompts and answers together.
    pub tokens: Option<NonZeroU32>,
}

/// Everything that one call is counted for.
#[derive(Clone, Copy, Debug)]
pub struct Subjects<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The execution whose step calls, if one does.
    pub execution: Option<ExecutionId>,
}
