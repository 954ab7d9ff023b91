//! A Redis of a test's own, and what it is asked beside the limits.

use std::ops::{Deref, DerefMut};
use std::thread::sleep;
use std::time::{Duration, Instant};

use codeflow_redis::RedisAddress;

/// Where a Redis without TLS is.
pub(crate) fn at(url: &str) -> RedisAddress {
    RedisAddress::parse(&url.to_owned().into(), None).expect("the address is well formed")
}

/// A server that is asked by its commands, too.
pub(crate) struct RedisServer(codeflow_testkit::RedisServer);

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self(codeflow_testkit::RedisServer::start())
    }

    /// Where it is, as adapters take it.
    pub(crate) fn place(&self) -> RedisAddress {
        at(&self.url())
    }

    /// What a command answers, as `redis` reads it.
    pub(crate) fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("the address is well formed");
        let mut connection = client.get_connection().expect("it is there");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query(&mut connection).expect("it answers")
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.command(&["KEYS", "*"])
    }

    /// How often scripts were called.
    pub(crate) fn scripts(&self) -> u64 {
        let text: String = self.command(&["INFO", "commandstats"]);
        let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default()
    }

    /// Looks again and again.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what}: never");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Deref for RedisServer {
    type Target = codeflow_testkit::RedisServer;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for RedisServer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
