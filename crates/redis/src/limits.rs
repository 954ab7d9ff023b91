//! The count of limits in Redis: one script decides about each, by the time of the server.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_ratelimit::{Error, ErrorKind, LeaseReply, LeaseRequest, SharedLimits};
use redis::aio::MultiplexedConnection;
use redis::{Client, ErrorKind as RedisKind, Pipeline, RedisError};
use tokio::time::timeout;

use crate::RedisAddress;

const SCRIPT: &str = include_str!("limits.lua");
/// How long a lease is kept for a process that does not come back.
const KEPT: Duration = Duration::from_secs(2);
/// How long a connection may be silent before there is a new one.
const ALIVE: Duration = Duration::from_millis(200);
/// The longest window that the script can count: 2^37 - 1 microseconds, some 38 hours.
const LONGEST: u128 = (1 << 37) - 1;

/// The count of limits in Redis.
///
/// Requests only use a connection that stands; whether one does is found out by [`reach`](SharedLimits::reach).
pub struct RedisLimits {
    client: Client,
    prefix: String,
    line: Mutex<Option<Line>>,
}

/// A connection whose server knows the script by its digest.
#[derive(Clone)]
struct Line {
    connection: MultiplexedConnection,
    digest: String,
}

impl RedisLimits {
    /// Counts in the Redis at this address for an installation, under a name that tells this count from its others. Nothing
    /// is connected yet.
    pub fn new(address: &RedisAddress, installation: &str, name: &str) -> Self {
        let prefix = format!("codeflow:{installation}:limits:{name}");
        Self { client: address.client().clone(), prefix, line: Mutex::default() }
    }

    fn line(&self) -> Option<Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_line(&self, line: Option<Line>) {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
    }

    fn add(&self, pipeline: &mut Pipeline, digest: &str, request: &LeaseRequest) {
        let LeaseRequest { subject, limit, report, cost, surplus } = request;
        let window = limit.window.as_micros().clamp(1, LONGEST) as u64;
        let key = format!("{}:{}:{subject}", self.prefix, limit.name);
        let command = pipeline.cmd("EVALSHA").arg(digest).arg(1).arg(key);
        command.arg(window).arg(limit.quota.get()).arg(limit.burst.get()).arg(cost).arg(surplus);
        command.arg(report.lease).arg(report.held).arg(report.used).arg(KEPT.as_micros() as u64);
    }

    async fn ask(&self, requests: &[LeaseRequest]) -> Result<Vec<LeaseReply>, RedisError> {
        let Some(mut line) = self.line() else {
            return Err((RedisKind::Io, "there is no connection").into());
        };
        let mut pipeline = Pipeline::with_capacity(requests.len());
        requests.iter().for_each(|request| self.add(&mut pipeline, &line.digest, request));
        let answers: Vec<(u8, u32, u64, u64, u64, u64)> = pipeline.query_async(&mut line.connection).await?;
        let reply = |(taken, surplus, lease, units, parts, at)| LeaseReply {
            is_taken: taken == 1,
            surplus,
            lease,
            owed: (units, parts),
            at,
        };
        Ok(answers.into_iter().map(reply).collect())
    }

    async fn connect(&self) -> Result<Line, RedisError> {
        let mut connection = self.client.get_multiplexed_async_connection().await?;
        let digest = redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).query_async(&mut connection).await?;
        Ok(Line { connection, digest })
    }
}

#[async_trait]
impl SharedLimits for RedisLimits {
    async fn lease(&self, requests: &[LeaseRequest]) -> Result<Vec<LeaseReply>, Error> {
        self.ask(requests).await.map_err(|error| {
            self.set_line(None);
            away(error)
        })
    }

    async fn reach(&self) -> Result<(), Error> {
        if let Some(mut line) = self.line() {
            let mut question = redis::cmd("SCRIPT");
            question.arg("EXISTS").arg(&line.digest);
            let exists = timeout(ALIVE, question.query_async::<Vec<bool>>(&mut line.connection)).await;
            if let Ok(Ok(exists)) = exists
                && exists == [true]
            {
                return Ok(());
            }
        }
        self.set_line(None);
        self.set_line(Some(self.connect().await.map_err(away)?));
        Ok(())
    }
}

fn away(error: RedisError) -> Error {
    Error::with_source(ErrorKind::Unavailable, "the limits in Redis cannot be reached", error)
}
