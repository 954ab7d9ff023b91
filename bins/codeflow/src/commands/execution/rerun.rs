//! `codeflow execution rerun`: an execution like another one, with other inputs or the latest version.

use codeflow::Local;
use codeflow::engine::Rerun;
use serde_json::{Map, Value};

use super::{RerunOptions, talk};
use crate::Exit;
use crate::commands::run::typed;
use crate::context::Context;

pub(super) async fn rerun(context: &Context, local: &Local, options: RerunOptions) -> anyhow::Result<Exit> {
    let RerunOptions { one, input, input_json, latest } = options;
    let id = one.id.resolve(local).await?;
    let record = local.engine().get(id, Some(i64::MAX)).await?.record;
    let version = match latest {
        true => local.engine().latest(&record.tenant, &record.workflow).await?.version,
        false => record.version,
    };
    let workflow = local.engine().workflow(&version).await?;
    let mut inputs: Map<String, Value> = record.inputs.as_object().cloned().unwrap_or_default();
    inputs.extend(input_json.unwrap_or_default());
    inputs.extend(input.iter().map(|(name, text)| (name.clone(), typed(&workflow, name, text))));
    let rerun = Rerun { inputs: Some(inputs), version: Some(version), idempotency_key: None };
    let (again, _) = local.engine().rerun(id, rerun).await?;
    talk::carry_on(context, local, again, &format!("runs {id} again as"), one.format).await
}
