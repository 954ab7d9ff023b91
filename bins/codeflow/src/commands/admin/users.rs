//! `codeflow admin user`.

use clap::{Args, Subcommand};
use codeflow::Admin;
use codeflow::auth::{Caller, NewUser, OwnKeys, Page, ShownUser, UserChange};
use codeflow::core::UserId;
use serde_json::{Value, json};

use super::{PasswordOptions, TenantOptions, show};
use crate::Exit;
use crate::cli::Format;

/// What to do with users.
#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user
    #[command(after_help = "Examples:
  codeflow admin user add grace --role user
  codeflow admin user add audit-bot --role viewer --tenant acme")]
    Add(AddOptions),
    /// List the users of a tenant
    List(ListOptions),
    /// Show a user
    Show(OneOptions),
    /// Give a user these roles instead of those it has
    Roles(RolesOptions),
    /// Give a user a new password, which ends its sign-ins and revokes its keys
    SetPassword(SetPasswordOptions),
    /// Refuse a user, its keys and its sign-ins until it is enabled again
    Disable(OneOptions),
    /// Let a user in again
    Enable(OneOptions),
    /// Forget the failed attempts of a user that is locked out
    Unlock(OneOptions),
    /// Take the second factor away from a user who lost it
    ResetSecondFactor(OneOptions),
    /// Remove a user with its keys and sign-ins
    Remove(OneOptions),
}

/// Flags of `codeflow admin user add`.
#[derive(Args)]
pub(crate) struct AddOptions {
    /// The name that it signs in with
    name: String,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "NAME", required = true)]
    roles: Vec<String>,
    /// What people call it
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    display_name: String,
    /// Where it is written to
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    #[command(flatten)]
    password: PasswordOptions,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin user list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only those after this one: the last of the page before
    #[arg(long, value_name = "ID")]
    after: Option<UserId>,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of commands about one user.
#[derive(Args)]
pub(crate) struct OneOptions {
    /// The name that it signs in with
    name: String,
    #[command(flatten)]
    tenant: TenantOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin user roles`.
#[derive(Args)]
pub(crate) struct RolesOptions {
    #[command(flatten)]
    one: OneOptions,
    /// A role; may be repeated
    #[arg(long = "role", value_name = "NAME", required = true)]
    roles: Vec<String>,
}

/// Flags of `codeflow admin user set-password`.
#[derive(Args)]
pub(crate) struct SetPasswordOptions {
    #[command(flatten)]
    one: OneOptions,
    #[command(flatten)]
    password: PasswordOptions,
    /// Let its API keys go on, which are revoked otherwise
    #[arg(long)]
    keep_keys: bool,
}

impl UserCommand {
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Add(options) => options.format,
            Self::List(options) => options.format,
            Self::Roles(options) => options.one.format,
            Self::SetPassword(options) => options.one.format,
            Self::Show(options)
            | Self::Disable(options)
            | Self::Enable(options)
            | Self::Unlock(options)
            | Self::ResetSecondFactor(options)
            | Self::Remove(options) => options.format,
        }
    }
}

/// A user, without anything secret.
pub(super) fn json(shown: &ShownUser) -> Value {
    let ShownUser { user, locked_until } = shown;
    json!({
        "id": user.id, "tenant": user.tenant, "name": user.name, "display_name": user.display_name,
        "email": user.email, "roles": user.roles, "disabled": user.disabled,
        "second_factor": user.second_factor.as_ref().is_some_and(|factor| factor.confirmed),
        "locked_until": locked_until, "created_at": user.created_at,
    })
}

fn line(ShownUser { user, .. }: &ShownUser) -> String {
    let roles = user.roles.join(",");
    let state = if user.disabled { "  disabled" } else { "" };
    format!("{}  {}  {}  {roles}{state}\n", user.id, user.tenant, user.name)
}

/// One user, and who asks about it.
struct Found {
    caller: Caller,
    user: ShownUser,
    format: Format,
}

impl Found {
    async fn by(admin: &Admin, options: &OneOptions) -> Result<Self, codeflow::Error> {
        let caller = options.tenant.caller();
        let user = admin.identity().find_user(&caller, &options.name).await?;
        Ok(Self { caller, user, format: options.format })
    }

    async fn change(self, admin: &Admin, wish: UserChange) -> anyhow::Result<()> {
        let changed = admin.identity().change_user(&self.caller, self.user.user.id, wish).await;
        let user = changed.map_err(codeflow::Error::from)?;
        show(self.format, &json(&user), &line(&user))
    }

    fn told(&self, what: &str) -> anyhow::Result<()> {
        let value = json!({ "user": self.user.user.id, "result": what });
        show(self.format, &value, &format!("{what} {}\n", self.user.user.name))
    }
}

pub(super) async fn run(admin: &Admin, command: UserCommand) -> anyhow::Result<Exit> {
    let changed = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    match command {
        UserCommand::Add(options) => add(admin, options).await?,
        UserCommand::List(options) => list(admin, options).await?,
        UserCommand::Show(options) => {
            let found = Found::by(admin, &options).await?;
            show(found.format, &json(&found.user), &line(&found.user))?;
        }
        UserCommand::Roles(RolesOptions { one, roles }) => {
            let wish = UserChange { roles: Some(roles), ..UserChange::default() };
            Found::by(admin, &one).await?.change(admin, wish).await?;
        }
        UserCommand::SetPassword(options) => set_password(admin, options).await?,
        UserCommand::Disable(options) => {
            Found::by(admin, &options).await?.change(admin, changed(true)).await?
        }
        UserCommand::Enable(options) => {
            Found::by(admin, &options).await?.change(admin, changed(false)).await?
        }
        UserCommand::Unlock(options) => {
            let found = Found::by(admin, &options).await?;
            let done = admin.identity().unlock_user(&found.caller, found.user.user.id).await;
            done.map_err(codeflow::Error::from)?;
            found.told("unlocked")?;
        }
        UserCommand::ResetSecondFactor(options) => {
            let found = Found::by(admin, &options).await?;
            let done = admin.identity().reset_second_factor(&found.caller, found.user.user.id).await;
            done.map_err(codeflow::Error::from)?;
            found.told("took the second factor from")?;
        }
        UserCommand::Remove(options) => {
            let found = Found::by(admin, &options).await?;
            let done = admin.identity().remove_user(&found.caller, found.user.user.id).await;
            done.map_err(codeflow::Error::from)?;
            found.told("removed")?;
        }
    }
    Ok(Exit::Success)
}

async fn add(admin: &Admin, options: AddOptions) -> anyhow::Result<()> {
    let password = options.password.read()?;
    let wish = NewUser {
        name: options.name,
        display_name: options.display_name,
        email: options.email,
        password: Some(password.secret.clone()),
        roles: options.roles,
        ..NewUser::default()
    };
    let made = admin.identity().create_user(&options.tenant.caller(), wish).await;
    let user = ShownUser::from(made.map_err(codeflow::Error::from)?);
    password.shown(&options.format, json(&user), line(&user).trim_end())
}

async fn list(admin: &Admin, options: ListOptions) -> anyhow::Result<()> {
    let page = Page { after: options.after, limit: options.limit };
    let listed = admin.identity().list_users(&options.tenant.caller(), None, page).await;
    let users = listed.map_err(codeflow::Error::from)?;
    let text: String = users.iter().map(line).collect();
    show(options.format, &users.iter().map(json).collect(), &text)
}

async fn set_password(admin: &Admin, options: SetPasswordOptions) -> anyhow::Result<()> {
    let password = options.password.read()?;
    let found = Found::by(admin, &options.one).await?;
    let keys = if options.keep_keys { OwnKeys::Keep } else { OwnKeys::Revoke };
    let set = admin.identity().set_password(&found.caller, found.user.user.id, &password.secret, keys).await;
    set.map_err(codeflow::Error::from)?;
    let text = format!("changed the password of {}", found.user.user.name);
    password.shown(&found.format, json!({ "user": found.user.user.id, "result": "changed" }), &text)
}
