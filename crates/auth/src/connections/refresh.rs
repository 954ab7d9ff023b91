//! A refresh token becomes the next access token; and what an answer says that holds tokens.

use std::time::Duration;

use codeflow_core::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;

use super::service::{ConnectionService, Proof};
use super::tokens::{ConnectionTokens, Sealed};
use crate::oidc::web::{Reply, Web};
use crate::{Error, ErrorKind};

/// No token lives longer.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What came of it.
pub(super) enum Refreshed {
    Tokens(Sealed),
    /// The service does not take the refresh token any more.
    Refused,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    scope: Option<String>,
    error: Option<String>,
}

impl ConnectionService {
    /// Asks for the next tokens. All that is no clear refusal may be tried again.
    pub(super) async fn refresh(&self, web: &Web, old: &Sealed, now: Timestamp) -> Result<Refreshed, Error> {
        let Proof { header, mut form } = self.proof();
        form.push(("grant_type", "refresh_token"));
        form.push(("refresh_token", old.refresh_token.as_deref().unwrap_or_default()));
        let reply = web.post(&self.token, &form, header).await.map_err(|source| {
            Error::with_source(ErrorKind::Unavailable, "the connection could not be refreshed", source)
        })?;
        read(&reply, old, now)
    }
}

fn read(reply: &Reply, old: &Sealed, now: Timestamp) -> Result<Refreshed, Error> {
    let old = (old.refresh_token.as_deref(), old.scopes.as_slice());
    match granted(reply, old, now) {
        Granted::Tokens(tokens) => Ok(Refreshed::Tokens(Sealed::from(&tokens))),
        Granted::Refused => Ok(Refreshed::Refused),
        Granted::Unclear => {
            Err(Error::new(ErrorKind::Unavailable, "the other service did not refresh the connection"))
        }
    }
}

/// What a service answered that was asked for tokens.
pub(super) enum Granted {
    Tokens(ConnectionTokens),
    /// It takes neither the code nor the refresh token.
    Refused,
    Unclear,
}

/// What an answer gives. A service that gives out no new refresh token goes on with the old one, and one that names no
/// scopes means those that there were.
pub(super) fn granted(
    reply: &Reply,
    (refresh_token, scopes): (Option<&str>, &[String]),
    now: Timestamp,
) -> Granted {
    // The cause would hold what was sent.
    let Some(answer): Option<Answer> = serde_json::from_slice(&reply.body).ok() else {
        return Granted::Unclear;
    };
    // GitHub says so with the status of success.
    if matches!(
        answer.error.as_deref(),
        Some("invalid_grant" | "bad_refresh_token" | "bad_verification_code")
    ) {
        return Granted::Refused;
    }
    let access_token = answer.access_token.filter(|_| reply.status.is_success() && answer.error.is_none());
    let Some(access_token) = access_token else { return Granted::Unclear };
    let refresh_token = answer.refresh_token.or_else(|| refresh_token.map(str::to_owned));
    let tokens = ConnectionTokens {
        access_token: access_token.into(),
        refresh_token: refresh_token.map(SecretString::from),
        expires_at: answer
            .expires_in
            .map(|seconds| now.after(Duration::from_secs(seconds).min(LONGEST_LIFE))),
        scopes: answer.scope.map_or_else(|| scopes.to_vec(), |scope| split(&scope)),
    };
    if tokens.check().is_ok() { Granted::Tokens(tokens) } else { Granted::Unclear }
}

/// They are parted by blanks; some services use commas.
fn split(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}
