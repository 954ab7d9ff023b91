//! Replies as streams.

use bytes::Bytes;

use super::{headers, inside_character, kind, stop, whole};
use crate::providers::asked::Asked;
use crate::providers::formats::Wire;
use crate::providers::frames::{Frame, Framing, Role};
use crate::providers::plan::{Answer, Head, Step};
use crate::providers::{Behaviour, LineEnd, Manner, Misbehaviour, Moment, Reply, UsagePlace, When};

/// The size of the words in a huge body.
const LARGE_WORD: usize = 60_000;

/// How many tokens come before something happens after some tokens.
const SOME: usize = 2;

pub(super) fn answer(
    wire: &dyn Wire,
    asked: &Asked,
    behaviour: &Behaviour,
    trouble: Option<Misbehaviour>,
) -> Answer {
    let place = match trouble {
        Some(Misbehaviour::Usage(place)) => place,
        _ => UsagePlace::Apart,
    };
    let huge = match trouble {
        Some(Misbehaviour::HugeFrame(size)) => Some(Reply::text("x".repeat(size))),
        Some(Misbehaviour::HugeBody(size)) => {
            let word = "x".repeat(LARGE_WORD) + " ";
            Some(Reply::text(word.repeat(size / LARGE_WORD + 1)))
        }
        _ => None,
    };
    let frames = wire.frames(asked, huge.as_ref().unwrap_or(&behaviour.reply), place);
    let stream = Stream { wire, asked, framing: wire.framing(), line_end: line_end(wire, trouble), frames };
    Answer {
        status: 200,
        headers: headers(kind(wire.framing())),
        announced: None,
        steps: stream.steps(trouble).into(),
        head: Head::Plain,
    }
}

fn line_end(wire: &dyn Wire, trouble: Option<Misbehaviour>) -> &'static str {
    match (trouble, wire.framing()) {
        (Some(Misbehaviour::LineEnds(LineEnd::CrLf)), _) => "\r\n",
        // No line of JSON ends so.
        (Some(Misbehaviour::LineEnds(LineEnd::Cr)), Framing::Sse) => "\r",
        _ => "\n",
    }
}

struct Stream<'a> {
    wire: &'a dyn Wire,
    asked: &'a Asked,
    framing: Framing,
    line_end: &'static str,
    frames: Vec<Frame>,
}

impl Stream<'_> {
    fn steps(&self, trouble: Option<Misbehaviour>) -> Vec<Step> {
        let all = self.written(&self.frames);
        match trouble {
            Some(Misbehaviour::Stops { at, how }) => self.stopped(at, how),
            Some(Misbehaviour::ErrorEvent(when)) => {
                let error = self.wire.error_frame(self.asked).write(self.framing, self.line_end);
                self.disturbed(when, error, 0)
            }
            Some(Misbehaviour::Garbles(when)) => {
                let garbage = Frame::garbage(self.framing, self.line_end);
                self.disturbed(when, garbage, self.frames.len())
            }
            Some(Misbehaviour::NoReason) => {
                let frames = self.frames.iter().filter(|frame| frame.role != Role::Reason);
                send(self.written(frames))
            }
            Some(Misbehaviour::Slow(pause)) => self.with_each(|frame| {
                let pause = (frame.role == Role::Token).then_some(Step::Pause(pause));
                pause.into_iter().collect()
            }),
            Some(Misbehaviour::Comments) => {
                let comment = Frame::comment(self.framing, self.line_end);
                self.with_each(|_| vec![Step::Send(comment.clone())])
            }
            Some(Misbehaviour::Rechunks(how)) => send(whole::pieces(&all.concat().into(), how)),
            _ => send(all),
        }
    }

    /// The frames with something foreign among them, and at most so many after it.
    fn disturbed(&self, when: When, foreign: Bytes, after: usize) -> Vec<Step> {
        let mut pieces = self.written(&self.frames);
        let rest = pieces.split_off(self.place(when));
        match (when, pieces.last_mut()) {
            (When::AfterClosing, Some(last)) => *last = [last.as_ref(), foreign.as_ref()].concat().into(),
            _ => pieces.push(foreign),
        }
        pieces.extend(rest.into_iter().take(after));
        send(pieces)
    }

    fn written<'f>(&self, frames: impl IntoIterator<Item = &'f Frame>) -> Vec<Bytes> {
        frames.into_iter().map(|frame| frame.write(self.framing, self.line_end)).collect()
    }

    /// Every frame, with something before each.
    fn with_each(&self, before: impl Fn(&Frame) -> Vec<Step>) -> Vec<Step> {
        let with = |frame: &Frame| {
            let mut steps = before(frame);
            steps.push(Step::Send(frame.write(self.framing, self.line_end)));
            steps
        };
        self.frames.iter().flat_map(with).collect()
    }

    /// How many frames come before.
    fn place(&self, when: When) -> usize {
        let opening = self.first(Role::Token);
        match when {
            When::BeforeTokens => opening,
            When::AfterTokens => (opening + SOME).min(self.first(Role::Reason)),
            When::AfterClosing => self.frames.len(),
        }
    }

    fn first(&self, role: Role) -> usize {
        self.frames.iter().position(|frame| frame.role == role).unwrap_or(self.frames.len())
    }

    fn stopped(&self, at: Moment, how: Manner) -> Vec<Step> {
        let len = self.frames.len();
        let closes = self.frames.last().is_some_and(|frame| frame.role == Role::Closing);
        let (whole, inside) = match at {
            Moment::BeforeHead | Moment::AfterHead => (0, None),
            Moment::BeforeTokens => (self.place(When::BeforeTokens), None),
            Moment::AfterTokens => (self.place(When::AfterTokens), None),
            Moment::InsideFrame => self.inside(|bytes| Some(bytes.len() / 2)),
            Moment::InsideCharacter => self.inside(|bytes| inside_character(bytes, 0)),
            Moment::BeforeReason => (self.first(Role::Reason), None),
            Moment::BeforeClosing => (len - usize::from(closes), None),
            Moment::AfterClosing => (len, None),
        };
        let mut steps = send(self.written(&self.frames[..whole]));
        steps.extend(inside.map(Step::Send));
        steps.extend(stop(how));
        steps
    }

    /// How many frames come whole, and the beginning of the next one, cut where `cut` says; the first frame after some
    /// tokens that can be cut so.
    fn inside(&self, cut: impl Fn(&[u8]) -> Option<usize>) -> (usize, Option<Bytes>) {
        let from = self.place(When::AfterTokens);
        for (at, bytes) in self.written(&self.frames).into_iter().enumerate().skip(from) {
            if let Some(len) = cut(&bytes) {
                return (at, Some(bytes.slice(..len)));
            }
        }
        (from, None)
    }
}

fn send(pieces: Vec<Bytes>) -> Vec<Step> {
    pieces.into_iter().map(Step::Send).collect()
}
