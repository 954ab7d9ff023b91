//! What the settings say of retention, for the engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use codeflow_config::RetentionSettings;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{self as engine, Archive, Engine, Keeper, Litter};
use codeflow_persistence::FolderArchive;
use codeflow_runtime::SystemClock;

/// The rounds that settings want; `folder` is where an archive is whose path is relative.
pub(crate) fn keeper(engine: &Engine, settings: &RetentionSettings, folder: &Path) -> Option<Keeper> {
    let archive = settings.archive.as_ref().map(|path| {
        let archive = FolderArchive::new(folder.join(path), Arc::new(SystemClock));
        Arc::new(archive) as Arc<dyn Archive>
    });
    settings.enabled.then(|| engine.keeper(meant(settings), archive))
}

fn meant(settings: &RetentionSettings) -> engine::RetentionSettings {
    let executions = [
        (ExecutionStatus::Succeeded, settings.succeeded),
        (ExecutionStatus::Failed, settings.failed),
        (ExecutionStatus::TimedOut, settings.failed),
        (ExecutionStatus::Cancelled, settings.cancelled),
    ];
    let litter = [
        (Litter::Payloads, Some(Duration::ZERO)),
        (Litter::Keys, settings.keys),
        (Litter::JobKeys, settings.job_keys),
        (Litter::Sessions, settings.sessions),
        (Litter::Slots, settings.slots),
    ];
    engine::RetentionSettings {
        executions: kept(executions),
        litter: kept(litter),
        piece: settings.piece,
        pause: settings.pause,
        every: settings.every,
    }
}

/// What is kept for ever is never looked for.
fn kept<K: Ord, const N: usize>(all: [(K, Option<Duration>); N]) -> BTreeMap<K, Duration> {
    all.into_iter().filter_map(|(what, keep)| Some((what, keep?))).collect()
}
