//! The one TLS stack: rustls with aws-lc-rs, trusting what the system trusts.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::error::{Error, ErrorKind};

/// Makes aws-lc-rs the crypto provider of the whole process. `main` calls it first; again does no harm.
pub fn install_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // Who loses the race to install finds one installed, which is all that is wanted.
        aws_lc_rs::default_provider().install_default().ok();
    }
}

/// Builds what connections are made with. It chooses no protocol: each connector adds its own.
pub(crate) fn client_config(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, Error> {
    let set_up = |source| Error::new(ErrorKind::SetUp, "could not set up TLS".to_owned()).because(source);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(extra_roots.iter().cloned(), provider.clone()).map_err(set_up)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(set_up)?;
    let mut config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    config.dangerous().set_certificate_verifier(Arc::new(verifier));
    Ok(config)
}
