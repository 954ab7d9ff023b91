//! What can go wrong on the way out, translated once from the libraries' errors. No message holds the
//! path, query or user name of a URL.

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;
use url::Url;

use crate::resolve::LookupFailure;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A request was refused or failed.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    phase: Phase,
    context: String,
    #[source]
    source: Option<BoxError>,
}

/// What a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The URL is malformed, holds a user name, or is not http or https.
    InvalidUrl,
    /// The guard does not let anybody reach the host.
    RefusedAddress,
    /// The name could not be looked up, or has no address.
    Resolve,
    /// No connection could be made.
    Connect,
    /// The other side is not who it should be, or speaks no TLS that we accept.
    Tls,
    /// A deadline passed.
    Timeout,
    /// The body is larger than the caller allows.
    TooLarge,
    /// A redirect cannot be followed, or there are too many.
    Redirect,
    /// The connection ended before the answer was whole.
    Interrupted,
    /// What came back is not HTTP.
    BadAnswer,
    /// The client could not be built.
    SetUp,
}

impl ErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidUrl => "net.invalid_url",
            Self::RefusedAddress => "net.refused_address",
            Self::Resolve => "net.resolve",
            Self::Connect => "net.connect",
            Self::Tls => "net.tls",
            Self::Timeout => "net.timeout",
            Self::TooLarge => "net.too_large",
            Self::Redirect => "net.redirect",
            Self::Interrupted => "net.interrupted",
            Self::BadAnswer => "net.bad_answer",
            Self::SetUp => "net.set_up",
        }
    }
}

/// How far the request had come: what a caller must know before it sends the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing of the request was sent.
    NotSent,
    /// Some or all of it may have been sent; whether it was acted upon is unknown.
    MaybeSent,
    /// The head of an answer came back.
    Answered,
}

impl Error {
    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Never changes once released.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// How far the request had come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Translates an error of hyper-util's client over a [`Connector`](crate::Connector).
    #[must_use]
    pub fn from_client(url: &Url, error: legacy::Error) -> Self {
        Self::translate(url, error.is_connect(), Box::new(error))
    }

    /// Translates an error of a connection that stood.
    pub(crate) fn from_hyper(url: &Url, error: hyper::Error) -> Self {
        Self::translate(url, false, Box::new(error))
    }

    /// Translates an error of making a connection.
    pub(crate) fn from_connector(url: &Url, error: BoxError) -> Self {
        Self::translate(url, true, error)
    }

    pub(crate) fn new(kind: ErrorKind, context: String) -> Self {
        Self { kind, phase: Phase::NotSent, context, source: None }
    }

    pub(crate) fn because(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Says that the call had come at least this far.
    pub(crate) fn at_least(self, phase: Phase) -> Self {
        Self { phase: self.phase.max(phase), ..self }
    }

    pub(crate) fn from_reqwest(url: &Url, error: reqwest::Error) -> Self {
        let connecting = error.is_connect();
        Self::translate(url, connecting, Box::new(error.without_url()))
    }

    fn translate(url: &Url, connecting: bool, source: BoxError) -> Self {
        // A refused scheme or address comes through the connector as an error of ours.
        let kind = classify(&*source).unwrap_or(if connecting {
            ErrorKind::Connect
        } else {
            ErrorKind::Interrupted
        });
        let phase = if connecting || was_not_begun(&*source) { Phase::NotSent } else { Phase::MaybeSent };
        Self { kind, phase, context: sentence(kind, url), source: Some(source) }
    }
}

fn sentence(kind: ErrorKind, url: &Url) -> String {
    let host = host(url);
    match kind {
        ErrorKind::RefusedAddress => format!("`{host}` may not be reached"),
        ErrorKind::Resolve => format!("could not look up `{host}`"),
        ErrorKind::Connect => format!("could not connect to `{host}`"),
        ErrorKind::Tls => format!("no trusted connection to `{host}`"),
        ErrorKind::Timeout => format!("`{host}` did not answer in time"),
        ErrorKind::Interrupted => format!("`{host}` ended the connection before its answer was whole"),
        ErrorKind::BadAnswer => format!("`{host}` did not answer in HTTP"),
        ErrorKind::InvalidUrl | ErrorKind::TooLarge | ErrorKind::Redirect | ErrorKind::SetUp => {
            format!("the request to `{host}` failed")
        }
    }
}

/// The host and port of a URL, the only parts that messages name.
pub(crate) fn host(url: &Url) -> String {
    match (url.host(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_string(),
        (None, _) => "no host".to_owned(),
    }
}

/// Looks through the causes for one that says more than the outermost.
fn classify(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(kind) = kind_of(cause) {
            return Some(kind);
        }
        next = cause.source();
    }
    None
}

/// Whether the connection was gone before anything of the request was written: hyper calls it cancelled only then.
fn was_not_begun(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return true;
        }
        next = cause.source();
    }
    false
}

fn kind_of(cause: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if let Some(error) = cause.downcast_ref::<Error>() {
        return Some(error.kind);
    }
    if let Some(failure) = cause.downcast_ref::<LookupFailure>() {
        return Some(match failure {
            LookupFailure::Refused(_) => ErrorKind::RefusedAddress,
            LookupFailure::Empty | LookupFailure::Failed(_) => ErrorKind::Resolve,
        });
    }
    if cause.is::<rustls::Error>() {
        return Some(ErrorKind::Tls);
    }
    if cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
        return Some(ErrorKind::Timeout);
    }
    if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
        return Some(ErrorKind::BadAnswer);
    }
    // An io::Error's source is the source of what it wraps, so what it wraps is looked at here.
    let io = cause.downcast_ref::<io::Error>()?;
    match io.get_ref() {
        Some(inner) => classify(inner),
        None if io.kind() == io::ErrorKind::TimedOut => Some(ErrorKind::Timeout),
        None => None,
    }
}
