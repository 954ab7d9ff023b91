//! What the server was told to do, and what it was asked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::asked::Asked;
use super::behaviour::{self, Order};
use super::{Behaviour, Format, Reply};

/// How many prompts are remembered that ask for something only once.
const MOST_PROMPTS: usize = 10_000;

/// How many bytes of requests are kept.
const MOST_BYTES: usize = 64 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Recorded {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header's text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What the server was told to do, and what it was asked.
#[derive(Debug, Default)]
pub(super) struct Script {
    state: Mutex<State>,
    /// How many requests are kept.
    kept: usize,
}

#[derive(Debug, Default)]
struct State {
    next: VecDeque<Behaviour>,
    next_in: HashMap<Format, VecDeque<Behaviour>>,
    always: Option<Behaviour>,
    prompts: HashSet<String>,
    requests: VecDeque<Recorded>,
    bytes: usize,
}

impl Script {
    pub(super) fn new(kept: usize) -> Self {
        Self { kept, ..Self::default() }
    }

    pub(super) fn next(&self, behaviour: Behaviour) {
        self.lock().next.push_back(behaviour);
    }

    pub(super) fn next_in(&self, format: Format, behaviour: Behaviour) {
        self.lock().next_in.entry(format).or_default().push_back(behaviour);
    }

    pub(super) fn always(&self, behaviour: Option<Behaviour>) {
        self.lock().always = behaviour;
    }

    /// Keeps a request, and forgets the oldest when there are too many.
    pub(super) fn record(&self, request: Recorded) {
        let mut state = self.lock();
        state.bytes += request.body.len();
        state.requests.push_back(request);
        while state.requests.len() > self.kept || state.bytes > MOST_BYTES {
            let Some(oldest) = state.requests.pop_front() else { break };
            state.bytes -= oldest.body.len();
        }
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.lock().requests.iter().cloned().collect()
    }

    /// What to do with a request: what was queued for its format, what was queued for any, what is always done, what
    /// its prompt orders, and last a plain answer.
    ///
    /// # Errors
    ///
    /// The word of the prompt that nobody knows.
    pub(super) fn decide(&self, asked: &Asked) -> Result<Behaviour, String> {
        let mut state = self.lock();
        let of_format = state.next_in.get_mut(&asked.format).and_then(VecDeque::pop_front);
        let told = of_format.or_else(|| state.next.pop_front()).or_else(|| state.always.clone());
        if let Some(behaviour) = told {
            return Ok(behaviour);
        }
        match behaviour::order(&asked.prompt)? {
            Some(Order { behaviour, once: false }) => Ok(behaviour),
            Some(Order { behaviour, once: true }) if state.is_new(&asked.prompt) => Ok(behaviour),
            Some(Order { behaviour, once: true }) => Ok(behaviour.reply.into()),
            None => Ok(plain(asked).into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_new(&mut self, prompt: &str) -> bool {
        if self.prompts.len() >= MOST_PROMPTS {
            self.prompts.clear();
        }
        self.prompts.insert(prompt.to_owned())
    }
}

fn plain(asked: &Asked) -> Reply {
    match asked.images {
        0 => Reply::default(),
        1 => Reply::text("I see one picture."),
        count => Reply::text(format!("I see {count} pictures.")),
    }
}
