//! Which execution is meant: an id, or `latest`.

use codeflow::Local;
use codeflow::core::ExecutionId;
use codeflow::engine::ExecutionFilter;

use crate::failure::{Misuse, MisuseKind};

/// The execution that somebody named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The one that was started last.
    Latest,
    /// This one.
    Id(ExecutionId),
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        text.parse().map(Self::Id).map_err(|_| {
            "expected `latest` or an id such as exec_… from `codeflow execution list`".to_owned()
        })
    }
}

impl Target {
    /// Finds the id.
    pub(crate) async fn resolve(self, local: &Local) -> anyhow::Result<ExecutionId> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Latest => {
                let newest = local.engine().list(ExecutionFilter::default(), 1).await?;
                let newest = newest.first().map(|record| record.id);
                Ok(newest.ok_or_else(|| Misuse::new(MisuseKind::NoExecution, "there is no execution yet"))?)
            }
        }
    }
}
