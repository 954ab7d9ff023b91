//! The PostgreSQL and Redis that tests need: an address in the environment, else a private throw-away server.

mod postgres;
mod redis;
mod server;

use std::process::Command;

use anyhow::Result;

use crate::{environment, workspace::Workspace};
use server::Server;

/// What tests read to find PostgreSQL: an address of somebody who may create databases.
const POSTGRES: &str = "CODEFLOW_TEST_POSTGRES";
/// What tests read to find Redis.
const REDIS: &str = "CODEFLOW_TEST_REDIS";

/// Sees to it that there is a PostgreSQL to start, for those who start one of their own.
pub(crate) fn ensure_postgres() -> Result<()> {
    postgres::ensure()
}

/// The services of one run; private servers stop and vanish when this is dropped.
pub(crate) struct Services {
    running: Vec<Service>,
}

/// One service and the variable under which tests look for it.
struct Service {
    variable: &'static str,
    address: String,
    /// Held for its end: dropping it stops the server.
    _server: Option<Server>,
}

impl Services {
    /// Finds or starts what the workspace has a use for.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let mut running = Vec::new();
        if workspace.names("diesel") {
            running.push(Service::find("PostgreSQL", &[POSTGRES, "DATABASE_URL"], postgres::start)?);
        } else {
            println!("PostgreSQL: not started, because no crate of the workspace names diesel");
        }
        if workspace.names("redis") {
            running.push(Service::find("Redis", &[REDIS, "REDIS_URL"], redis::start)?);
        } else {
            println!("Redis: not started, because no crate of the workspace names redis");
        }
        Ok(Self { running })
    }

    /// Tells a command where the services are.
    pub(crate) fn announce<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for service in &self.running {
            command.env(service.variable, &service.address);
        }
        command
    }
}

impl Service {
    /// The first address in the environment counts, else a server of our own. Tests read the first variable.
    fn find(name: &str, variables: &[&'static str], start: fn() -> Result<(String, Server)>) -> Result<Self> {
        for variable in variables {
            if let Some(address) = environment::variable(variable) {
                println!("{name}: the server that {variable} names");
                return Ok(Self { variable: variables[0], address, _server: None });
            }
        }
        let (address, server) = start()?;
        println!("{name}: a throw-away server, {server}");
        Ok(Self { variable: variables[0], address, _server: Some(server) })
    }
}
