//! Where settings come from, in which order, and whom to blame for a bad one.

use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use crate::checks::{Checks, Invalid};
use crate::error::Problem;
use crate::file::{File, Lines};
use crate::raw::RawSettings;
use crate::variables::{self, Variable};
use crate::{Environment, Error, ErrorKind, Profile};

const USUAL_FILE: &str = "codeflow.toml";
const PROFILES: &str = "profiles";

/// All that was said, for every profile.
pub(crate) struct Sources {
    file: Option<File>,
    profiles: Dict,
    variables: Vec<Variable>,
}

impl Sources {
    pub(crate) fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, Error> {
        let path = file.or_else(|| Some(Path::new(USUAL_FILE)).filter(|usual| usual.exists()));
        let mut file = path.map(File::read).transpose()?;
        let profiles = file.as_mut().and_then(|file| file.values.remove(PROFILES));
        let mut sources = Self { file, profiles: Dict::new(), variables: variables::read(environment)? };
        let problems = match profiles {
            None => Vec::new(),
            Some(Value::Dict(_, profiles)) => {
                sources.profiles = profiles;
                sources.wrong_profiles()
            }
            Some(_) => vec![sources.no_table(PROFILES)],
        };
        if problems.is_empty() { Ok(sources) } else { Err(Error::several(problems)) }
    }

    fn wrong_profiles(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, overlay) in &self.profiles {
            let key = format!("{PROFILES}.{name}");
            if Profile::find(name).is_none() {
                let (place, known) = (self.place(&key), Profile::ALL.map(Profile::name).join("`, `"));
                let context = format!("{place} sets `{key}`, which does not exist; there are `{known}`");
                problems.push(Problem { kind: ErrorKind::UnknownKey, context });
            } else if overlay.as_dict().is_none() {
                problems.push(self.no_table(&key));
            }
        }
        problems
    }

    fn no_table(&self, key: &str) -> Problem {
        let context = format!("{} sets `{key}` to something that is not a table", self.place(key));
        Problem { kind: ErrorKind::InvalidValue, context }
    }

    /// Where the file says something about profiles.
    fn place(&self, key: &str) -> String {
        let file = self.file.as_ref();
        file.map(|file| place(&file.name, file.lines.get(key).copied())).unwrap_or_default()
    }

    /// The other profiles that the file says something about.
    pub(crate) fn profiles_beside(&self, chosen: Profile) -> impl Iterator<Item = Profile> {
        self.profiles.keys().filter_map(|name| Profile::find(name)).filter(move |other| *other != chosen)
    }

    /// What holds in one profile: the defaults, then the file, then its part for the profile, then the environment.
    pub(crate) fn under(&self, profile: Profile) -> Said {
        let mut said = Said::default();
        if let Some(file) = &self.file {
            said.add(file.name.clone(), true, file.lines.clone(), file.values.clone());
            let overlay = self.profiles.get(profile.name()).and_then(Value::as_dict);
            if let Some(overlay) = overlay {
                let prefix = format!("{PROFILES}.{profile}.");
                let lines = file
                    .lines
                    .iter()
                    .filter_map(|(key, line)| key.strip_prefix(&prefix).map(|key| (key.to_owned(), *line)));
                said.add(file.name.clone(), true, lines.collect(), overlay.clone());
            }
        }
        for variable in &self.variables {
            let lines = Lines::from([(variable.key.clone(), 0)]);
            said.add(variable.name.clone(), false, lines, variable.values());
        }
        said
    }
}

/// What holds, and who said it.
#[derive(Default)]
pub(crate) struct Said {
    values: Dict,
    layers: Vec<Layer>,
}

struct Layer {
    name: String,
    is_file: bool,
    lines: Lines,
}

impl Said {
    fn add(&mut self, name: String, is_file: bool, lines: Lines, values: Dict) {
        lay_over(&mut self.values, values);
        self.layers.push(Layer { name, is_file, lines });
    }

    /// Reads every section; all that are wrong are named.
    pub(crate) fn raw(&self) -> Result<RawSettings, Error> {
        let defaults = Figment::from(Serialized::defaults(RawSettings::default()));
        let figment = defaults.merge(Serialized::defaults(&self.values));
        let mut problems = Vec::new();
        let known: RawSettings =
            RawSettings::read(&mut Sections { said: self, figment, problems: &mut problems });
        problems.extend(self.unknown_sections());
        if problems.is_empty() { Ok(known) } else { Err(Error::several(problems)) }
    }

    fn unknown_sections(&self) -> Vec<Problem> {
        let known = RawSettings::SECTIONS;
        let unknown = self.values.keys().filter(|name| !known.contains(&name.as_str()));
        let blame = |name: &String| {
            let known = known.join("`, `");
            let context =
                format!("{} sets `{name}`, which does not exist; there are `{known}`", self.source(name));
            Problem { kind: ErrorKind::UnknownKey, context }
        };
        unknown.map(blame).collect()
    }

    /// Whether a setting stands in a file, as opposed to the environment.
    pub(crate) fn is_in_file(&self, key: &str) -> bool {
        self.find(key).is_some_and(|(layer, _)| layer.is_file)
    }

    /// Tells who set what the checks refuse.
    pub(crate) fn finish(&self, checks: Checks) -> Result<(), Error> {
        let problems: Vec<Problem> = checks.finish().iter().map(|invalid| self.blame(invalid)).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::several(problems)) }
    }

    fn blame(&self, Invalid { key, problem }: &Invalid) -> Problem {
        let context = format!("setting `{key}` {problem} (set by {})", self.source(key));
        Problem { kind: ErrorKind::InvalidValue, context }
    }

    /// Who set a setting, or what is nearest above it.
    fn source(&self, key: &str) -> String {
        match self.find(key) {
            Some((layer, line)) if layer.is_file => place(&layer.name, Some(line)),
            Some((layer, _)) => format!("environment variable `{}`", layer.name),
            None => "the default".to_owned(),
        }
    }

    /// Who said something about a setting last: about itself, or else about what is below it, or else above it.
    fn find(&self, key: &str) -> Option<(&Layer, usize)> {
        let layers = || self.layers.iter().rev();
        let itself = || layers().find_map(|layer| layer.lines.get(key).map(|line| (layer, *line)));
        let below = || {
            let says_below = |layer: &&Layer| layer.lines.keys().any(|name| is_below(name, key));
            layers().find(says_below).map(|layer| (layer, 0))
        };
        itself().or_else(below).or_else(|| self.find(key.rsplit_once('.')?.0))
    }

    fn translate(&self, error: figment::Error) -> Problem {
        let key = error.path.join(".");
        let source = self.source(&key);
        let problem = |kind, context| Problem { kind, context };
        // The error itself is not passed on: it would show the value, and that may be a password.
        match error.kind {
            Kind::UnknownField(field, known) => {
                // Whether the path leads to the key or only to its section hangs on who found it.
                let section = key.strip_suffix(field.as_str()).unwrap_or(&key).trim_end_matches('.');
                let key = if section.is_empty() { field } else { format!("{section}.{field}") };
                let (source, known) = (self.source(&key), known.join("`, `"));
                let context = format!("{source} sets `{key}`, which does not exist; there are `{known}`");
                problem(ErrorKind::UnknownKey, context)
            }
            Kind::MissingField(field) => {
                let context = format!("{source} sets `{key}` without `{field}`, which it needs");
                problem(ErrorKind::InvalidValue, context)
            }
            Kind::UnknownVariant(_, known) => {
                let context = format!("{source} sets `{key}` to none of `{}`", known.join("`, `"));
                problem(ErrorKind::InvalidValue, context)
            }
            Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                let context =
                    format!("{source} sets `{key}` to something that is not {}", readable(&expected));
                problem(ErrorKind::InvalidValue, context)
            }
            _ => {
                let context = format!("{source} sets `{key}` to something that it cannot be");
                problem(ErrorKind::InvalidValue, context)
            }
        }
    }
}

/// Reads the sections of the settings one by one.
pub(crate) struct Sections<'a> {
    said: &'a Said,
    figment: Figment,
    problems: &'a mut Vec<Problem>,
}

impl Sections<'_> {
    /// The section of that name, or an empty one when something is wrong with it.
    pub(crate) fn read<T: DeserializeOwned + Default>(&mut self, name: &'static str) -> T {
        self.figment.extract_inner_lossy(name).unwrap_or_else(|mut error: figment::Error| {
            // The path begins below the section, whose own name was put at its end.
            error.path.pop();
            error.path.insert(0, name.to_owned());
            self.problems.push(self.said.translate(error));
            T::default()
        })
    }
}

fn is_below(name: &str, key: &str) -> bool {
    name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
}

/// A line of a file, as terminals and editors find it.
fn place(name: &str, line: Option<usize>) -> String {
    match line.unwrap_or_default() {
        0 => format!("`{name}`"),
        line => format!("`{name}:{line}`"),
    }
}

/// What a type is called by people who write settings.
fn readable(expected: &str) -> &str {
    match expected {
        "usize" | "u16" | "u32" | "u64" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other if other.starts_with("struct ") || other == "a map" => "a table",
        other => other,
    }
}

/// Puts one table over another: tables meet key by key, everything else replaces what was there.
fn lay_over(below: &mut Dict, above: Dict) {
    for (key, value) in above {
        let value = match (below.remove(&key), value) {
            (Some(Value::Dict(_, mut lower)), Value::Dict(tag, upper)) if !is_reference(&upper) => {
                lay_over(&mut lower, upper);
                Value::Dict(tag, lower)
            }
            (_, value) => value,
        };
        below.insert(key, value);
    }
}

/// Whether a table says where a secret is. Two of them are alternatives, so that one replaces the other.
fn is_reference(table: &Dict) -> bool {
    !table.is_empty() && table.keys().all(|key| key == "env" || key == "file")
}
