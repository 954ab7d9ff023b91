//! `POST /v1/embeddings`: texts in, vectors out.

use codeflow_gateway::{Call, Inbound, ReplyBody};
use http::{Request, Response};
use hyper::body::Incoming;

use super::chat::{refuse, stamp};
use crate::body::Outgoing;
use crate::exchange::{Exchange, Need, json};
use crate::refusal::Refusal;
use crate::{Embeddings, Failure, evidence};

pub(crate) async fn answer(
    exchange: &Exchange<'_>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let (key, request) = exchange.caller_of(request, Need::MODELS).await?;
    let body = exchange.body(request).await?;
    let decoded = Embeddings::decode(&body).map_err(|error| Failure::from(&error))?;
    exchange.allow(&key, &decoded.request.model)?;
    let call = Call {
        caller: key.caller.clone(),
        request_id: exchange.request_id.clone(),
        step: None,
        deadline: None,
        use_cache: false,
    };
    let reply = match exchange.api.gateway.ask(call, Inbound::Embed(decoded.request)).await {
        Ok(reply) => reply,
        Err(failed) => return Ok(refuse(exchange, &failed)),
    };
    let ReplyBody::Embed(vectors) = reply.body else {
        return Err(Refusal::Internal.told("something went wrong inside the gateway"));
    };
    let body = Embeddings::encode(&vectors, decoded.format, &stamp(exchange, &reply.evidence));
    let mut response = json(body.into());
    evidence::tell(response.headers_mut(), &reply.evidence);
    Ok(response)
}
