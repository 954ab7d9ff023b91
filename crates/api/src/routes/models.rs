//! `GET /v1/models` and `GET /v1/models/{id}`: the names that can be asked for, in the shape of either SDK.

use http::{Request, Response};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::Failure;
use crate::body::Outgoing;
use crate::exchange::{self, Exchange, Need};
use crate::keys::Key;

/// What Anthropic's SDKs send with every request.
pub(crate) const VERSION: &str = "anthropic-version";

/// A name that can be asked for.
struct Name {
    id: String,
    owner: String,
}

pub(crate) async fn list(
    exchange: &Exchange<'_>,
    request: &Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let key = exchange.key(request.headers(), Need::MODELS).await?;
    let names = names(exchange, &key);
    let anthropic = request.headers().contains_key(VERSION);
    let data: Vec<Value> = names.iter().map(|name| name.view(anthropic)).collect();
    let document = if anthropic {
        let (first, last) = (names.first().map(|name| &name.id), names.last().map(|name| &name.id));
        json!({ "data": data, "has_more": false, "first_id": first, "last_id": last })
    } else {
        json!({ "object": "list", "data": data })
    };
    Ok(exchange::json(document.to_string().into()))
}

pub(crate) async fn show(
    exchange: &Exchange<'_>,
    request: &Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let key = exchange.key(request.headers(), Need::MODELS).await?;
    let path = request.uri().path();
    let path = path.strip_prefix("/v1/models/").unwrap_or(path);
    let asked = percent_decode_str(path).decode_utf8_lossy();
    let listed = names(exchange, &key).into_iter().find(|name| name.id == *asked);
    let found = listed.or_else(|| known(exchange, &key, &asked));
    let name = found.ok_or_else(|| {
        Failure::new(404, codeflow_model::ErrorKind::ModelNotAvailable.code(), "there is no such model here")
    })?;
    let anthropic = request.headers().contains_key(VERSION);
    Ok(exchange::json(name.view(anthropic).to_string().into()))
}

/// The routes, then the models of the configured providers, as far as the key may ask for them.
fn names(exchange: &Exchange<'_>, key: &Key) -> Vec<Name> {
    let routes = exchange.api.gateway.routes();
    let named = routes
        .named()
        .into_iter()
        .map(|route| Name { id: route.name.as_ref().to_owned(), owner: "codeflow".to_owned() });
    let served =
        routes.served().into_iter().map(|entry| Name { id: entry.key(), owner: entry.provider.clone() });
    named.chain(served).filter(|name| key.may_ask(&name.id)).collect()
}

/// A name that is not listed because it is another one for a model that is. One that only a provider could know is
/// not looked up there.
fn known(exchange: &Exchange<'_>, key: &Key, asked: &str) -> Option<Name> {
    if !key.may_ask(asked) {
        return None;
    }
    let route = exchange.api.gateway.routes().find(asked).ok()?;
    let entry = route.hops.first()?.entry.as_ref()?;
    Some(Name { id: asked.to_owned(), owner: entry.provider.clone() })
}

impl Name {
    fn view(&self, anthropic: bool) -> Value {
        if anthropic {
            // The format insists on a date, and nobody knows it.
            json!({ "type": "model", "id": self.id, "display_name": self.id, "created_at": "1970-01-01T00:00:00Z" })
        } else {
            json!({ "id": self.id, "object": "model", "created": 0, "owned_by": self.owner })
        }
    }
}
