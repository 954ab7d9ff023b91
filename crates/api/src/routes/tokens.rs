//! `POST /v1/messages/count_tokens`: an estimate of what a request would take in. It asks no provider.

use codeflow_model::estimate_tokens;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;

use crate::body::Outgoing;
use crate::exchange::{Exchange, Need, json};
use crate::{Failure, Messages};

/// Says that the number is an estimate, which tends to be too high.
const ESTIMATED: HeaderName = HeaderName::from_static("x-codeflow-estimated");

pub(crate) async fn answer(
    exchange: &Exchange<'_>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let (key, request) = exchange.caller_of(request, Need::MODELS).await?;
    let body = exchange.body(request).await?;
    let decoded = Messages::decode_count(&body).map_err(|error| Failure::from(&error))?;
    exchange.allow(&key, &decoded.request.model)?;
    let tokens = estimate_tokens(&decoded.request);
    let mut response = json(Messages::encode_count(tokens).into());
    response.headers_mut().insert(ESTIMATED, HeaderValue::from_static("true"));
    Ok(response)
}
