//! `codeflow admin key`.

use std::time::Duration;

use clap::{Args, Subcommand};
use codeflow::Admin;
use codeflow::SystemClock;
use codeflow::auth::{ApiKey, KeyFilter, MadeKey, NewKey, Page, Permission};
use codeflow::core::{Clock as _, KeyId, parse_duration};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{TenantOptions, show};
use crate::Exit;
use crate::cli::Format;
use crate::failure::{Misuse, MisuseKind};

/// What to do with API keys.
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key, which is shown once
    #[command(after_help = "Examples:
  codeflow admin key add ci --scope models:call --scope executions:start
  codeflow admin key add bot --scope models:call --owner grace --expires 90d")]
    Add(AddOptions),
    /// List the keys of a tenant
    List(ListOptions),
    /// Make the key that takes the place of another, which is valid for a while longer
    Rotate(RotateOptions),
    /// Refuse a key from now on
    Revoke(OneOptions),
}

/// Flags of `codeflow admin key add`.
#[derive(Args)]
pub(crate) struct AddOptions {
    /// What people call it
    name: String,
    /// A permission; may be repeated
    #[arg(long = "scope", value_name = "PERMISSION", required = true)]
    scopes: Vec<String>,
    /// The user that it acts for; without this it is a service's
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// A model or route that it may ask for, `*` at the end for any; may be repeated. Without this: all
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// The tier of its limits
    #[arg(long, value_name = "NAME")]
    tier: Option<String>,
    /// For how long it is valid, such as 90d
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin key list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only those after this one: the last of the page before
    #[arg(long, value_name = "ID")]
    after: Option<KeyId>,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin key rotate`.
#[derive(Args)]
pub(crate) struct RotateOptions {
    #[command(flatten)]
    one: OneOptions,
    /// For how long the old key is valid beside the new one
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    overlap: String,
}

/// Flags of commands about one key.
#[derive(Args)]
pub(crate) struct OneOptions {
    /// The key's id, which is a part of it: `key_` and its 32 digits
    #[arg(value_name = "ID")]
    id: KeyId,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl KeyCommand {
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Add(options) => options.format,
            Self::List(options) => options.format,
            Self::Rotate(options) => options.one.format,
            Self::Revoke(options) => options.format,
        }
    }
}

pub(super) async fn run(admin: &Admin, command: KeyCommand) -> anyhow::Result<Exit> {
    match command {
        KeyCommand::Add(options) => add(admin, options).await?,
        KeyCommand::List(options) => {
            let page = Page { after: options.after, limit: options.limit };
            let listed =
                admin.identity().list_keys(&options.tenant.caller(), KeyFilter::default(), page).await;
            let keys = listed.map_err(codeflow::Error::from)?;
            let text: String = keys.iter().map(line).collect();
            show(options.format, &keys.iter().map(json).collect(), &text)?;
        }
        KeyCommand::Rotate(RotateOptions { one, overlap }) => {
            let overlap = duration("overlap", &overlap)?;
            let made = admin.identity().rotate_key(&one.tenant.caller(), one.id, overlap).await;
            shown(one.format, &made.map_err(codeflow::Error::from)?)?;
        }
        KeyCommand::Revoke(options) => {
            let revoked = admin.identity().revoke_key(&options.tenant.caller(), options.id).await;
            revoked.map_err(codeflow::Error::from)?;
            let value = json!({ "key": options.id, "result": "revoked" });
            show(options.format, &value, &format!("revoked {}\n", options.id))?;
        }
    }
    Ok(Exit::Success)
}

async fn add(admin: &Admin, options: AddOptions) -> anyhow::Result<()> {
    let caller = options.tenant.caller();
    let scopes: Result<Vec<Permission>, _> = options.scopes.iter().map(|scope| scope.parse()).collect();
    let owner = match &options.owner {
        None => None,
        Some(name) => {
            let found = admin.identity().find_user(&caller, name).await;
            Some(found.map_err(codeflow::Error::from)?.user.id)
        }
    };
    let expires = options.expires.as_deref().map(|text| duration("expires", text)).transpose()?;
    let wish = NewKey {
        owner,
        name: options.name,
        scopes: scopes.map_err(codeflow::Error::from)?,
        models: (!options.models.is_empty()).then_some(options.models),
        tier: options.tier,
        expires_at: expires.map(|expires| SystemClock.now().after(expires)),
        ..NewKey::default()
    };
    let made = admin.identity().create_key(&caller, wish).await;
    shown(options.format, &made.map_err(codeflow::Error::from)?)
}

fn duration(flag: &str, text: &str) -> Result<Duration, Misuse> {
    parse_duration(text).map_err(|error| {
        let text = format!("`--{flag}` is no duration: write numbers with units, such as 12h or 90d");
        Misuse::new(MisuseKind::BadValue, text).with_source(error)
    })
}

fn shown(format: Format, made: &MadeKey) -> anyhow::Result<()> {
    let mut value = json(&made.key);
    value["secret"] = made.secret.expose_secret().into();
    show(
        format,
        &value,
        &format!("{}the key, shown once: {}\n", line(&made.key), made.secret.expose_secret()),
    )
}

/// A key, without its secret.
fn json(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "tenant": key.tenant, "name": key.name, "owner": key.owner, "scopes": key.scopes,
        "models": key.models, "tier": key.tier, "created_at": key.created_at, "expires_at": key.expires_at,
        "revoked_at": key.revoked_at, "last_used_at": key.last_used_at, "replaced_by": key.replaced_by,
    })
}

fn line(key: &ApiKey) -> String {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = if key.revoked_at.is_some() { "  revoked" } else { "" };
    format!("{}  {}  {}  {}{state}\n", key.id, key.tenant, key.name, scopes.join(","))
}
