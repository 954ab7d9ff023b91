//! A call to account for.

use codeflow_core::{Ids, Timestamp};
use codeflow_gateway::{CallStatus, Latency, UsageRow};
use codeflow_model::Usage;

pub(crate) fn row(ids: &dyn Ids) -> UsageRow {
    UsageRow {
        id: ids.next(),
        at: Timestamp::EPOCH,
        request: "req".into(),
        tenant: "acme".into(),
        user: None,
        key: "ci".into(),
        execution: None,
        step: None,
        route: "fast".into(),
        provider: None,
        model: None,
        format: None,
        stream: false,
        status: CallStatus::Succeeded,
        attempts: 1,
        usage: Usage::default(),
        cost: None,
        estimated: false,
        latency: Latency::default(),
    }
}
