//! What is said when following an execution has come to its end, and the exit code that this makes.

use codeflow::core::ExecutionId;
use codeflow::core::execution::ExecutionStatus;
use codeflow::engine::ExecutionRecord;

use crate::Exit;
use crate::cli::Format;
use crate::drive::Ended;
use crate::failure;
use crate::show;
use crate::terminal;

/// Shows how it ended.
pub(crate) fn conclude(id: ExecutionId, ended: &Ended, format: Format) -> std::io::Result<Exit> {
    match (ended, format) {
        (Ended::Final(view) | Ended::NeedsSomebody(view), Format::Json) => {
            terminal::print(&format!("{:#}\n", show::json::view(view)))?;
        }
        (Ended::Final(view), Format::Text) => {
            terminal::tell(&show::execution::verdict(&view.record));
            if let Some(outputs) = &view.record.outputs {
                terminal::print(show::execution::fields("outputs", outputs).trim_start_matches('\n'))?;
            }
            // The line above says all there is to say about the others.
            if let Some(error) =
                view.record.error.as_ref().filter(|_| view.record.status == ExecutionStatus::Failed)
            {
                failure::tell(&show::clean(&error.message), &[], &error.code);
            }
        }
        (Ended::NeedsSomebody(view), Format::Text) => {
            terminal::tell(show::execution::invitations(view).trim_end());
        }
        (Ended::Interrupted, _) => {
            terminal::tell(&format!("stopped; `codeflow execution resume {id}` carries on"));
        }
    }
    Ok(match ended {
        Ended::Final(view) => exit_of(&view.record),
        Ended::NeedsSomebody(_) => Exit::Waiting,
        Ended::Interrupted => Exit::Interrupted,
    })
}

/// What the end of an execution means for whoever waited for it.
pub(crate) fn exit_of(record: &ExecutionRecord) -> Exit {
    let denied = record.error.as_ref().is_some_and(|error| error.code == "action.denied");
    match record.status {
        ExecutionStatus::Succeeded => Exit::Success,
        ExecutionStatus::Failed if denied => Exit::GateClosed,
        ExecutionStatus::Failed | ExecutionStatus::Cancelled | ExecutionStatus::TimedOut => Exit::Failure,
        ExecutionStatus::Queued
        | ExecutionStatus::Running
        | ExecutionStatus::Waiting
        | ExecutionStatus::Paused => Exit::Waiting,
    }
}
