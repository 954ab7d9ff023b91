//! `codeflow execution replay`: what the journal of an execution leads to now.

use std::sync::Arc;

use codeflow::Local;
use codeflow::core::Tenant;
use codeflow::core::workflow::Workflow;
use codeflow::engine::{Anew, ReplayRequest};

use super::ReplayOptions;
use crate::cli::Format;
use crate::commands::source::Source;
use crate::{Exit, show, terminal};

pub(super) async fn replay(local: &Local, options: ReplayOptions) -> anyhow::Result<Exit> {
    let format = options.format();
    let ReplayOptions { one, model, from, document, latest, .. } = options;
    let id = one.id.resolve(local).await?;
    let workflow: Option<Arc<Workflow>> = match (document, latest) {
        (Some(document), _) => {
            let source = Source::find(&document)?;
            match source.parse() {
                Ok((workflow, _)) => Some(workflow.into()),
                Err(problems) => return source.refuse(problems, format),
            }
        }
        (None, true) => {
            let name = local.engine().get(id, Some(i64::MAX)).await?.record.workflow;
            let version = local.engine().latest(&Tenant::default(), &name).await?.version;
            Some(local.engine().workflow(&version).await?)
        }
        (None, false) => None,
    };
    let anew = Anew { from, route: model };
    let replay = local.replay(ReplayRequest { id, workflow, anew }).await?;
    match format {
        Format::Json => terminal::print(&format!("{:#}\n", show::replay::document(&replay)))?,
        Format::Text => terminal::print(&show::replay::page(&replay))?,
    }
    Ok(if replay.is_equal() { Exit::Success } else { Exit::Different })
}
