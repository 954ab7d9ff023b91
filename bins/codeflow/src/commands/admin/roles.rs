//! `codeflow admin role`.

use clap::{Args, Subcommand};
use codeflow::Admin;
use codeflow::auth::{NewRole, Permission, Role};
use serde_json::{Value, json};

use super::{TenantOptions, show};
use crate::Exit;
use crate::cli::Format;

/// What to do with roles.
#[derive(Subcommand)]
pub(crate) enum RoleCommand {
    /// List the roles of a tenant: those that are built in, and its own
    List(ListOptions),
    /// Add a role, or put another one in its place
    #[command(after_help = "Examples:
  codeflow admin role put approver --permission executions:read --permission executions:approve")]
    Put(PutOptions),
    /// Remove a role that nobody has
    Remove(RemoveOptions),
}

/// Flags of `codeflow admin role list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin role put`.
#[derive(Args)]
pub(crate) struct PutOptions {
    /// Its name
    name: String,
    /// A permission; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION", required = true)]
    permissions: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin role remove`.
#[derive(Args)]
pub(crate) struct RemoveOptions {
    /// Its name
    name: String,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl RoleCommand {
    pub(super) fn format(&self) -> Format {
        match self {
            Self::List(options) => options.format,
            Self::Put(options) => options.format,
            Self::Remove(options) => options.format,
        }
    }
}

pub(super) async fn run(admin: &Admin, command: RoleCommand) -> anyhow::Result<Exit> {
    match command {
        RoleCommand::List(options) => {
            let listed = admin.identity().list_roles(&options.tenant.caller(), None).await;
            let roles = listed.map_err(codeflow::Error::from)?;
            let text: String = roles.iter().map(line).collect();
            show(options.format, &roles.iter().map(json).collect(), &text)?;
        }
        RoleCommand::Put(options) => {
            let permissions: Result<Vec<Permission>, _> =
                options.permissions.iter().map(|permission| permission.parse()).collect();
            let wish = NewRole {
                tenant: None,
                name: options.name,
                description: options.description,
                permissions: permissions.map_err(codeflow::Error::from)?,
            };
            let put = admin.identity().put_role(&options.tenant.caller(), wish).await;
            let role = put.map_err(codeflow::Error::from)?;
            show(options.format, &json(&role), &line(&role))?;
        }
        RoleCommand::Remove(options) => {
            let removed = admin.identity().remove_role(&options.tenant.caller(), None, &options.name).await;
            removed.map_err(codeflow::Error::from)?;
            let value = json!({ "role": options.name, "result": "removed" });
            show(options.format, &value, &format!("removed {}\n", options.name))?;
        }
    }
    Ok(Exit::Success)
}

fn json(role: &Role) -> Value {
    json!({ "name": role.name, "description": role.description, "permissions": role.permissions })
}

fn line(role: &Role) -> String {
    let permissions: Vec<&str> = role.permissions.iter().map(|one| one.as_str()).collect();
    format!("{}  {}\n", role.name, permissions.join(","))
}
