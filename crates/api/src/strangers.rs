//! Callers of the model paths whose key is not one of the settings: behind the limits of their address, they are asked for
//! in storage. That is none of the cost of a key of the settings.

use std::sync::Arc;

use codeflow_auth::{Credential, ErrorKind, Principal};
use codeflow_gateway::{Caller, MinuteQuota};
use http::HeaderMap;

use crate::Failure;
use crate::exchange::Exchange;
use crate::keys::{Key, KeyRing};
use crate::manage::{Problem, found_in_time, visitor_name};
use crate::refusal::Refusal;

/// Whose key or token it is, as a key, and under which name its requests are counted.
pub(crate) async fn recognise(
    exchange: &Exchange<'_>,
    headers: &HeaderMap,
) -> Result<(Key, String), Failure> {
    let presented = KeyRing::presented(headers).map_err(|_| unknown())?;
    let authenticate = &exchange.api.manage.authenticate;
    let principal = found_in_time(authenticate.authenticate(presented)).await.map_err(|error| {
        // What has the form of no credential of ours is most often a key of somebody else.
        let is_empty = error.kind() == ErrorKind::MissingCredential;
        let is_foreign = error.kind() == ErrorKind::MalformedCredential && !presented.contains('.');
        if is_empty || is_foreign || error.kind() == ErrorKind::UnknownKey {
            unknown()
        } else {
            Failure::from(Problem::from(error))
        }
    })?;
    Ok((key(&principal), visitor_name(&principal)))
}

fn unknown() -> Failure {
    Refusal::UnknownKey.told("the key is not known here")
}

fn key(principal: &Arc<Principal>) -> Key {
    let caller = Caller {
        tenant: principal.tenant.as_str().into(),
        user: principal.user.map(|user| user.to_string().into()),
        // People choose the names of their keys; under an id nobody else is counted.
        key: match &principal.credential {
            Credential::Key(id) => id.to_string().into(),
            Credential::Token(login) => login.to_string().into(),
            Credential::Settings(name) => Arc::clone(name),
        },
        quota: MinuteQuota { requests: principal.requests_per_minute, tokens: principal.tokens_per_minute },
    };
    Key {
        digest: [0; 32],
        caller: Arc::new(caller),
        models: principal.models.as_ref().map(|models| models.to_vec()),
        permissions: principal.permissions,
        tier: Arc::clone(&principal.tier),
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let Problem { status, code, message, retry_after, .. } = problem;
        Self { retry_after, ..Self::new(status.as_u16(), code, message) }
    }
}
