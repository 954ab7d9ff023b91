//! One request and what all routes do with it: who calls, what the body is, how a failure is told.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use codeflow_auth::{Origin, Permission};
use codeflow_model::WireFormat;
use codeflow_ratelimit::{Decision, EndpointClass, Rules, Visitor, network_of};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use crate::body::Outgoing;
use crate::keys::{Key, Unknown};
use crate::ledger::{Blame, Failed};
use crate::reading::{self, Unread};
use crate::refusal::Refusal;
use crate::{Api, Failure, admission, evidence, strangers};

/// How many headers an answer has, and a few to spare.
const HEADERS: usize = 16;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One request.
pub(crate) struct Exchange<'a> {
    pub(crate) api: &'a Api,
    /// In which format the client expects its errors.
    pub(crate) format: WireFormat,
    /// Names the request.
    pub(crate) request_id: Arc<str>,
    /// The address of the connection.
    pub(crate) peer: IpAddr,
    /// What the answer tells of limits.
    told: Mutex<Option<Decision>>,
    /// Its route, for those who count failures.
    pub(crate) place: &'static str,
}

/// What a path wants of whoever asks for it.
pub(crate) struct Need {
    permission: Permission,
    class: EndpointClass,
}

impl Need {
    /// To call models.
    pub(crate) const MODELS: Self = Self { permission: Permission::ModelsCall, class: EndpointClass::Model };
    /// To see the metrics.
    pub(crate) const METRICS: Self = Self { permission: Permission::MetricsRead, class: EndpointClass::Read };
}

impl<'a> Exchange<'a> {
    pub(crate) fn begin(api: &'a Api, format: WireFormat, (peer, place): (IpAddr, &'static str)) -> Self {
        let request_id = evidence::request_id(&*api.ids);
        Self { api, format, request_id, peer, told: Mutex::default(), place }
    }

    /// The answer, or what went wrong in the client's format; either under the request's name, and with what limits said.
    pub(crate) fn end(&self, outcome: Result<Response<Outgoing>, Failure>) -> Response<Outgoing> {
        // What another limit refused is not to be tried again when this one says so.
        let other = |failure: &Failure| failure.status == 429 && failure.code != Refusal::Limited.code();
        let is_others = outcome.as_ref().is_err_and(other);
        let mut response = outcome.unwrap_or_else(|failure| self.refusal(&failure));
        evidence::name(response.headers_mut(), &self.request_id);
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decision) = told.filter(|_| !is_others) {
            admission::tell(response.headers_mut(), &decision);
        }
        response
    }

    /// A failure as a response, counted if it is not the client's.
    pub(crate) fn refusal(&self, failure: &Failure) -> Response<Outgoing> {
        if let Some(blame) = Blame::of(failure.status) {
            self.note(failure.code, blame);
        }
        self.told(failure)
    }

    /// What a client is told when a route panicked.
    pub(crate) fn panicked(&self) -> Response<Outgoing> {
        self.note(Refusal::Internal.code(), Blame::Panic);
        self.told(&Refusal::Internal.told("something went wrong inside the gateway"))
    }

    fn note(&self, code: &'static str, blame: Blame) {
        let failed = Failed { code, blame, place: self.place, request_id: &self.request_id };
        self.api.ledger.note(&failed);
    }

    fn told(&self, failure: &Failure) -> Response<Outgoing> {
        let body = failure.body(self.format, &self.request_id);
        let mut response = json(body.into());
        let status = StatusCode::from_u16(failure.status(self.format));
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if matches!(failure.status, 408 | 413) {
            // What is left of the body is not read, so the connection cannot serve again, and the client has to know.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in failure.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }

    /// What a path answers to a method that it does not take.
    pub(crate) fn not_allowed(&self, takes: &'static str) -> Response<Outgoing> {
        let text = format!("this path takes {takes}");
        let mut response = self.refusal(&Refusal::MethodNotAllowed.told(text));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(takes));
        response
    }

    /// Who calls, if they may do this. The limits of all and of the address are asked before anything is looked at, so that
    /// a flood of keys that are none costs no more than that; then whose key it is, and then the limits of whoever that is:
    /// what one may not do uses nothing up.
    pub(crate) async fn key(&self, headers: &HeaderMap, needs: Need) -> Result<Cow<'a, Key>, Failure> {
        let gate = &self.api.manage.gate;
        self.pass(gate.enter(self.address(headers), needs.class).await)?;
        let (key, name) = self.caller(headers).await?;
        if !key.permissions.has(needs.permission) {
            let text = format!("this needs the permission `{}`", needs.permission);
            return Err(Failure::new(403, codeflow_auth::ErrorKind::Forbidden.code(), text));
        }
        let visitor = Visitor {
            name: &name,
            tier: &key.tier,
            may_bypass: key.permissions.has(Permission::LimitsBypass),
            class: needs.class,
        };
        let decision = gate.admit(&visitor).await;
        if let Some(decision) = decision.filter(Decision::is_beyond) {
            self.note_beyond(&decision, &visitor, (&key, headers));
        }
        self.pass(decision)?;
        Ok(key)
    }

    /// Says in the audit log that somebody goes beyond a limit by permission.
    fn note_beyond(&self, decision: &Decision, visitor: &Visitor<'_>, (key, headers): (&Key, &HeaderMap)) {
        let Ok(tenant) = key.caller.tenant.parse() else { return };
        let request_id = Some(self.request_id.to_string());
        let origin = Origin { address: Some(self.address(headers)), agent: None, request_id };
        let actor = key.actor().to_owned();
        self.api.managed.office.went_beyond(
            visitor.name,
            (actor, &tenant),
            &origin,
            (decision, visitor.class),
        );
    }

    /// Who calls, of a request whose body is read next. Where that is refused, what has come of the body is read away.
    pub(crate) async fn caller_of(
        &self,
        request: Request<Incoming>,
        needs: Need,
    ) -> Result<(Cow<'a, Key>, Request<Incoming>), Failure> {
        match self.key(request.headers(), needs).await {
            Ok(key) => Ok((key, request)),
            Err(failure) => {
                Box::pin(reading::away(request)).await;
                Err(failure)
            }
        }
    }

    /// Lets anybody in whose address has not used up what whoever is not recognised may ask for.
    pub(crate) async fn anybody(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let (gate, class) = (&self.api.manage.gate, EndpointClass::Public);
        let address = self.address(headers);
        self.pass(gate.enter(address, class).await)?;
        let name = network_of(address).to_string();
        let visitor = Visitor { name: &name, tier: Rules::ANONYMOUS, may_bypass: false, class };
        self.pass(gate.admit(&visitor).await)
    }

    /// Whose key it is, and under which name its requests are counted. One of the settings is found at once; what else it
    /// may be is asked of storage.
    async fn caller(&self, headers: &HeaderMap) -> Result<(Cow<'a, Key>, Cow<'a, str>), Failure> {
        match self.api.keys.find(headers) {
            Ok(known) => Ok((Cow::Borrowed(&known.key), Cow::Borrowed(&known.counted_as))),
            Err(Unknown::Wrong) => {
                let (key, name) = Box::pin(strangers::recognise(self, headers)).await?;
                Ok((Cow::Owned(key), Cow::Owned(name)))
            }
            Err(Unknown::Missing) => {
                let text = "this path needs a key, as `Authorization: Bearer …` or `x-api-key: …`";
                Err(Refusal::MissingKey.told(text))
            }
            Err(Unknown::Malformed) => {
                let text = "the key cannot be read: send one, as `Authorization: Bearer …` or `x-api-key: …`";
                Err(Refusal::MalformedKey.told(text))
            }
        }
    }

    fn address(&self, headers: &HeaderMap) -> IpAddr {
        self.api.manage.address.tell(self.peer, headers)
    }

    /// Goes on or refuses. Either way the answer tells the limit that matters most of those that were asked.
    fn pass(&self, decision: Option<Decision>) -> Result<(), Failure> {
        let Some(decision) = decision else { return Ok(()) };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = Decision::strictest(Some(decision), *told);
        if decision.is_allowed() { Ok(()) } else { Err(admission::refusal(&decision)) }
    }

    /// Whether a key may ask for a name.
    pub(crate) fn allow(&self, key: &Key, model: &str) -> Result<(), Failure> {
        if key.may_ask(model) {
            return Ok(());
        }
        let text = "this key may not ask for this model";
        Err(Failure { param: Some("model".to_owned()), ..Refusal::ModelForbidden.told(text) })
    }

    /// The body of a request, which has to be JSON.
    pub(crate) async fn body(&self, request: Request<Incoming>) -> Result<Bytes, Failure> {
        if !announces_json(request.headers()) {
            let text = "the body must be JSON, announced by `content-type: application/json`";
            return Err(Refusal::ContentType.told(text));
        }
        let limits = self.api.body;
        reading::body(request, limits).await.map_err(|unread| match unread {
            Unread::TooLarge => {
                let text = format!("the body is larger than {} bytes", limits.bytes);
                Refusal::BodyTooLarge.told(text)
            }
            Unread::Late => {
                let text = format!("the body did not arrive within {} s", limits.time.as_secs());
                Refusal::BodyLate.told(text)
            }
            Unread::Broken => Refusal::BodyBroken.told("the body ended before it was whole"),
        })
    }
}

/// Whether a body is said to be JSON.
pub(crate) fn announces_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/json")
    })
}

/// A response of JSON.
pub(crate) fn json(body: Bytes) -> Response<Outgoing> {
    answer(Outgoing::Whole(body), JSON)
}

/// A response of some type, with room for the headers that follow.
pub(crate) fn answer(body: Outgoing, kind: HeaderValue) -> Response<Outgoing> {
    let mut response = Response::new(body);
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, kind);
    *response.headers_mut() = headers;
    response
}
