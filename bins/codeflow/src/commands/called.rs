//! The workflows that a document calls: those that lie beside it, and those that come with CodeFlow, are kept before it runs.

use std::collections::{HashSet, VecDeque};
use std::path::Path;

use anyhow::Context as _;
use codeflow::Local;
use codeflow::core::workflow::{StepKind, Workflow, WorkflowName};

use crate::commands::source::Source;
use crate::failure::{Misuse, MisuseKind};

/// Keeps what `workflow` calls, and what that calls. `place` is where its document was found. A name that is not found
/// there may have been kept by an earlier run.
pub(crate) async fn register(local: &Local, workflow: &Workflow, place: &str) -> anyhow::Result<()> {
    let folder = Path::new(place).parent().unwrap_or(Path::new(""));
    let mut seen = HashSet::from([workflow.name.clone()]);
    let mut wanted: VecDeque<_> = names(workflow).collect();
    while let Some(name) = wanted.pop_front() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let Some(source) = find(folder, &name)? else { continue };
        let (called, document) = source.parse().with_context(|| format!("in `{}`", source.name))?;
        if called.name != name {
            let text =
                format!("`{}` holds the workflow `{}`, and `{name}` is called", source.name, called.name);
            return Err(Misuse::new(MisuseKind::BadValue, text).into());
        }
        local.register(document).await?;
        wanted.extend(names(&called));
    }
    Ok(())
}

fn names(workflow: &Workflow) -> impl Iterator<Item = WorkflowName> {
    workflow.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Workflow { uses, .. } => Some(uses.clone()),
        StepKind::Action { .. }
        | StepKind::Run { .. }
        | StepKind::Approval { .. }
        | StepKind::Wait { .. }
        | StepKind::Sleep { .. } => None,
    })
}

fn find(folder: &Path, name: &WorkflowName) -> anyhow::Result<Option<Source>> {
    let files = ["yaml", "yml"].map(|end| folder.join(format!("{name}.{end}")));
    let file = files.iter().find(|file| file.is_file()).and_then(|file| file.to_str());
    let built_in = codeflow::BuiltIn::find(name.as_str()).map(|_| name.as_str());
    file.or(built_in).map(|found| Ok(Source::find(found)?)).transpose()
}
