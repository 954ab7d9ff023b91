//! The table: a misbehaviour, what the client sees of it, and how often the two providers are asked. What is foreseen here
//! holds for all dialects; where one differs, [`EXCEPTIONS`] says so and why.

use std::fmt;

use super::*;

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) trouble: M,
    pub(super) shape: Shape,
    /// Whether it passes after one call.
    pub(super) once: bool,
    /// Whether the provider is given little time.
    pub(super) hasty: bool,
    pub(super) end: End,
    pub(super) calls: [u64; 2],
}

impl Row {
    const fn always(trouble: M, shape: Shape, end: End, calls: [u64; 2]) -> Self {
        Self { trouble, shape, once: false, hasty: false, end, calls }
    }

    const fn once(trouble: M, shape: Shape, end: End, calls: [u64; 2]) -> Self {
        Self { once: true, ..Self::always(trouble, shape, end, calls) }
    }

    /// A provider that falls silent is given up, asked again, and then replaced.
    const fn hangs(trouble: M, shape: Shape) -> Self {
        Self { hasty: true, ..Self::always(trouble, shape, Answers, [3, 1]) }
    }

    /// A stream whose provider falls silent in the middle.
    const fn hangs_late(trouble: M) -> Self {
        Self { hasty: true, ..Self::always(trouble, Stream, Breaks, [1, 0]) }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trouble, shape, once, end, calls, .. } = self;
        let when = if *once { "once" } else { "always" };
        write!(f, "{trouble} ({trouble:?}) {when} {shape:?}: {end:?} {calls:?}, but")
    }
}

/// The rows for one dialect.
pub(super) fn rows(format: Format) -> impl Iterator<Item = Row> {
    COMMON.iter().map(move |row| {
        let exception = EXCEPTIONS.iter().find(|(formats, trouble, shape, ..)| {
            formats.contains(&format) && *trouble == row.trouble && *shape == row.shape
        });
        exception.map_or(*row, |(_, _, _, end, calls)| Row { end: *end, calls: *calls, ..*row })
    })
}

const fn stops(at: Moment, how: Manner) -> M {
    M::Stops { at, how }
}

/// What the provider refuses, in either shape.
const fn refused(refusal: Refusal, shape: Shape, end: End, calls: [u64; 2]) -> Row {
    Row::always(M::Refuses(refusal), shape, end, calls)
}

const COMMON: &[Row] = &[
    // Asked too much: the next provider is asked at once.
    refused(Refusal::RateLimited(Wait::Unsaid), Whole, Answers, [1, 1]),
    refused(Refusal::RateLimited(Wait::Seconds(2)), Stream, Answers, [1, 1]),
    refused(Refusal::RateLimited(Wait::Date(30)), Whole, Answers, [1, 1]),
    refused(Refusal::RateLimited(Wait::Milliseconds(1500)), Stream, Answers, [1, 1]),
    // It may pass: asked again, then replaced.
    refused(Refusal::Internal, Whole, Answers, [3, 1]),
    refused(Refusal::Internal, Stream, Answers, [3, 1]),
    refused(Refusal::BadGateway, Whole, Answers, [3, 1]),
    refused(Refusal::Unavailable, Stream, Answers, [3, 1]),
    refused(Refusal::TimedOut, Whole, Answers, [3, 1]),
    refused(Refusal::Overloaded, Stream, Answers, [3, 1]),
    // It does not pass here, but may be different elsewhere.
    refused(Refusal::NoCredit, Whole, Answers, [1, 1]),
    refused(Refusal::Unauthorized, Whole, Answers, [1, 1]),
    refused(Refusal::Forbidden, Stream, Answers, [1, 1]),
    refused(Refusal::NoModel, Whole, Answers, [1, 1]),
    refused(Refusal::TooLong, Stream, Answers, [1, 1]),
    // The request is at fault.
    refused(Refusal::Filtered, Whole, Refuses(400), [1, 0]),
    refused(Refusal::Filtered, Stream, Refuses(400), [1, 0]),
    refused(Refusal::Invalid, Whole, Refuses(400), [1, 0]),
    refused(Refusal::Invalid, Stream, Refuses(400), [1, 0]),
    // What passes after one call is repeated, and nobody else is asked.
    Row::once(M::Refuses(Refusal::Internal), Whole, Answers, [2, 0]),
    Row::once(M::Refuses(Refusal::Unavailable), Stream, Answers, [2, 0]),
    Row::once(M::Refuses(Refusal::Overloaded), Whole, Answers, [2, 0]),
    Row::once(stops(Moment::BeforeHead, Manner::Resets), Whole, Answers, [2, 0]),
    Row::once(stops(Moment::BeforeTokens, Manner::Closes), Stream, Answers, [2, 0]),
    Row::once(M::CutsHead, Stream, Answers, [2, 0]),
    // Silence.
    Row::hangs(M::RefusesAndHangs, Whole),
    Row::hangs(stops(Moment::BeforeHead, Manner::Hangs), Whole),
    Row::hangs(stops(Moment::BeforeHead, Manner::Hangs), Stream),
    Row::hangs(stops(Moment::AfterHead, Manner::Hangs), Stream),
    Row::hangs(stops(Moment::BeforeTokens, Manner::Hangs), Stream),
    Row::hangs(stops(Moment::AfterTokens, Manner::Hangs), Whole),
    Row::hangs_late(stops(Moment::AfterTokens, Manner::Hangs)),
    Row::hangs_late(stops(Moment::InsideFrame, Manner::Hangs)),
    Row::hangs_late(stops(Moment::BeforeReason, Manner::Hangs)),
    // Cut before the first token.
    Row::always(stops(Moment::BeforeHead, Manner::Closes), Whole, Answers, [3, 1]),
    Row::always(stops(Moment::BeforeHead, Manner::Resets), Stream, Answers, [3, 1]),
    Row::always(M::CutsHead, Whole, Answers, [3, 1]),
    Row::always(stops(Moment::AfterHead, Manner::Closes), Stream, Answers, [3, 1]),
    Row::always(stops(Moment::AfterHead, Manner::Resets), Whole, Answers, [3, 1]),
    Row::always(stops(Moment::AfterHead, Manner::Ends), Stream, Answers, [1, 1]),
    Row::always(stops(Moment::AfterTokens, Manner::Closes), Whole, Answers, [3, 1]),
    Row::always(stops(Moment::AfterTokens, Manner::Ends), Whole, Answers, [1, 1]),
    Row::always(stops(Moment::BeforeTokens, Manner::Closes), Stream, Answers, [3, 1]),
    Row::always(stops(Moment::BeforeTokens, Manner::Resets), Stream, Answers, [3, 1]),
    Row::always(stops(Moment::BeforeTokens, Manner::Ends), Stream, Answers, [1, 1]),
    // Cut after it.
    Row::always(stops(Moment::AfterTokens, Manner::Closes), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::AfterTokens, Manner::Resets), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::AfterTokens, Manner::Ends), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::InsideFrame, Manner::Closes), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::InsideFrame, Manner::Ends), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::InsideCharacter, Manner::Closes), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::InsideCharacter, Manner::Ends), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::BeforeReason, Manner::Closes), Stream, Breaks, [1, 0]),
    Row::always(stops(Moment::BeforeReason, Manner::Ends), Stream, Breaks, [1, 0]),
    Row::always(M::NoReason, Stream, Breaks, [1, 0]),
    // Cut when all was said.
    Row::always(stops(Moment::AfterClosing, Manner::Closes), Stream, Answers, [1, 0]),
    Row::always(stops(Moment::AfterClosing, Manner::Resets), Stream, Answers, [1, 0]),
    // Nonsense: asking again is no use, asking elsewhere is.
    Row::always(M::NotHttp, Stream, Answers, [1, 1]),
    Row::always(M::Redirects, Whole, Answers, [1, 1]),
    Row::always(M::Redirects, Stream, Answers, [1, 1]),
    Row::always(M::Html, Whole, Answers, [1, 1]),
    Row::always(M::Html, Stream, Answers, [1, 1]),
    Row::always(M::ErrorDocument, Whole, Answers, [3, 1]),
    Row::always(M::ErrorDocument, Stream, Answers, [3, 1]),
    Row::always(M::ErrorEvent(When::BeforeTokens), Stream, Answers, [3, 1]),
    Row::always(M::ErrorEvent(When::AfterTokens), Stream, Breaks, [1, 0]),
    Row::always(M::Garbles(When::BeforeTokens), Whole, Answers, [1, 1]),
    Row::always(M::Garbles(When::BeforeTokens), Stream, Answers, [1, 1]),
    Row::always(M::Garbles(When::AfterTokens), Stream, Breaks, [1, 0]),
    Row::always(M::AnnouncesTooMuch, Whole, Answers, [1, 1]),
    Row::always(M::AnswersStream, Whole, Answers, [1, 1]),
    // Odd, but an answer.
    Row::always(M::WrongContentType, Whole, Answers, [1, 0]),
    Row::always(M::WrongContentType, Stream, Answers, [1, 0]),
    Row::always(M::NoContentType, Stream, Answers, [1, 0]),
    Row::always(M::ClosesAfter, Whole, Answers, [1, 0]),
    Row::always(M::ClosesAfter, Stream, Answers, [1, 0]),
    Row::always(M::Comments, Stream, Answers, [1, 0]),
    Row::always(M::LineEnds(LineEnd::CrLf), Stream, Answers, [1, 0]),
    Row::always(M::LineEnds(LineEnd::Cr), Stream, Answers, [1, 0]),
    Row::always(M::Rechunks(Rechunking::OneByte), Stream, Answers, [1, 0]),
    Row::always(M::Rechunks(Rechunking::SplitCharacters), Whole, Answers, [1, 0]),
    Row::always(M::Rechunks(Rechunking::SplitCharacters), Stream, Answers, [1, 0]),
    Row::always(M::Rechunks(Rechunking::AllAtOnce), Stream, Answers, [1, 0]),
    Row::always(M::Usage(UsagePlace::Apart), Stream, Answers, [1, 0]),
    Row::always(M::Usage(UsagePlace::ApartWithChoice), Stream, Answers, [1, 0]),
    Row::always(M::Usage(UsagePlace::WithReason), Stream, Answers, [1, 0]),
    Row::always(M::Usage(UsagePlace::Nowhere), Stream, Answers, [1, 0]),
];

/// The dialects, the misbehaviour, the shape, and what becomes of it there.
type Exception = (&'static [Format], M, Shape, End, [u64; 2]);

const EXCEPTIONS: &[Exception] = &[
    // Its errors are told by a header; a document alone is no reply, and nothing says that it would pass.
    (&[Format::Bedrock], M::ErrorDocument, Whole, Answers, [1, 1]),
    (&[Format::Bedrock], M::ErrorDocument, Stream, Answers, [1, 1]),
    // The frame with the usage is its last one: without it, the stream was cut.
    (&[Format::Bedrock], M::Usage(UsagePlace::Nowhere), Stream, Breaks, [1, 0]),
    // It has no last frame. That all was said is known when the body ends well, which it does not here.
    (&[Format::Gemini], stops(Moment::AfterClosing, Manner::Closes), Stream, Breaks, [1, 0]),
    (&[Format::Gemini], stops(Moment::AfterClosing, Manner::Resets), Stream, Breaks, [1, 0]),
];
