//! Signatures with an identity of Amazon's, or a key instead.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;
use codeflow_core::Timestamp;
use codeflow_model::{ApiClientError, BoxError, Details, ErrorKind};
use http::{HeaderName, HeaderValue, header};
use secrecy::ExposeSecret;

use super::Bedrock;
use crate::{AwsCredentials, Credentials, Signing, WireRequest, failure};

/// What the signature names as the service.
const SERVICE: &str = "bedrock";

pub(super) fn sign(
    dialect: &Bedrock,
    request: &mut WireRequest,
    signing: &Signing<'_>,
) -> Result<(), ApiClientError> {
    match signing.credentials {
        Credentials::None | Credentials::Key(_) => {
            let (name, scheme) = (header::AUTHORIZATION, "Bearer ");
            failure::put_key(request, &dialect.provider, name, scheme, signing.credentials)
        }
        Credentials::Aws(identity) => {
            let headers = headers(dialect, request, signing, identity).map_err(|cause| {
                let text = format!("the request to `{}` could not be signed", dialect.provider);
                let details = Details { provider: dialect.provider.clone(), ..Details::default() };
                ApiClientError::new(ErrorKind::Authentication, text).about(details).because(cause)
            })?;
            request.headers.extend(headers);
            Ok(())
        }
    }
}

/// The headers that make up the signature. It covers the address, the body, and what a session has to show.
fn headers(
    dialect: &Bedrock,
    request: &WireRequest,
    signing: &Signing<'_>,
    identity: &AwsCredentials,
) -> Result<Vec<(HeaderName, HeaderValue)>, BoxError> {
    let token = identity.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    let key = aws_credential_types::Credentials::new(
        &identity.access_key_id,
        identity.secret_access_key.expose_secret(),
        token,
        None,
        "codeflow",
    )
    .into();
    let params = v4::SigningParams::builder()
        .identity(&key)
        .region(&dialect.region)
        .name(SERVICE)
        .time(moment(signing.now))
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri = [signing.base.as_str().trim_end_matches('/'), &request.path].concat();
    let signed_headers =
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = request.body.to_bytes();
    let signable =
        SignableRequest::new(request.method.as_str(), uri, signed_headers, SignableBody::Bytes(&body))?;
    let (instructions, _) = aws_sigv4::http_request::sign(signable, &params)?.into_parts();
    let (headers, _) = instructions.into_parts();
    headers
        .into_iter()
        .map(|header| {
            let name = HeaderName::from_static(header.name());
            let mut value = HeaderValue::from_str(header.value())?;
            value.set_sensitive(name != "x-amz-date");
            Ok((name, value))
        })
        .collect()
}

fn moment(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0))
}
