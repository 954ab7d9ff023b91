//! nginx as a plain reverse proxy, with connections to the upstream kept alive.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::child::Process;

/// Starts nginx with one worker on a core.
pub(crate) fn start(core: usize, folder: &Path, listen: SocketAddr, upstream: SocketAddr) -> Result<Process> {
    let conf = folder.join("nginx.conf");
    let text = format!(
        "worker_processes 1;\ndaemon off;\nuser root;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n\
         events {{ worker_connections 16384; }}\n\
         http {{\n  access_log off;\n  client_body_buffer_size 256k;\n  client_body_temp_path {folder}/body;\n\
           proxy_temp_path {folder}/proxy;\n  fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n  keepalive_requests 10000000;\n  client_max_body_size 64m;\n\
           upstream model {{ server {upstream}; keepalive 256; keepalive_requests 10000000; }}\n\
           server {{\n    listen {listen};\n    location / {{\n      proxy_pass http://model;\n\
               proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering off;\n    }}\n  }}\n}}\n",
        folder = folder.display(),
    );
    fs::write(&conf, text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&conf).arg("-p").arg(folder);
    Process::start(core, &mut command).context("nginx is needed: apt-get install nginx-light")
}
