//! Schedules by the names people use: an identifier, or the workflow that they start.

use std::str::FromStr;

use codeflow_core::ScheduleId;
use codeflow_core::workflow::{Workflow, WorkflowName};
use codeflow_engine::{self as engine, ScheduleRecord};

use crate::{Error, Local};

/// How many are read at a time.
const PAGE: u32 = 200;

/// The schedules that somebody means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleTarget {
    /// This one.
    One(ScheduleId),
    /// All of this workflow.
    Workflow(WorkflowName),
}

impl FromStr for ScheduleTarget {
    type Err = codeflow_core::workflow::InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(id) => Ok(Self::One(id)),
            Err(_) => text.parse().map(Self::Workflow),
        }
    }
}

impl Local {
    /// Keeps a workflow document as the latest version of its workflow. Its schedules fire as long as some
    /// process [works](Local::work) on this database.
    ///
    /// # Errors
    /// [`Workflow`](crate::ErrorKind::Workflow) with all its problems.
    pub async fn register(&self, document: &str) -> Result<Workflow, Error> {
        let workflow = self.parse(document)?;
        self.engine().register(&workflow, document).await?;
        Ok(workflow)
    }

    /// All schedules, or those that are meant.
    ///
    /// # Errors
    /// [`NotFound`](engine::ErrorKind::NotFound) when none is meant that is there.
    pub async fn schedules(&self, target: Option<&ScheduleTarget>) -> Result<Vec<ScheduleRecord>, Error> {
        let (workflow, id) = match target {
            None => (None, None),
            Some(ScheduleTarget::Workflow(workflow)) => (Some(workflow), None),
            Some(ScheduleTarget::One(id)) => (None, Some(*id)),
        };
        let mut found: Vec<ScheduleRecord> = Vec::new();
        let mut after = None;
        loop {
            let page = self.engine().schedules(workflow, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page.into_iter().filter(|record| id.is_none_or(|id| record.id == id)));
        }
        match target {
            Some(target) if found.is_empty() => Err(none(target).into()),
            Some(_) | None => Ok(found),
        }
    }

    /// Pauses the schedules that are meant, and gives them back as they are then.
    ///
    /// # Errors
    /// [`NotFound`](engine::ErrorKind::NotFound).
    pub async fn pause_schedules(&self, target: &ScheduleTarget) -> Result<Vec<ScheduleRecord>, Error> {
        for record in self.schedules(Some(target)).await? {
            self.engine().pause_schedule(record.id).await?;
        }
        self.schedules(Some(target)).await
    }

    /// Lets the schedules that are meant fire again, and gives them back as they are then.
    ///
    /// # Errors
    /// [`NotFound`](engine::ErrorKind::NotFound).
    pub async fn resume_schedules(&self, target: &ScheduleTarget) -> Result<Vec<ScheduleRecord>, Error> {
        for record in self.schedules(Some(target)).await? {
            self.engine().resume_schedule(record.id).await?;
        }
        self.schedules(Some(target)).await
    }
}

fn none(target: &ScheduleTarget) -> engine::Error {
    let context = match target {
        ScheduleTarget::One(id) => format!("schedule `{id}` does not exist"),
        ScheduleTarget::Workflow(name) => format!("workflow `{name}` has no schedules"),
    };
    engine::Error::new(engine::ErrorKind::NotFound, context)
}
