//! What the server saw, for scripts that only reach it over HTTP.

use serde_json::{Value, json};

use super::plan::Plan;
use super::{Counters, Recorded, answer};

/// Where it is told.
pub(super) const PATH: &str = "/seen";

/// How many requests for anything else came and how they ended, and the last one.
pub(super) fn plan(counters: &Counters, last: Option<&Recorded>) -> Plan {
    let last = last.map_or(Value::Null, |last| json!({ "path": last.path, "body": last.json() }));
    let seen = json!({
        "requests": counters.requests - counters.requests_to(PATH),
        "hung_up": counters.hung_up,
        "last": last,
    });
    Plan::Answer(answer::document(200, answer::JSON, &seen.to_string()))
}
