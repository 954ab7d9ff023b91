//! Talking to executions: a message is durable at once; whichever engine runs takes it from there, and if
//! there is none, this process runs one until there is nothing left to do.

use codeflow::core::ExecutionId;
use codeflow::core::execution::ExecutionStatus;
use codeflow::engine::{Decider, Decision, ErrorKind as EngineError};
use codeflow::{ErrorKind, Local};

use super::{DecideOptions, ResumeOptions, RetryOptions, SignalOptions, WhyOptions};
use crate::Exit;
use crate::cli::Format;
use crate::commands::{finish, others};
use crate::context::Context;
use crate::drive::{self, Ended};
use crate::progress::Progress;
use crate::{show, terminal};

pub(super) async fn resume(
    context: &Context,
    local: &Local,
    options: &ResumeOptions,
) -> anyhow::Result<Exit> {
    let ResumeOptions { one, budget } = options;
    let id = one.id.resolve(local).await?;
    let engine = local.engine();
    let is_paused = engine.get(id, Some(i64::MAX)).await?.record.status == ExecutionStatus::Paused;
    if let Some(budget) = budget {
        engine.resume_with(id, &context.user(), *budget).await?;
        return carry_on(context, local, id, "resumed", one.format).await;
    }
    if is_paused {
        engine.resume(id, &context.user()).await?;
        return carry_on(context, local, id, "resumed", one.format).await;
    }
    let reservation = local.reserve()?;
    let mut progress = Progress::new(context.is_lively());
    progress.carry_on();
    others::mention(local, id, &progress).await?;
    let ended = drive::run(local, reservation, id, progress).await?;
    Ok(finish::conclude(id, &ended, one.format)?)
}

pub(super) async fn pause(context: &Context, local: &Local, options: WhyOptions) -> anyhow::Result<Exit> {
    let id = options.one.id.resolve(local).await?;
    local.engine().pause(id, &context.user(), options.reason).await?;
    carry_on(context, local, id, "paused", options.one.format).await
}

pub(super) async fn cancel(context: &Context, local: &Local, options: WhyOptions) -> anyhow::Result<Exit> {
    let id = options.one.id.resolve(local).await?;
    local.engine().cancel(id, &context.user(), options.reason).await?;
    let ended = hand_over(context, local, id, "cancelled").await?;
    Ok(match ended {
        // It is what was asked for.
        Some(Ended::Final(view)) => {
            match options.one.format {
                Format::Json => terminal::print(&format!("{:#}\n", show::json::view(&view)))?,
                Format::Text => terminal::tell(&show::execution::verdict(&view.record)),
            }
            Exit::Success
        }
        Some(ended) => finish::conclude(id, &ended, options.one.format)?,
        None => Exit::Success,
    })
}

pub(super) async fn retry(context: &Context, local: &Local, options: RetryOptions) -> anyhow::Result<Exit> {
    let id = options.one.id.resolve(local).await?;
    local.engine().restart(id, options.from, &context.user()).await?;
    carry_on(context, local, id, "retried", options.one.format).await
}

pub(super) async fn decide(
    context: &Context,
    local: &Local,
    options: DecideOptions,
    approved: bool,
) -> anyhow::Result<Exit> {
    let DecideOptions { one, step, comment } = options;
    let id = one.id.resolve(local).await?;
    let decision = Decision { approved, by: Decider::operator(context.user()), comment };
    local.engine().decide(id, &step, decision).await?;
    carry_on(context, local, id, if approved { "approved" } else { "rejected" }, one.format).await
}

pub(super) async fn signal(context: &Context, local: &Local, options: SignalOptions) -> anyhow::Result<Exit> {
    let SignalOptions { one, event, payload } = options;
    let id = one.id.resolve(local).await?;
    local.engine().signal(id, &event, payload).await?;
    carry_on(context, local, id, "signalled", one.format).await
}

pub(super) async fn carry_on(
    context: &Context,
    local: &Local,
    id: ExecutionId,
    done: &str,
    format: Format,
) -> anyhow::Result<Exit> {
    let ended = hand_over(context, local, id, done).await?;
    match ended {
        Some(ended) => Ok(finish::conclude(id, &ended, format)?),
        None => Ok(Exit::Success),
    }
}

/// Leaves the execution to the engine that runs here, or else runs one. Says which of the two.
async fn hand_over(
    context: &Context,
    local: &Local,
    id: ExecutionId,
    done: &str,
) -> anyhow::Result<Option<Ended>> {
    let reservation = match local.reserve() {
        Ok(reservation) => reservation,
        Err(error) if error.kind() == ErrorKind::Engine(EngineError::Locked) => {
            terminal::tell(&format!("{done} {id}; the engine that runs here takes it from there"));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let mut progress = Progress::new(context.is_lively());
    progress.carry_on();
    progress.line(&match local.data_folder() {
        Some(_) => format!("{done} {id}; no engine was running here, so this process runs it"),
        None => format!("{done} {id}; this process helps to run it"),
    });
    others::mention(local, id, &progress).await?;
    drive::run(local, reservation, id, progress).await.map(Some)
}
