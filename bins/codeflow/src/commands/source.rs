//! Workflow documents: from a file, from standard input, or one that comes with CodeFlow.

use std::io::Read;

use codeflow::BuiltIn;
use codeflow::core::Problems;
use codeflow::core::workflow::{Workflow, decode};

use crate::cli::Format;
use crate::failure::{Misuse, MisuseKind};
use crate::{Exit, show, terminal};

/// A document that was found, whatever it says.
pub(crate) struct Source {
    /// What it is called in messages.
    pub(crate) name: String,
    bytes: Vec<u8>,
}

impl Source {
    /// Finds a document: `-` is standard input; a file wins over a built-in workflow of that name.
    pub(crate) fn find(name: &str) -> Result<Self, Misuse> {
        let unreadable = |source| {
            Misuse::new(MisuseKind::UnreadableFile, format!("could not read `{name}`")).with_source(source)
        };
        if name == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
            return Ok(Self { name: "standard input".to_owned(), bytes });
        }
        match std::fs::read(name) {
            Ok(bytes) => Ok(Self { name: name.to_owned(), bytes }),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => match BuiltIn::find(name) {
                Some(found) => Ok(Self { name: name.to_owned(), bytes: found.document.into() }),
                None => {
                    let text = format!("there is no file `{name}` and no built-in workflow of that name");
                    Err(Misuse::new(MisuseKind::UnknownWorkflow, text))
                }
            },
            Err(source) => Err(unreadable(source)),
        }
    }

    /// Reads it; the text comes with the workflow.
    pub(crate) fn parse(&self) -> Result<(Workflow, &str), Problems> {
        let text = decode(&self.bytes)?;
        Ok((codeflow::check(text)?, text))
    }

    /// Says that nothing can be done with it, and why.
    pub(crate) fn refuse(&self, problems: Problems, format: Format) -> anyhow::Result<Exit> {
        let error = codeflow::Error::from(problems);
        match (format, error.problems()) {
            (Format::Text, Some(problems)) => {
                terminal::tell(&self.render(problems));
                terminal::tell(&format!("{}: {error}", self.name));
                Ok(Exit::WrongUse)
            }
            (Format::Json | Format::Text, _) => Err(error.into()),
        }
    }

    /// Shows what is wrong with it.
    pub(crate) fn render(&self, problems: &Problems) -> String {
        show::problems::render(&self.name, &String::from_utf8_lossy(&self.bytes), problems)
    }
}
