//! What every command needs: settings, the log, and CodeFlow opened for a folder.

use std::io::IsTerminal;

use codeflow::config::{Environment, Settings};
use codeflow::{Admin, Backups, Local, Options};
use tracing_subscriber::EnvFilter;

use crate::cli::Global;
use crate::failure::{Misuse, MisuseKind};

/// The surroundings of a command.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) environment: Environment,
    settings: Settings,
}

impl Context {
    pub(crate) fn new(global: Global) -> anyhow::Result<Self> {
        let environment = Environment::process();
        if let Some(wanted) = environment.wants_color() {
            let choice = if wanted { anstream::ColorChoice::Always } else { anstream::ColorChoice::Never };
            choice.write_global();
        }
        let settings = Settings::load(global.config.as_deref(), &environment)?;
        listen(&global, &settings, &environment)?;
        Ok(Self { global, environment, settings })
    }

    /// Opens the database that the settings name.
    pub(crate) async fn open(&self) -> anyhow::Result<Local> {
        self.open_with(self.settings.clone()).await
    }

    /// Opens the database beside the repository, unless a flag names another one. What a review keeps
    /// belongs to this checkout, not to the application that `DATABASE_URL` may be meant for.
    pub(crate) async fn open_beside_repository(&self) -> anyhow::Result<Local> {
        let mut settings = self.settings.clone();
        settings.database.url = None;
        self.open_with(settings).await
    }

    /// Users, keys and roles in the database that the settings name.
    pub(crate) async fn admin(&self) -> anyhow::Result<Admin> {
        let settings = self.named(self.settings.clone());
        let options = Options::new(&self.global.repo, settings, self.environment.clone());
        Ok(Admin::open(options).await?)
    }

    /// Backups of the database that the settings name. It is not opened.
    pub(crate) fn backups(&self) -> anyhow::Result<Backups> {
        let settings = self.named(self.settings.clone());
        Ok(Backups::of(&self.global.repo, &settings, self.environment.clone())?)
    }

    fn named(&self, mut settings: Settings) -> Settings {
        if let Some(url) = &self.global.database_url {
            settings.database.url = Some(url.clone().into());
        }
        settings
    }

    async fn open_with(&self, settings: Settings) -> anyhow::Result<Local> {
        let settings = self.named(settings);
        let options = Options::new(&self.global.repo, settings, self.environment.clone());
        Ok(Local::open(options).await?)
    }

    /// The name under which this person cancels and decides.
    pub(crate) fn user(&self) -> String {
        self.environment.user().unwrap_or_else(|| "command line".to_owned())
    }

    /// Whether lines that move would get in the way.
    pub(crate) fn is_lively(&self) -> bool {
        self.environment.is_lively() && self.global.verbose == 0 && self.global.log.is_none()
    }
}

/// Writes the program's own log to standard error.
fn listen(global: &Global, settings: &Settings, environment: &Environment) -> Result<(), Misuse> {
    let by_count = match global.verbose {
        0 => None,
        1 => Some("info"),
        2 => Some("debug"),
        _ => Some("trace"),
    };
    let filter = global.log.as_deref().or(by_count).unwrap_or(&settings.log.filter);
    let filter = EnvFilter::try_new(filter).map_err(|_| {
        Misuse::new(MisuseKind::BadValue, format!("`{filter}` does not choose log messages; try `debug`"))
    })?;
    let colours = environment.wants_color().unwrap_or_else(|| std::io::stderr().is_terminal());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
    Ok(())
}
