//! Workflow documents: from a file, from standard input, or one that comes with CodeFlow.

use std::fs::File;
use std::io::{self, Read};

use codeflow::BuiltIn;
use codeflow::core::Problems;
use codeflow::core::workflow::{Workflow, decode};

use crate::cli::Format;
use crate::failure::{Misuse, MisuseKind};
use crate::{Exit, show, terminal};

/// How much is read of what may never end, such as a device or a pipe: far more than any document may have,
/// so that an error names the true size of an ordinary file.
const READ_BYTES: u64 = 16 * 1024 * 1024;

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
            let bytes = read(io::stdin().lock()).map_err(unreadable)?;
            return Ok(Self { name: "standard input".to_owned(), bytes });
        }
        match File::open(name).and_then(read) {
            Ok(bytes) => Ok(Self { name: name.to_owned(), bytes }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => match BuiltIn::find(name) {
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

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
