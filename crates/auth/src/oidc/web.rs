//! Requests to the services of others: bounded in time and size, never redirected, and nothing of an answer believed.

use std::time::Duration;

use bytes::Bytes;
use codeflow_net::{Client, ErrorKind as Net, Limits, Request};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::{Error, ErrorKind};

const TIME: Duration = Duration::from_secs(10);
const LARGEST: u64 = 512 * 1024;

/// The way to services with which people sign in, and to which integrations connect.
pub(crate) struct Web {
    client: Client,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Web {
    pub(crate) fn new(client: &Client) -> Self {
        let limits =
            Limits { first_byte: TIME, idle: TIME, total: Some(TIME), max_body: LARGEST, redirects: 0 };
        Self { client: client.with_limits(limits) }
    }

    /// Reads a document that has to be there.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &Url, token: Option<&str>) -> Result<T, Error> {
        let mut request = request(Method::GET, url)?;
        if let Some(token) = token {
            request.headers.insert(AUTHORIZATION, secret(&format!("Bearer {token}"))?);
        }
        let reply = self.send(request).await?;
        if reply.status != StatusCode::OK {
            return Err(bad("the other service did not answer what it was asked"));
        }
        // The cause would hold what was sent.
        serde_json::from_slice(&reply.body)
            .map_err(|_| bad("the other service answered something that cannot be read"))
    }

    /// Sends a form. Whether the answer is a good one is the caller's to see.
    pub(crate) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<Reply, Error> {
        let mut request = request(Method::POST, url)?;
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some((id, secret_of_it)) = basic {
            // Both are written as in a form before they are joined.
            let pair = format!("{}:{}", form_encoded(id), form_encoded(secret_of_it));
            request.headers.insert(AUTHORIZATION, secret(&format!("Basic {}", base64_padded(&pair)))?);
        }
        request.body = Serializer::new(String::new()).extend_pairs(form).finish().into();
        self.send(request).await
    }

    async fn send(&self, request: Request) -> Result<Reply, Error> {
        let response = self.client.send(request).await.map_err(translate)?;
        let status = response.status;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Error::new(ErrorKind::Unavailable, "the other service is not well"));
        }
        let body = response.bytes().await.map_err(translate)?;
        Ok(Reply { status, body })
    }
}

fn request(method: Method, url: &Url) -> Result<Request, Error> {
    let mut request = Request::new(method, url.as_str()).map_err(translate)?;
    request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

fn secret(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| bad("a token cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn base64_padded(text: &str) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text)
}

/// Trying again may help when the service was not reached; not when it answers nonsense or may not be reached.
fn translate(error: codeflow_net::Error) -> Error {
    let (kind, text) = match error.kind() {
        Net::Resolve | Net::Connect | Net::Timeout | Net::Interrupted => {
            (ErrorKind::Unavailable, "the other service cannot be reached")
        }
        Net::InvalidUrl
        | Net::RefusedAddress
        | Net::Tls
        | Net::TooLarge
        | Net::Redirect
        | Net::BadAnswer
        | Net::SetUp => (ErrorKind::SignInFailed, "the other service gave no answer that can be used"),
    };
    Error::with_source(kind, text, error)
}

pub(crate) fn bad(context: &str) -> Error {
    Error::new(ErrorKind::SignInFailed, context)
}
