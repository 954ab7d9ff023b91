//! The workflows and actions that come with CodeFlow.

use std::path::PathBuf;
use std::sync::Arc;

use codeflow_actions::{Action, Catalog, Dependencies, Models, NoModels, RunAction};
use codeflow_config::{Environment, SandboxSettings};
use codeflow_core::Problems;
use codeflow_core::workflow::{Workflow, parse};
use codeflow_integrations::LocalGit;

use crate::runner::Actions;
use crate::{Project, commands};

/// A workflow that comes with CodeFlow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its document.
    pub document: &'static str,
}

impl BuiltIn {
    /// Reviews a range of commits.
    pub const PR_REVIEW: Self =
        Self { name: "pr-review", document: include_str!("../../../workflows/pr-review.yaml") };

    /// Looks for secrets in a range of commits.
    pub const SECRET_SCAN: Self =
        Self { name: "secret-scan", document: include_str!("../../../workflows/secret-scan.yaml") };

    /// All of them.
    pub const ALL: [Self; 2] = [Self::PR_REVIEW, Self::SECRET_SCAN];

    /// Finds one by its name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|workflow| workflow.name == name)
    }
}

/// Reads a workflow document and checks it against the actions that come with CodeFlow. Needs no database.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(document: &str) -> Result<Workflow, Problems> {
    let mut catalog = catalog(LocalGit::new(PathBuf::new(), []), Arc::new(NoModels));
    // Whether commands may run is a matter of settings, not of the document.
    catalog.register(Arc::new(RunAction::new(Arc::new(commands::Unused))));
    parse(document, &catalog)
}

/// What runs the actions of a project, and further ones.
pub(crate) fn runner(
    project: &Project,
    (environment, sandbox): (&Environment, &SandboxSettings),
    models: Arc<dyn Models>,
    further: Vec<Arc<dyn Action>>,
) -> Arc<Actions> {
    let variables = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut catalog = catalog(LocalGit::new(project.root(), variables), models);
    if let Some(run) = commands::action(sandbox) {
        catalog.register(run);
    }
    for action in further {
        catalog.register(action);
    }
    Arc::new(Actions(catalog))
}

/// The actions, reading this repository and asking these models.
fn catalog(repository: LocalGit, models: Arc<dyn Models>) -> Catalog {
    Catalog::builtin(Dependencies { repository: Arc::new(repository), models })
}
