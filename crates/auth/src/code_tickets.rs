//! Sign-ins with another service that lack a code of the second factor: tickets that say so, good for minutes and for one
//! sign-in. A ticket is sealed, so that nothing is kept of it before it was used.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codeflow_core::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::outside::refused;
use crate::{Attempt, Error, ErrorKind, Identity, Origin, SignedIn, User, VerifiedIdentity};

const PREFIX: &str = "cfc_";
const PURPOSE: &str = "sign-in that lacks a code";
const USED: &str = "sign-in that lacked a code";
const HOLDS: Duration = Duration::from_secs(5 * 60);
const LONGEST: usize = 1024;

/// Stands for a sign-in that lacks a code of the second factor. Without the code it is good for nothing.
#[derive(Clone, Debug)]
pub struct CodeTicket {
    /// The ticket.
    pub ticket: SecretString,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// What a ticket says.
#[derive(Serialize, Deserialize)]
struct Sealed {
    user: String,
    provider: String,
    expires_at: Timestamp,
}

impl Identity {
    /// A ticket for a user for whom another service vouches.
    pub(crate) fn ticket(&self, user: &User, who: &VerifiedIdentity) -> Result<CodeTicket, Error> {
        let expires_at = self.clock.now().after(HOLDS);
        let sealed = Sealed { user: user.id.to_string(), provider: who.provider.clone(), expires_at };
        let plain = serde_json::to_vec(&sealed).map_err(|source| {
            Error::with_source(ErrorKind::Internal, "a ticket cannot be written", source)
        })?;
        let sealed = URL_SAFE_NO_PAD.encode(self.vault.seal(PURPOSE, &plain)?);
        Ok(CodeTicket { ticket: format!("{PREFIX}{sealed}").into(), expires_at })
    }

    /// Finishes a sign-in with another service that lacks a code. A wrong code counts like one at any sign-in; the ticket
    /// may be tried with another one, until one was right.
    ///
    /// # Errors
    /// [`SignInFailed`](ErrorKind::SignInFailed) when the ticket is none, over or used, or the user may not sign in;
    /// [`WrongSecondFactor`](ErrorKind::WrongSecondFactor); [`LockedOut`](ErrorKind::LockedOut);
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn sign_in_with_code(
        &self,
        ticket: &str,
        code: &str,
        origin: &Origin,
    ) -> Result<SignedIn, Error> {
        let sealed = self.open_ticket(ticket).ok_or_else(void)?;
        let id = sealed.user.parse().map_err(|_| void())?;
        let found = self.store.find_user(id).await?;
        let user = found.filter(|user| !user.disabled && user.identity.is_some()).ok_or_else(refused)?;
        let user = self.accept(user, (Some(code), None), origin).await?;
        self.use_ticket(ticket, sealed.expires_at).await?;
        self.begin(&user, origin, &sealed.provider).await
    }

    /// What a ticket says that holds.
    fn open_ticket(&self, ticket: &str) -> Option<Sealed> {
        let sealed = ticket.strip_prefix(PREFIX).filter(|text| text.len() <= LONGEST)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let plain = self.vault.open(PURPOSE, &sealed).ok()?;
        let sealed: Sealed = serde_json::from_slice(&plain).ok()?;
        (self.clock.now() < sealed.expires_at).then_some(sealed)
    }

    /// Of several uses at once one is the first.
    async fn use_ticket(&self, ticket: &str, expires_at: Timestamp) -> Result<(), Error> {
        let state = self.vault.digest(USED, ticket.as_bytes())?.to_vec();
        let used = Attempt { state, secret: Vec::new(), expires_at };
        match self.store.add_attempt(&used, self.clock.now()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Err(void()),
            used => used,
        }
    }
}

fn void() -> Error {
    Error::new(ErrorKind::SignInFailed, "this sign-in is over, or was never begun here; begin again")
}
