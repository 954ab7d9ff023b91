//! Everything the server can do other than answer plainly, as data.

use std::fmt;
use std::time::Duration;

use super::Shape;

/// Something other than a plain answer. What cannot happen to a reply of some [`Shape`] leaves it as it is: see
/// [`reaches`](Self::reaches).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misbehaviour {
    /// A bad status, with an error in the format's own words.
    Refuses(Refusal),
    /// Status 503, whose body never comes.
    RefusesAndHangs,
    /// Nothing more comes from some moment on.
    Stops {
        /// From when on.
        at: Moment,
        /// In which manner.
        how: Manner,
    },
    /// Status 307 to another path of the server.
    Redirects,
    /// The first bytes are not HTTP.
    NotHttp,
    /// The connection ends within the head.
    CutsHead,
    /// A page for people, with status 200.
    Html,
    /// An error in the format's words, with status 200.
    ErrorDocument,
    /// An error as a frame of a stream.
    ErrorEvent(When),
    /// JSON that is none; in a binary stream a checksum that is wrong.
    Garbles(When),
    /// A whole document where a stream was asked for.
    AnswersWhole,
    /// A stream where a whole document was asked for.
    AnswersStream,
    /// A stream that closes properly but never says why it ended.
    NoReason,
    /// The head announces ten gigabytes, of which none come.
    AnnouncesTooMuch,
    /// A reply of at least so many bytes, whose length is not announced.
    HugeBody(usize),
    /// A frame of at least so many bytes.
    HugeFrame(usize),
    /// The right bytes under the name of another type.
    WrongContentType,
    /// The right bytes without the name of a type.
    NoContentType,
    /// A pause before each token, or before a whole reply.
    Slow(Duration),
    /// The right bytes in other pieces.
    Rechunks(Rechunking),
    /// Other line ends between the frames.
    LineEnds(LineEnd),
    /// Comments, pings and fields that nobody knows between the frames.
    Comments,
    /// The usage of a stream in an unusual place.
    Usage(UsagePlace),
    /// The connection closes after the reply, and says so.
    ClosesAfter,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Status 429.
    RateLimited(Wait),
    /// Too little credit: 402, or 429 where the vendor does it so.
    NoCredit,
    /// Status 500.
    Internal,
    /// Status 502 with a page for people, as a proxy in between sends it.
    BadGateway,
    /// Status 503.
    Unavailable,
    /// Status 504.
    TimedOut,
    /// Status 529.
    Overloaded,
    /// The key is wrong.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// There is no such model.
    NoModel,
    /// The conversation is too long for the model.
    TooLong,
    /// The prompt is not allowed.
    Filtered,
    /// The request is malformed.
    Invalid,
}

/// How a server says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// It does not.
    Unsaid,
    /// `retry-after` in seconds.
    Seconds(u32),
    /// `retry-after` as a date so many seconds after the reply's own.
    Date(u32),
    /// `retry-after-ms`, with a `retry-after` that says something else.
    Milliseconds(u32),
}

/// Where in a reply something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Before anything is sent.
    BeforeHead,
    /// After the head.
    AfterHead,
    /// After the frames that open a stream.
    BeforeTokens,
    /// After some tokens; in the middle of a whole body.
    AfterTokens,
    /// Within a frame, after some tokens.
    InsideFrame,
    /// Within a character of several bytes, after some tokens.
    InsideCharacter,
    /// After the last token, when the stream has not said why it ended.
    BeforeReason,
    /// When the stream has said why it ended, but not closed.
    BeforeClosing,
    /// After the last frame, where only the end of the body is missing.
    AfterClosing,
}

/// How a reply stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Manner {
    /// Silence, with the connection open.
    Hangs,
    /// The connection is closed.
    Closes,
    /// The connection is reset.
    Resets,
    /// The body ends as if it were whole.
    Ends,
}

/// Where in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Before the first token.
    BeforeTokens,
    /// After some tokens.
    AfterTokens,
    /// After the last frame, in one piece with it.
    AfterClosing,
}

/// Into which pieces the bytes are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rechunking {
    /// One byte each.
    OneByte,
    /// A cut within every character of several bytes.
    SplitCharacters,
    /// All of a stream at once.
    AllAtOnce,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineEnd {
    /// `\r\n`.
    CrLf,
    /// `\r`.
    Cr,
}

/// Where a stream tells its usage, in formats that leave it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsagePlace {
    /// After the reason for the end, in a frame with an empty list of choices.
    Apart,
    /// After the reason for the end, in a frame that repeats the choice.
    ApartWithChoice,
    /// With the reason for the end.
    WithReason,
    /// Nowhere.
    Nowhere,
}

impl Misbehaviour {
    /// One of each, with all the combinations that make sense.
    pub const ALL: &[Self] = &[
        Self::Refuses(Refusal::RateLimited(Wait::Unsaid)),
        Self::Refuses(Refusal::RateLimited(Wait::Seconds(2))),
        Self::Refuses(Refusal::RateLimited(Wait::Date(30))),
        Self::Refuses(Refusal::RateLimited(Wait::Milliseconds(1500))),
        Self::Refuses(Refusal::NoCredit),
        Self::Refuses(Refusal::Internal),
        Self::Refuses(Refusal::BadGateway),
        Self::Refuses(Refusal::Unavailable),
        Self::Refuses(Refusal::TimedOut),
        Self::Refuses(Refusal::Overloaded),
        Self::Refuses(Refusal::Unauthorized),
        Self::Refuses(Refusal::Forbidden),
        Self::Refuses(Refusal::NoModel),
        Self::Refuses(Refusal::TooLong),
        Self::Refuses(Refusal::Filtered),
        Self::Refuses(Refusal::Invalid),
        Self::RefusesAndHangs,
        Self::Stops { at: Moment::BeforeHead, how: Manner::Hangs },
        Self::Stops { at: Moment::BeforeHead, how: Manner::Closes },
        Self::Stops { at: Moment::BeforeHead, how: Manner::Resets },
        Self::Stops { at: Moment::AfterHead, how: Manner::Hangs },
        Self::Stops { at: Moment::AfterHead, how: Manner::Closes },
        Self::Stops { at: Moment::AfterHead, how: Manner::Resets },
        Self::Stops { at: Moment::AfterHead, how: Manner::Ends },
        Self::Stops { at: Moment::BeforeTokens, how: Manner::Hangs },
        Self::Stops { at: Moment::BeforeTokens, how: Manner::Closes },
        Self::Stops { at: Moment::BeforeTokens, how: Manner::Resets },
        Self::Stops { at: Moment::BeforeTokens, how: Manner::Ends },
        Self::Stops { at: Moment::AfterTokens, how: Manner::Hangs },
        Self::Stops { at: Moment::AfterTokens, how: Manner::Closes },
        Self::Stops { at: Moment::AfterTokens, how: Manner::Resets },
        Self::Stops { at: Moment::AfterTokens, how: Manner::Ends },
        Self::Stops { at: Moment::InsideFrame, how: Manner::Hangs },
        Self::Stops { at: Moment::InsideFrame, how: Manner::Closes },
        Self::Stops { at: Moment::InsideFrame, how: Manner::Ends },
        Self::Stops { at: Moment::InsideCharacter, how: Manner::Closes },
        Self::Stops { at: Moment::InsideCharacter, how: Manner::Ends },
        Self::Stops { at: Moment::BeforeReason, how: Manner::Hangs },
        Self::Stops { at: Moment::BeforeReason, how: Manner::Closes },
        Self::Stops { at: Moment::BeforeReason, how: Manner::Ends },
        Self::Stops { at: Moment::BeforeClosing, how: Manner::Hangs },
        Self::Stops { at: Moment::BeforeClosing, how: Manner::Closes },
        Self::Stops { at: Moment::BeforeClosing, how: Manner::Ends },
        Self::Stops { at: Moment::AfterClosing, how: Manner::Hangs },
        Self::Stops { at: Moment::AfterClosing, how: Manner::Closes },
        Self::Stops { at: Moment::AfterClosing, how: Manner::Resets },
        Self::Redirects,
        Self::NotHttp,
        Self::CutsHead,
        Self::Html,
        Self::ErrorDocument,
        Self::ErrorEvent(When::BeforeTokens),
        Self::ErrorEvent(When::AfterTokens),
        Self::ErrorEvent(When::AfterClosing),
        Self::Garbles(When::BeforeTokens),
        Self::Garbles(When::AfterTokens),
        Self::Garbles(When::AfterClosing),
        Self::AnswersWhole,
        Self::AnswersStream,
        Self::NoReason,
        Self::AnnouncesTooMuch,
        Self::HugeBody(2 << 20),
        Self::HugeFrame(2 << 20),
        Self::WrongContentType,
        Self::NoContentType,
        Self::Slow(Duration::from_millis(5)),
        Self::Rechunks(Rechunking::OneByte),
        Self::Rechunks(Rechunking::SplitCharacters),
        Self::Rechunks(Rechunking::AllAtOnce),
        Self::LineEnds(LineEnd::CrLf),
        Self::LineEnds(LineEnd::Cr),
        Self::Comments,
        Self::Usage(UsagePlace::Apart),
        Self::Usage(UsagePlace::ApartWithChoice),
        Self::Usage(UsagePlace::WithReason),
        Self::Usage(UsagePlace::Nowhere),
        Self::ClosesAfter,
    ];

    /// The one in [`ALL`](Self::ALL) that is written so: `refuses-rate-limited-seconds`, `stops-before-head-closes`.
    /// The common refusals are also known by their status: `fail-429`.
    pub fn named(name: &str) -> Option<Self> {
        let name = match name {
            "fail-401" => "refuses-unauthorized",
            "fail-403" => "refuses-forbidden",
            "fail-404" => "refuses-no-model",
            "fail-429" => "refuses-rate-limited-seconds",
            "fail-500" => "refuses-internal",
            "fail-503" => "refuses-unavailable",
            "fail-529" => "refuses-overloaded",
            _ => name,
        };
        Self::ALL.iter().copied().find(|it| it.to_string() == name)
    }

    /// Whether it changes anything in a reply of this shape.
    pub fn reaches(self, shape: Shape) -> bool {
        match self {
            Self::ErrorEvent(_)
            | Self::AnswersWhole
            | Self::NoReason
            | Self::HugeFrame(_)
            | Self::LineEnds(_)
            | Self::Comments
            | Self::Usage(_)
            | Self::Rechunks(Rechunking::AllAtOnce)
            | Self::Garbles(When::AfterTokens | When::AfterClosing)
            | Self::Stops {
                at: Moment::BeforeTokens | Moment::BeforeReason | Moment::BeforeClosing | Moment::AfterClosing,
                ..
            } => shape == Shape::Stream,
            Self::AnswersStream => shape == Shape::Whole,
            Self::Refuses(_)
            | Self::RefusesAndHangs
            | Self::Stops { .. }
            | Self::Redirects
            | Self::NotHttp
            | Self::CutsHead
            | Self::Html
            | Self::ErrorDocument
            | Self::Garbles(When::BeforeTokens)
            | Self::AnnouncesTooMuch
            | Self::HugeBody(_)
            | Self::WrongContentType
            | Self::NoContentType
            | Self::Slow(_)
            | Self::Rechunks(_)
            | Self::ClosesAfter => true,
        }
    }
}

impl fmt::Display for Misbehaviour {
    /// Its name in lower case with hyphens, without numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names of the variants are the words, so that no second list of them can go wrong.
        let debug = format!("{self:?}");
        let words = debug.split(|letter: char| !letter.is_ascii_alphanumeric());
        let names = words.filter(|word| word.starts_with(|letter: char| letter.is_ascii_uppercase()));
        let letters = names.flat_map(str::chars);
        for (at, letter) in letters.enumerate() {
            if letter.is_ascii_uppercase() && at > 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}
