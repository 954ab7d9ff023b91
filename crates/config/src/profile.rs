//! Which of three kinds of place the program runs in.

use std::fmt;

use crate::{Environment, Error, ErrorKind};

/// The variable that chooses.
pub(crate) const VARIABLE: &str = "CODEFLOW_PROFILE";

/// The kind of place that the program runs in. `[profiles.prod]` in the file changes settings for it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Somebody's own machine.
    #[default]
    Dev,
    /// Like production, before production.
    Staging,
    /// Where it counts. The file holds no secrets.
    Prod,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dev, Self::Staging, Self::Prod];

    /// Its name in the environment and in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }

    /// The profile of that name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    pub(crate) fn chosen(environment: &Environment) -> Result<Self, Error> {
        let Some(name) = environment.find(VARIABLE) else { return Ok(Self::default()) };
        name.to_str().and_then(Self::find).ok_or_else(|| {
            let context =
                format!("environment variable `{VARIABLE}` is none of the profiles `dev`, `staging`, `prod`");
            Error::new(ErrorKind::InvalidValue, context)
        })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
