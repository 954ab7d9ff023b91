//! One execution of five durable steps alone, from the call that starts it until its end was seen.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::cost::Meter;
use super::place::Place;
use super::rig::Rig;
use super::steps::DOCUMENT;
use super::tell;
use super::times::{joined, quantiles};

/// Executions that are not timed, so that connections are open and plans made.
const WARM_UP: u64 = 20;

/// Flags of `codeflow-bench single`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many executions, one after the other
    #[arg(long, default_value_t = 200)]
    pub(super) samples: u64,
}

pub(super) async fn measure(place: &Place, samples: u64) -> Result<Value> {
    let rig = Rig::open(place.url()).await?;
    let version = rig.register(DOCUMENT).await?;
    let working = rig.work(32);
    let ended = &rig.watch.ended;
    for count in 1..=WARM_UP {
        rig.start(&version).await?;
        ended.reach(count, "warming up").await?;
    }

    tell(&format!("{samples} executions, one after the other"));
    let mut times = Vec::new();
    let meter = Meter::start(place).await?;
    for count in 1..=samples {
        let began = Instant::now();
        rig.start(&version).await?;
        ended.reach(WARM_UP + count, "executions").await?;
        times.push(began.elapsed());
    }
    let cost = meter.stop().await?;

    working.stop().await?;
    rig.close()?;
    let fields = joined(quantiles(&times), cost.fields(samples));
    Ok(Value::Object(joined(fields, json!({ "workload": "single" }))))
}
