//! `codeflow models`: what the registry knows. Needs no database, no key and no network.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use codeflow::core::{Clock, Timestamp};
use codeflow::model::{ModelEntry, ModelFeature, OnRetired, Registry};
use serde_json::{Value, json};

use crate::cli::Format;
use crate::failure::{Misuse, MisuseKind};
use crate::{Exit, show, terminal};

/// What to do with models.
#[derive(Subcommand)]
pub(crate) enum ModelsCommand {
    /// List models, with their limits and prices
    #[command(after_help = "Examples:
  codeflow models list --provider anthropic
  codeflow models list --capability vision --capability tools --format json")]
    List(ListOptions),
    /// Show everything that is known about a model
    #[command(after_help = "Examples:
  codeflow models show claude-sonnet-5
  codeflow models show azure/gpt-5.1 --format json")]
    Show(ShowOptions),
    /// Look for oddities in the data, such as prices of zero and dates that have passed
    #[command(after_help = "Examples:
  codeflow models lint --format json")]
    Lint(LintOptions),
}

/// Flags of `codeflow models list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    /// Only models of this provider
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Only models that can do this; several must all hold
    #[arg(long = "capability", value_name = "CAPABILITY",
        value_parser = PossibleValuesParser::new(ModelFeature::ALL.map(ModelFeature::name)))]
    capabilities: Vec<String>,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow models show`.
#[derive(Args)]
pub(crate) struct ShowOptions {
    /// The name of a model: its id, another name of it, or `provider/name`
    #[arg(value_name = "ID")]
    id: String,
    /// How to show it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow models lint`.
#[derive(Args)]
pub(crate) struct LintOptions {
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl ModelsCommand {
    /// Whether a program reads the result.
    pub(crate) fn wants_json(&self) -> bool {
        let format = match self {
            Self::List(options) => options.format,
            Self::Show(options) => options.format,
            Self::Lint(options) => options.format,
        };
        format == Format::Json
    }
}

/// Does it.
pub(crate) fn run(command: ModelsCommand) -> anyhow::Result<Exit> {
    let registry = Registry::builtin();
    match command {
        ModelsCommand::List(options) => list(registry, &options),
        ModelsCommand::Show(options) => one(registry, &options),
        ModelsCommand::Lint(options) => lint(registry, codeflow::SystemClock.now(), options.format),
    }
}

fn list(registry: &Registry, options: &ListOptions) -> anyhow::Result<Exit> {
    if let Some(wanted) = &options.provider
        && registry.providers().all(|provider| provider != wanted)
    {
        let known = registry.providers().collect::<Vec<_>>().join(", ");
        let what = format!("there is no provider `{wanted}`; there are {known}");
        return Err(Misuse::new(MisuseKind::BadValue, what).into());
    }
    let can = |entry: &ModelEntry, wanted: &String| entry.capabilities.iter().any(|own| own.name() == wanted);
    let found = registry.entries().map(AsRef::as_ref).filter(|entry: &&ModelEntry| {
        options.provider.as_ref().is_none_or(|wanted| entry.provider == *wanted)
            && options.capabilities.iter().all(|wanted| can(entry, wanted))
    });
    let found: Vec<&ModelEntry> = found.collect();
    terminal::print(&match options.format {
        Format::Text => show::models::table(&found),
        Format::Json => format!("{:#}\n", json!(found)),
    })?;
    Ok(Exit::Success)
}

fn one(registry: &Registry, options: &ShowOptions) -> anyhow::Result<Exit> {
    let entry = match registry.find(&options.id) {
        Some(entry) => entry,
        None => registry.resolve(&options.id, OnRetired::Refuse)?,
    };
    terminal::print(&match options.format {
        Format::Text => show::models::page(entry, registry),
        Format::Json => format!("{:#}\n", json!(entry)),
    })?;
    Ok(Exit::Success)
}

fn lint(registry: &Registry, now: Timestamp, format: Format) -> anyhow::Result<Exit> {
    let findings = registry.lint(now.datetime().date_naive());
    let odd = findings.iter().filter(|finding| finding.excuse.is_none()).count();
    terminal::print(&match format {
        Format::Text => show::models::findings(&findings, registry),
        Format::Json => format!("{:#}\n", Value::from(findings.iter().map(|f| json!(f)).collect::<Vec<_>>())),
    })?;
    Ok(if odd == 0 { Exit::Success } else { Exit::GateClosed })
}
