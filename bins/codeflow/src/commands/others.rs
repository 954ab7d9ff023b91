//! Executions that go on beside the one somebody asked for: an engine runs whatever is due in its database.

use anstyle::Style;
use codeflow::Local;
use codeflow::core::ExecutionId;
use codeflow::core::execution::ExecutionStatus;
use codeflow::engine::ExecutionFilter;

use crate::progress::Progress;

/// How far back they are looked for.
const LOOK_BACK: u32 = 50;

/// Says which executions the engine in this process takes up besides `id`.
pub(crate) async fn mention(local: &Local, id: ExecutionId, progress: &Progress) -> anyhow::Result<()> {
    if local.data_folder().is_none() {
        return Ok(());
    }
    let dim = Style::new().dimmed();
    for record in local.engine().list(ExecutionFilter::default(), LOOK_BACK).await? {
        let goes_on = matches!(record.status, ExecutionStatus::Queued | ExecutionStatus::Running);
        if goes_on && record.id != id {
            progress.line(&format!(
                "{dim}{} ({}), unfinished, goes on meanwhile{dim:#}",
                record.id, record.workflow
            ));
        }
    }
    Ok(())
}
