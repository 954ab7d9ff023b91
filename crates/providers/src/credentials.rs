//! Who we are to a provider. Secrets show in no log and no error.

use std::sync::Arc;

use codeflow_model::ApiClientError;
use secrecy::SecretString;

/// Who we are to a provider.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nobody: a server that asks for no key.
    None,
    /// The holder of a key.
    Key(SecretString),
    /// An identity of Amazon's.
    Aws(AwsCredentials),
}

/// An identity of Amazon's.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    /// Names the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// What comes with a key that holds only for a while.
    pub session_token: Option<SecretString>,
}

/// Where credentials come from. It is asked before every call, so that it can renew what it holds; it never waits.
pub trait CredentialSource: Send + Sync {
    /// The credentials to use now.
    ///
    /// # Errors
    ///
    /// `Authentication` when there are none.
    fn current(&self) -> Result<Arc<Credentials>, ApiClientError>;
}

/// Credentials that never change.
impl CredentialSource for Arc<Credentials> {
    fn current(&self) -> Result<Arc<Credentials>, ApiClientError> {
        Ok(Self::clone(self))
    }
}
