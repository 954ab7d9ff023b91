//! What a fuzzer begins with: the recorded exchanges of the providers' tests, which are not copied, and the corpus.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{Target, framing};

/// Every target and the folders of recorded exchanges that it begins with.
const FOLDERS: [(&str, &[&str]); 10] = [
    ("sse", &["openai", "anthropic"]),
    ("raw_frames", &["openai", "anthropic"]),
    ("ndjson", &["ollama"]),
    ("event_stream", &["bedrock"]),
    ("openai", &["openai"]),
    ("anthropic", &["anthropic"]),
    ("gemini", &["gemini"]),
    ("bedrock", &["bedrock"]),
    ("ollama", &["ollama"]),
    ("cohere", &["cohere"]),
];

impl Target {
    /// The recorded exchanges in its format; none where clients and not providers write.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn recorded(&self) -> Result<Vec<Vec<u8>>> {
        let folders = FOLDERS.iter().find(|(name, _)| *name == self.name()).map_or(&[][..], |(_, it)| *it);
        let mut seeds = Vec::new();
        for folder in folders {
            for seed in files(&root().join("crates/providers/tests/fixtures").join(folder))? {
                if *folder == "bedrock" {
                    seeds.push(framing::binary(&framing::frames_of(&seed)));
                }
                seeds.push(seed);
            }
        }
        Ok(seeds)
    }

    /// The committed inputs that were worth keeping.
    ///
    /// # Errors
    ///
    /// When there are none, or they cannot be read.
    pub fn corpus(&self) -> Result<Vec<Vec<u8>>> {
        files(&root().join("fuzz/corpus").join(self.name()))
    }
}

/// Writes the recorded exchanges of each target into a folder of its name.
///
/// # Errors
///
/// When they cannot be read or written.
pub fn write_seeds(into: &Path) -> Result<()> {
    for target in Target::ALL {
        let folder = into.join(target.name());
        fs::create_dir_all(&folder)?;
        for (number, seed) in target.recorded()?.into_iter().enumerate() {
            fs::write(folder.join(format!("recorded-{number}")), seed)?;
        }
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let listing = fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut paths = listing.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| fs::read(path).with_context(|| path.display().to_string())).collect()
}
