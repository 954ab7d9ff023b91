//! `codeflow admin signing-key`.

use clap::{Args, Subcommand};
use codeflow::Admin;
use serde_json::{Value, json};

use super::show;
use crate::Exit;
use crate::cli::Format;

/// What to do with keys that sign access tokens.
#[derive(Subcommand)]
pub(crate) enum SigningKeyCommand {
    /// List the keys whose tokens are accepted, or will be
    List(ListOptions),
    /// Take a key back: its tokens are refused everywhere within five seconds, and the next one signs
    Withdraw(WithdrawOptions),
}

/// Flags of `codeflow admin signing-key list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin signing-key withdraw`.
#[derive(Args)]
pub(crate) struct WithdrawOptions {
    /// What tokens call it (`kid`)
    #[arg(value_name = "ID")]
    id: String,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl SigningKeyCommand {
    pub(super) fn format(&self) -> Format {
        match self {
            Self::List(options) => options.format,
            Self::Withdraw(options) => options.format,
        }
    }
}

pub(super) async fn run(admin: &Admin, command: SigningKeyCommand) -> anyhow::Result<Exit> {
    match command {
        SigningKeyCommand::List(options) => {
            let keys = admin.tokens().jwks().await.map_err(codeflow::Error::from)?;
            let text = |key: &Value| format!("{}  {}\n", key["kid"].as_str().unwrap_or_default(), key["kty"]);
            let lines: String = keys["keys"].as_array().into_iter().flatten().map(text).collect();
            show(options.format, &keys, &lines)?;
            Ok(Exit::Success)
        }
        SigningKeyCommand::Withdraw(options) => {
            let withdrawn = admin.tokens().withdraw(&options.id).await.map_err(codeflow::Error::from)?;
            let result = if withdrawn { "withdrawn" } else { "there is no such key" };
            show(options.format, &json!({ "key": options.id, "result": result }), &format!("{result}\n"))?;
            Ok(if withdrawn { Exit::Success } else { Exit::WrongUse })
        }
    }
}
