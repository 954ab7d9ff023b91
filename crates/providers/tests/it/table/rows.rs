//! What is expected of every misbehaviour.

use std::time::Duration;

use codeflow_model::{ErrorKind, Phase, Reach};
use codeflow_testkit::providers::{
    Format, LineEnd, Manner, Misbehaviour, Moment, Rechunking, Refusal, UsagePlace, Wait, When,
};

use ErrorKind::{BadResponse, Overloaded, ProviderConnection, Timeout};
use Manner::{Closes, Ends, Hangs, Resets};
use Misbehaviour::{
    AnnouncesTooMuch, AnswersStream, AnswersWhole, ClosesAfter, Comments, CutsHead, ErrorDocument,
    ErrorEvent, Garbles, Html, HugeBody, HugeFrame, LineEnds, NoContentType, NoReason, NotHttp, Rechunks,
    Redirects, Refuses, RefusesAndHangs, Slow, Usage, WrongContentType,
};
use Moment::{
    AfterClosing, AfterHead, AfterTokens, BeforeClosing, BeforeHead, BeforeReason, BeforeTokens,
    InsideCharacter, InsideFrame,
};

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All of the reply.
    Complete,
    /// An error.
    Fails(ErrorKind, Phase, Reach),
    /// Nothing, for as long as nobody else ends it; and how far it had come.
    Waits(Phase),
}

/// All of the reply.
const FINE: Outcome = Outcome::Complete;
/// Silence from the start, and after some words.
const SILENT: Outcome = Outcome::Waits(Phase::BeforeFirstToken);
const STUCK: Outcome = Outcome::Waits(Phase::AfterFirstToken);

/// The provider says no.
const fn no(kind: ErrorKind) -> Outcome {
    Outcome::Fails(kind, Phase::BeforeFirstToken, Reach::Refused)
}

/// It fails before the caller has seen anything.
const fn early(kind: ErrorKind) -> Outcome {
    Outcome::Fails(kind, Phase::BeforeFirstToken, Reach::Unknown)
}

/// It fails after the caller has seen words.
const fn late(kind: ErrorKind) -> Outcome {
    Outcome::Fails(kind, Phase::AfterFirstToken, Reach::Unknown)
}

const fn stops(at: Moment, how: Manner) -> Misbehaviour {
    Misbehaviour::Stops { at, how }
}

/// Each misbehaviour with what comes of a whole call and of a streamed one, forwarded or not.
pub(crate) const ROWS: &[(Misbehaviour, Outcome, Outcome)] = &[
    (Refuses(Refusal::RateLimited(Wait::Unsaid)), no(ErrorKind::RateLimited), no(ErrorKind::RateLimited)),
    (Refuses(Refusal::RateLimited(Wait::Seconds(2))), no(ErrorKind::RateLimited), no(ErrorKind::RateLimited)),
    (Refuses(Refusal::RateLimited(Wait::Date(30))), no(ErrorKind::RateLimited), no(ErrorKind::RateLimited)),
    (
        Refuses(Refusal::RateLimited(Wait::Milliseconds(1500))),
        no(ErrorKind::RateLimited),
        no(ErrorKind::RateLimited),
    ),
    (Refuses(Refusal::NoCredit), no(ErrorKind::PermissionDenied), no(ErrorKind::PermissionDenied)),
    (Refuses(Refusal::Internal), no(Overloaded), no(Overloaded)),
    // A proxy that answers in the provider's place does not know what the provider did.
    (Refuses(Refusal::BadGateway), early(Overloaded), early(Overloaded)),
    (Refuses(Refusal::Unavailable), no(Overloaded), no(Overloaded)),
    (Refuses(Refusal::TimedOut), early(Timeout), early(Timeout)),
    (Refuses(Refusal::Overloaded), no(Overloaded), no(Overloaded)),
    (Refuses(Refusal::Unauthorized), no(ErrorKind::Authentication), no(ErrorKind::Authentication)),
    (Refuses(Refusal::Forbidden), no(ErrorKind::PermissionDenied), no(ErrorKind::PermissionDenied)),
    (Refuses(Refusal::NoModel), no(ErrorKind::ModelNotAvailable), no(ErrorKind::ModelNotAvailable)),
    (Refuses(Refusal::TooLong), no(ErrorKind::ContextTooLong), no(ErrorKind::ContextTooLong)),
    (Refuses(Refusal::Filtered), no(ErrorKind::ContentFiltered), no(ErrorKind::ContentFiltered)),
    (Refuses(Refusal::Invalid), no(ErrorKind::InvalidRequest), no(ErrorKind::InvalidRequest)),
    // The status is known, and soon nobody waits for more.
    (RefusesAndHangs, no(Overloaded), no(Overloaded)),
    (stops(BeforeHead, Hangs), SILENT, SILENT),
    (stops(BeforeHead, Closes), early(ProviderConnection), early(ProviderConnection)),
    (stops(BeforeHead, Resets), early(ProviderConnection), early(ProviderConnection)),
    (stops(AfterHead, Hangs), SILENT, SILENT),
    (stops(AfterHead, Closes), early(ProviderConnection), early(ProviderConnection)),
    (stops(AfterHead, Resets), early(ProviderConnection), early(ProviderConnection)),
    (stops(AfterHead, Ends), early(BadResponse), early(BadResponse)),
    (stops(BeforeTokens, Hangs), FINE, SILENT),
    (stops(BeforeTokens, Closes), FINE, early(ProviderConnection)),
    (stops(BeforeTokens, Resets), FINE, early(ProviderConnection)),
    (stops(BeforeTokens, Ends), FINE, early(BadResponse)),
    (stops(AfterTokens, Hangs), SILENT, STUCK),
    (stops(AfterTokens, Closes), early(ProviderConnection), late(ProviderConnection)),
    (stops(AfterTokens, Resets), early(ProviderConnection), late(ProviderConnection)),
    (stops(AfterTokens, Ends), early(BadResponse), late(BadResponse)),
    (stops(InsideFrame, Hangs), SILENT, STUCK),
    (stops(InsideFrame, Closes), early(ProviderConnection), late(ProviderConnection)),
    (stops(InsideFrame, Ends), early(BadResponse), late(BadResponse)),
    (stops(InsideCharacter, Closes), early(ProviderConnection), late(ProviderConnection)),
    (stops(InsideCharacter, Ends), early(BadResponse), late(BadResponse)),
    (stops(BeforeReason, Hangs), FINE, STUCK),
    (stops(BeforeReason, Closes), FINE, late(ProviderConnection)),
    (stops(BeforeReason, Ends), FINE, late(BadResponse)),
    (stops(BeforeClosing, Hangs), FINE, STUCK),
    (stops(BeforeClosing, Closes), FINE, late(ProviderConnection)),
    (stops(BeforeClosing, Ends), FINE, late(BadResponse)),
    // The reply is complete; what happens to the connection then is nobody's business.
    (stops(AfterClosing, Hangs), FINE, FINE),
    (stops(AfterClosing, Closes), FINE, FINE),
    (stops(AfterClosing, Resets), FINE, FINE),
    // Nobody follows it: the key goes to no other address.
    (Redirects, no(BadResponse), no(BadResponse)),
    (NotHttp, early(BadResponse), early(BadResponse)),
    (CutsHead, early(ProviderConnection), early(ProviderConnection)),
    (Html, early(BadResponse), early(BadResponse)),
    (ErrorDocument, early(Overloaded), early(Overloaded)),
    (ErrorEvent(When::BeforeTokens), FINE, early(Overloaded)),
    (ErrorEvent(When::AfterTokens), FINE, late(Overloaded)),
    (ErrorEvent(When::AfterClosing), FINE, FINE),
    (Garbles(When::BeforeTokens), early(BadResponse), early(BadResponse)),
    (Garbles(When::AfterTokens), FINE, late(BadResponse)),
    (Garbles(When::AfterClosing), FINE, FINE),
    (AnswersWhole, FINE, early(BadResponse)),
    (AnswersStream, early(BadResponse), FINE),
    (NoReason, FINE, late(BadResponse)),
    (AnnouncesTooMuch, early(BadResponse), early(BadResponse)),
    (HugeBody(2 << 20), early(BadResponse), late(BadResponse)),
    (HugeFrame(2 << 20), FINE, early(BadResponse)),
    (WrongContentType, FINE, FINE),
    (NoContentType, FINE, FINE),
    (Slow(Duration::from_millis(5)), FINE, FINE),
    (Rechunks(Rechunking::OneByte), FINE, FINE),
    (Rechunks(Rechunking::SplitCharacters), FINE, FINE),
    (Rechunks(Rechunking::AllAtOnce), FINE, FINE),
    (LineEnds(LineEnd::CrLf), FINE, FINE),
    (LineEnds(LineEnd::Cr), FINE, FINE),
    (Comments, FINE, FINE),
    (Usage(UsagePlace::Apart), FINE, FINE),
    (Usage(UsagePlace::ApartWithChoice), FINE, FINE),
    (Usage(UsagePlace::WithReason), FINE, FINE),
    (Usage(UsagePlace::Nowhere), FINE, FINE),
    (ClosesAfter, FINE, FINE),
];

/// Where a format differs from the table.
const DIFFERENCES: &[(Format, Misbehaviour, Outcome, Outcome)] = &[
    // A quota that is used up looks like a limit of requests.
    (Format::Gemini, Refuses(Refusal::NoCredit), no(ErrorKind::RateLimited), no(ErrorKind::RateLimited)),
    (Format::Bedrock, Refuses(Refusal::NoCredit), no(ErrorKind::RateLimited), no(ErrorKind::RateLimited)),
    // A prompt that is not let in is told with a good status, or in a sentence that says nothing else.
    (
        Format::Gemini,
        Refuses(Refusal::Filtered),
        early(ErrorKind::ContentFiltered),
        early(ErrorKind::ContentFiltered),
    ),
    (
        Format::Bedrock,
        Refuses(Refusal::Filtered),
        no(ErrorKind::InvalidRequest),
        no(ErrorKind::InvalidRequest),
    ),
    (
        Format::Ollama,
        Refuses(Refusal::Filtered),
        no(ErrorKind::InvalidRequest),
        no(ErrorKind::InvalidRequest),
    ),
    // Without its status, an error of Amazon's is any document.
    (Format::Bedrock, ErrorDocument, early(BadResponse), early(BadResponse)),
    // The usage is what closes a stream of Amazon's.
    (Format::Bedrock, Usage(UsagePlace::Nowhere), FINE, late(BadResponse)),
    // The frame with the reason is the last one.
    (Format::Ollama, stops(BeforeClosing, Closes), FINE, FINE),
    (Format::Ollama, stops(BeforeClosing, Ends), FINE, FINE),
    (Format::Ollama, stops(BeforeClosing, Hangs), FINE, FINE),
    (Format::Cohere, stops(BeforeClosing, Closes), FINE, FINE),
    (Format::Cohere, stops(BeforeClosing, Ends), FINE, FINE),
    (Format::Cohere, stops(BeforeClosing, Hangs), FINE, FINE),
    // A whole document is a stream of one line.
    (Format::Ollama, AnswersWhole, FINE, FINE),
    // Nothing closes a stream of Gemini's but the end of its bytes; the usage may come or not.
    (Format::Gemini, stops(BeforeClosing, Ends), FINE, FINE),
    (Format::Gemini, stops(AfterClosing, Hangs), FINE, STUCK),
    (Format::Gemini, stops(AfterClosing, Closes), FINE, late(ProviderConnection)),
    (Format::Gemini, stops(AfterClosing, Resets), FINE, late(ProviderConnection)),
    (Format::Gemini, ErrorEvent(When::AfterClosing), FINE, late(Overloaded)),
    (Format::Gemini, Garbles(When::AfterClosing), FINE, late(BadResponse)),
];

/// What is expected of one call.
pub(crate) fn expected(format: Format, trouble: Misbehaviour, is_streamed: bool) -> Outcome {
    let different =
        DIFFERENCES.iter().find(|row| (row.0, row.1) == (format, trouble)).map(|row| (row.2, row.3));
    let usual = || ROWS.iter().find(|row| row.0 == trouble).map(|row| (row.1, row.2));
    let (whole, stream) = different.or_else(usual).expect("every misbehaviour has a row");
    if is_streamed { stream } else { whole }
}

/// How long a provider wants to be left alone after it.
pub(crate) fn retry_after(trouble: Misbehaviour) -> Option<Duration> {
    let Refuses(Refusal::RateLimited(wait)) = trouble else { return None };
    match wait {
        Wait::Unsaid => None,
        Wait::Seconds(seconds) | Wait::Date(seconds) => Some(Duration::from_secs(seconds.into())),
        Wait::Milliseconds(milliseconds) => Some(Duration::from_millis(milliseconds.into())),
    }
}
