//! `codeflow admin`: users, keys and roles, for whoever has the machine of the database.

mod keys;
mod roles;
mod signing;
mod users;

use std::io::Read;

use clap::{Args, Subcommand};
use codeflow::Admin;
use codeflow::auth::{Caller, Origin, Vault};
use codeflow::core::Tenant;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::Exit;
use crate::cli::Format;
use crate::context::Context;
use crate::failure::{Misuse, MisuseKind};
use crate::terminal;

pub(crate) use keys::KeyCommand;
pub(crate) use roles::RoleCommand;
pub(crate) use signing::SigningKeyCommand;
pub(crate) use users::UserCommand;

/// The longest input that is taken for a password.
const MAX_INPUT: u64 = 1024;

/// What to do with who may call the server.
#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Make the first administrator, while there is no user
    #[command(after_help = "Examples:
  codeflow admin bootstrap ada --database-url postgres://…
  printf %s \"$PASSWORD\" | codeflow admin bootstrap ada --password-stdin")]
    Bootstrap(BootstrapOptions),
    /// Users: add, list, show and change them
    #[command(subcommand)]
    User(UserCommand),
    /// API keys: make, list, exchange and revoke them
    #[command(subcommand)]
    Key(KeyCommand),
    /// Roles: list, put and remove them
    #[command(subcommand)]
    Role(RoleCommand),
    /// Keys that sign access tokens: list them, or take one back that others may know
    #[command(subcommand)]
    SigningKey(SigningKeyCommand),
    /// Check that nothing in the audit log was changed
    Audit(AuditOptions),
}

/// Flags of `codeflow admin bootstrap`.
#[derive(Args)]
pub(crate) struct BootstrapOptions {
    /// The name that the administrator signs in with
    name: String,
    #[command(flatten)]
    password: PasswordOptions,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow admin audit`.
#[derive(Args)]
pub(crate) struct AuditOptions {
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Where a password comes from.
#[derive(Args)]
pub(crate) struct PasswordOptions {
    /// Read the password from standard input; without this, one is made and shown once
    #[arg(long)]
    password_stdin: bool,
}

/// Whose things they are.
#[derive(Args)]
pub(crate) struct TenantOptions {
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: Tenant,
}

impl TenantOptions {
    fn caller(&self) -> Caller {
        Caller::operator(self.tenant.clone())
    }
}

impl AdminCommand {
    /// How the result is shown.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Bootstrap(options) => options.format,
            Self::User(command) => command.format(),
            Self::Key(command) => command.format(),
            Self::Role(command) => command.format(),
            Self::SigningKey(command) => command.format(),
            Self::Audit(options) => options.format,
        }
    }
}

/// Does it.
pub(crate) async fn run(context: &Context, command: AdminCommand) -> anyhow::Result<Exit> {
    let admin = context.admin().await?;
    let done = match command {
        AdminCommand::Bootstrap(options) => bootstrap(&admin, options).await,
        AdminCommand::User(command) => users::run(&admin, command).await,
        AdminCommand::Key(command) => keys::run(&admin, command).await,
        AdminCommand::Role(command) => roles::run(&admin, command).await,
        AdminCommand::SigningKey(command) => signing::run(&admin, command).await,
        AdminCommand::Audit(options) => audit(&admin, &options).await,
    };
    // What was done before it went wrong is in the audit log all the same.
    admin.close().await?;
    done
}

async fn bootstrap(admin: &Admin, options: BootstrapOptions) -> anyhow::Result<Exit> {
    let password = options.password.read()?;
    let secret = password.secret.clone();
    let made = admin.identity().bootstrap(&options.name, secret, &Origin::default()).await;
    let user = made.map_err(codeflow::Error::from)?;
    password.shown(
        &options.format,
        users::json(&user.clone().into()),
        &format!("user {} ({})", user.name, user.id),
    )?;
    Ok(Exit::Success)
}

async fn audit(admin: &Admin, options: &AuditOptions) -> anyhow::Result<Exit> {
    let caller = Caller::operator(Tenant::default());
    let verdict = admin.identity().verify_audit(&caller).await.map_err(codeflow::Error::from)?;
    let (is_whole, entries, broken) = (verdict.broken.is_none(), verdict.entries, verdict.broken);
    let text = match broken {
        None => format!("{entries} entries, none was changed\n"),
        Some(position) => format!("entry {position} is not what was written; {entries} before it are\n"),
    };
    show(options.format, &json!({ "entries": entries, "broken": broken }), &text)?;
    Ok(if is_whole { Exit::Success } else { Exit::Different })
}

/// A password, and whether it was made here.
struct Password {
    secret: SecretString,
    is_new: bool,
}

impl PasswordOptions {
    fn read(&self) -> anyhow::Result<Password> {
        if !self.password_stdin {
            return Ok(Password { secret: random()?, is_new: true });
        }
        let mut text = String::new();
        std::io::stdin().take(MAX_INPUT).read_to_string(&mut text).map_err(|error| {
            Misuse::new(MisuseKind::BadValue, "the password on standard input cannot be read")
                .with_source(error)
        })?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Ok(Password { secret: text.into(), is_new: false })
    }
}

impl Password {
    /// Shows what was done, and the password if nobody knows it yet.
    fn shown(&self, format: &Format, mut value: Value, text: &str) -> anyhow::Result<()> {
        let mut text = format!("{text}\n");
        if self.is_new {
            value["password"] = self.secret.expose_secret().into();
            text.push_str(&format!("password, shown once: {}\n", self.secret.expose_secret()));
        }
        show(*format, &value, &text)
    }
}

/// 160 bits from chance, in hexadecimal.
fn random() -> anyhow::Result<SecretString> {
    let bytes = Vault::random::<20>().map_err(codeflow::Error::from)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

fn show(format: Format, value: &Value, text: &str) -> anyhow::Result<()> {
    match format {
        Format::Json => terminal::print(&format!("{value:#}\n"))?,
        Format::Text => terminal::print(text)?,
    }
    Ok(())
}
