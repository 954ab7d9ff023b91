//! What a limit decided, and how that is said in headers.

use std::time::Duration;

use crate::Limit;

/// What a limit decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may be done, and if not, when.
    pub verdict: Verdict,
    /// The limit that decided.
    pub limit: Limit,
    /// How much more may be used now.
    pub remaining: u32,
    /// How long until all of it may be used again, if nothing more is.
    pub reset_after: Duration,
}

/// Whether something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Allowed,
    /// After this time, if nothing else comes in between.
    Later(Duration),
    /// At no time: it needs more than the limit ever allows at once.
    Never,
    /// Now, though the limit is used up: whoever comes may go beyond it. Only gates say so.
    Beyond,
}

/// One header of an answer: its name in lower case, and its value.
pub type Header = (&'static str, String);

impl Decision {
    /// Whether it may be done now.
    pub fn is_allowed(&self) -> bool {
        match self.verdict {
            Verdict::Allowed | Verdict::Beyond => true,
            Verdict::Later(_) | Verdict::Never => false,
        }
    }

    /// Whether it may be done only because whoever comes may go beyond limits.
    pub fn is_beyond(&self) -> bool {
        self.verdict == Verdict::Beyond
    }

    /// How long to wait, when waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.verdict {
            Verdict::Later(wait) => Some(wait),
            Verdict::Allowed | Verdict::Never | Verdict::Beyond => None,
        }
    }

    /// Why it may not be done, in a sentence for whoever asked.
    pub fn reason(&self) -> Option<String> {
        let Limit { name, quota, window, burst } = self.limit;
        match self.verdict {
            Verdict::Allowed | Verdict::Beyond => None,
            Verdict::Later(wait) => {
                let (window, wait) = (whole_seconds(window), whole_seconds(wait));
                Some(format!("the limit of {quota} {name} in {window} s is used up; try again in {wait} s"))
            }
            Verdict::Never => Some(format!(
                "this needs more than the {burst} {name} that are allowed at once; make it smaller"
            )),
        }
    }

    /// The one that matters more to whoever asked, of what two gates said: it refuses for longer, or leaves the smaller part
    /// of its burst.
    pub fn strictest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => strictest(&[one, other]),
            (one, other) => one.or(other),
        }
    }

    /// The names of the headers that tell a client: `RateLimit-Policy` and `RateLimit` as the draft of the HTTP working group
    /// has them, `X-RateLimit-*` as many clients read them, and `Retry-After` when waiting helps.
    pub const HEADERS: [&str; 6] = [
        "ratelimit-policy",
        "ratelimit",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
    ];

    /// Tells each header by its place in [`HEADERS`](Self::HEADERS) and its value, with times in seconds rounded up. This is
    /// done for every request, so it makes no text of its own for each.
    pub fn tell(&self, mut put: impl FnMut(usize, &str)) {
        let Limit { name, quota, window, burst } = self.limit;
        let (remaining, reset) = (self.remaining.into(), whole_seconds(self.reset_after));
        let mut text = Text(String::with_capacity(64));
        put(
            0,
            text.of("\"", name, "\";q=").number(quota.get().into()).word(";w=").number(whole_seconds(window)),
        );
        put(1, text.of("\"", name, "\";r=").number(remaining).word(";t=").number(reset));
        put(2, text.of("", "", "").number(burst.get().into()));
        put(3, text.of("", "", "").number(remaining));
        put(4, text.of("", "", "").number(reset));
        if let Some(wait) = self.retry_after() {
            put(5, text.of("", "", "").number(whole_seconds(wait)));
        }
    }

    /// The headers that tell a client; see [`tell`](Self::tell).
    pub fn headers(&self) -> Vec<Header> {
        let mut headers = Vec::with_capacity(Self::HEADERS.len());
        self.tell(|place, value| headers.push((Self::HEADERS[place], value.to_owned())));
        headers
    }
}

/// A text that is written again and again.
struct Text(String);

impl Text {
    /// Begins anew.
    fn of(&mut self, one: &str, other: &str, last: &str) -> &mut Self {
        self.0.clear();
        self.word(one).word(other).word(last)
    }

    fn word(&mut self, word: &str) -> &mut Self {
        self.0.push_str(word);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        let (mut rest, mut digits, mut at) = (number, [0; 20], 20);
        while rest > 0 || at == 20 {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.0.extend(digits[at..].iter().map(|digit| char::from(*digit)));
        self
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The one that matters most to whoever asked: it refuses for longest, or leaves the smallest part of its burst.
pub(crate) fn strictest(decisions: &[Decision]) -> Option<Decision> {
    decisions.iter().copied().reduce(|one, other| if is_stricter(&other, &one) { other } else { one })
}

fn is_stricter(one: &Decision, other: &Decision) -> bool {
    let refusal = |decision: &Decision| match decision.verdict {
        Verdict::Allowed | Verdict::Beyond => None,
        Verdict::Later(wait) => Some(wait),
        Verdict::Never => Some(Duration::MAX),
    };
    let left = |one: &Decision, over: &Decision| u64::from(one.remaining) * u64::from(over.limit.burst.get());
    match (refusal(one), refusal(other)) {
        (None, None) => left(one, other) < left(other, one),
        (one, other) => one > other,
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}
