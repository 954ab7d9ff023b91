//! Room for connections: how many files the process may open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for everything but clients: providers, the database, logs.
const FILES_BESIDES: u64 = 256;

/// Lets the process open as many files at a time as it may need, if the system allows that: each connection is one, and
/// so is what a client's call asks of a provider. What is usual is too few.
pub(crate) fn make_for(connections: usize) {
    let wanted = connections as u64 * 2 + FILES_BESIDES;
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |most| most.min(wanted));
    if limit.current.is_some_and(|current| current < allowed)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit })
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    if let Some(most) = getrlimit(Resource::Nofile).current.filter(|most| *most < wanted) {
        tracing::warn!(
            "the process may open {most} files and may need {wanted} for `server.max_connections`: raise `ulimit -Hn`, or lower the setting"
        );
    }
}
