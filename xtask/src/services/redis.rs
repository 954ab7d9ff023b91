//! A throw-away Redis.

use std::{
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
};

use anyhow::{Context, Result};

use super::server::{Home, Server};
use crate::programs;

const PROGRAM: &str = "redis-server";
const ADVICE: &str =
    "tests need Redis: install redis-server, or set CODEFLOW_TEST_REDIS to the address of one";

/// Starts a server that keeps nothing on disk; returns its address.
pub(super) fn start() -> Result<(String, Server)> {
    let server = Home::create("redis")?.serve(
        &program()?,
        |port| {
            let port = port.to_string();
            let settings = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
            settings.map(str::to_owned).to_vec()
        },
        |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(),
    )?;
    Ok((format!("redis://127.0.0.1:{}/", server.port()), server))
}

fn program() -> Result<PathBuf> {
    if let Some(program) = programs::find(PROGRAM, &[]) {
        return Ok(program);
    }
    programs::install(&[PROGRAM], ADVICE)?;
    programs::find(PROGRAM, &[])
        .context("the package redis-server was installed, yet there is no such program")
}
