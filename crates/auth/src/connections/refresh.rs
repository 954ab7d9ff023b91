//! A refresh token becomes the next access token.

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
    let unclear = || Error::new(ErrorKind::Unavailable, "the other service did not refresh the connection");
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| unclear())?;
    // GitHub says so with the status of success.
    if matches!(answer.error.as_deref(), Some("invalid_grant" | "bad_refresh_token")) {
        return Ok(Refreshed::Refused);
    }
    let access_token = answer.access_token.filter(|_| reply.status.is_success() && answer.error.is_none());
    let tokens = ConnectionTokens {
        access_token: access_token.ok_or_else(unclear)?.into(),
        // A service that gives out no new one goes on with the old one.
        refresh_token: answer.refresh_token.or_else(|| old.refresh_token.clone()).map(SecretString::from),
        expires_at: answer
            .expires_in
            .map(|seconds| now.after(Duration::from_secs(seconds).min(LONGEST_LIFE))),
        scopes: answer.scope.map_or_else(|| old.scopes.clone(), |scope| scopes(&scope)),
    };
    tokens.check().map_err(|_| unclear())?;
    Ok(Refreshed::Tokens(Sealed::from(&tokens)))
}

/// They are parted by blanks; some services use commas.
fn scopes(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}
