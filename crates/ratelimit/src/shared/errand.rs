//! One round trip: what is asked on the way, and what is put right when nobody comes back from it.

use tokio::time::{Instant, timeout};

use super::{LeaseReply, LeaseRequest, SharedLimiter};
use crate::{Ask, BoxError, Decision, Error, ErrorKind};

/// Questions that are asked together. If this is dropped, because nobody answers or nobody waits any more, what they
/// would have reported is still to be reported.
pub(super) struct Errand<'a> {
    limiter: &'a SharedLimiter,
    indices: Vec<usize>,
    requests: Vec<LeaseRequest>,
}

impl<'a> Errand<'a> {
    pub(super) fn new(limiter: &'a SharedLimiter) -> Self {
        Self { limiter, indices: Vec::new(), requests: Vec::new() }
    }

    pub(super) fn add(&mut self, index: usize, request: LeaseRequest) {
        self.indices.push(index);
        self.requests.push(request);
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Asks, and decides alone if nobody answers in time. Returns the decisions by the indices that were given.
    pub(super) async fn run(mut self) -> Vec<(usize, Decision)> {
        if self.requests.is_empty() {
            return Vec::new();
        }
        let asked = Instant::now();
        let answer = timeout(self.limiter.sharing.patience, self.limiter.shared.lease(&self.requests)).await;
        match answer.unwrap_or_else(|late| Err(unavailable("shared limits do not answer in time", late))) {
            Ok(replies) if replies.len() == self.requests.len() => self.arrive(&replies, asked),
            Ok(_) => self.decide_alone(&unavailable("shared limits answer something else", "wrong count")),
            Err(error) => self.decide_alone(&error),
        }
    }

    fn arrive(&mut self, replies: &[LeaseReply], asked: Instant) -> Vec<(usize, Decision)> {
        let (limiter, until) = (self.limiter, asked + self.limiter.sharing.hold);
        let requests = std::mem::take(&mut self.requests).into_iter().zip(replies);
        let decided = self.indices.iter().zip(requests).map(|(index, (request, reply))| {
            let ask = ask_of(&request);
            let (decision, is_open) = limiter
                .with(&ask, |account, now| (account.answered(&ask, reply, now, until), account.has_report()));
            if is_open {
                limiter.put_due(&ask);
            }
            (*index, decision)
        });
        decided.collect()
    }

    fn decide_alone(&mut self, why: &Error) -> Vec<(usize, Decision)> {
        let limiter = self.limiter;
        limiter.give_up(why);
        let asked: Vec<(usize, LeaseRequest)> =
            self.indices.iter().copied().zip(self.requests.clone()).collect();
        self.come_back();
        let asked = asked.iter().filter(|(_, request)| request.cost > 0);
        asked.map(|(index, request)| (*index, limiter.alone(&ask_of(request)))).collect()
    }

    /// Without an answer: what was to be reported still is.
    fn come_back(&mut self) {
        for request in std::mem::take(&mut self.requests) {
            let ask = ask_of(&request);
            self.limiter.with(&ask, |account, _| account.failed(&request.report));
            self.limiter.put_due(&ask);
        }
    }
}

impl Drop for Errand<'_> {
    fn drop(&mut self) {
        self.come_back();
    }
}

fn ask_of(request: &LeaseRequest) -> Ask<'_> {
    Ask { subject: &request.subject, limit: &request.limit, cost: request.cost }
}

pub(super) fn unavailable(context: &str, source: impl Into<BoxError>) -> Error {
    Error::with_source(ErrorKind::Unavailable, context, source)
}
