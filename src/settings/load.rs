//! Reads the layers into the settings. Each value is read on its own, so that all mistakes are
//! found at once and each names where it was made.

use std::path::PathBuf;

use toml::Value;

use super::layers::{self, Given};
use super::mistake::{Mistake, Mistakes, Origin};
use super::words::in_our_words;
use super::{Settings, known};

/// What was read: the settings with the defaults in place of what is wrong, and what that is.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is wrong with what was given.
    pub mistakes: Vec<Mistake>,
}

impl Settings {
    /// Reads the files in order, then the environment.
    ///
    /// # Errors
    /// All that is wrong: a file that cannot be read, an unknown key, a value that does not fit.
    pub fn load(files: &[PathBuf]) -> Result<Self, Mistakes> {
        Self::read(files).checked()
    }

    /// As [`Settings::load`], with the environment passed in.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_layers(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Mistakes> {
        Self::read_layers(files, environment).checked()
    }

    /// As [`Settings::load`], with what can be used beside what is wrong.
    pub fn read(files: &[PathBuf]) -> Loaded {
        // Variables that are not Unicode are none of ours, or their values are shown as broken.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self::read_layers(files, environment)
    }

    /// As [`Settings::read`], from the text of one file.
    #[cfg(feature = "fuzzing")]
    pub fn read_text(text: &str) -> Loaded {
        let mut reading = Reading::default();
        match layers::of_text(std::path::Path::new("text"), text) {
            Ok(given) => given.into_iter().for_each(|given| reading.take(given)),
            Err(mistake) => reading.mistakes.push(mistake),
        }
        reading.end()
    }

    fn read_layers(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Loaded {
        let mut reading = Reading::default();
        for path in files {
            match layers::of_file(path) {
                Ok(given) => given.into_iter().for_each(|given| reading.take(given)),
                Err(mistake) => reading.mistakes.push(mistake),
            }
        }
        let (given, mistakes) = layers::of_environment(environment);
        given.into_iter().for_each(|given| reading.take(given));
        reading.mistakes.extend(mistakes);
        reading.end()
    }
}

impl Loaded {
    fn checked(self) -> Result<Settings, Mistakes> {
        if self.mistakes.is_empty() { Ok(self.settings) } else { Err(Mistakes(self.mistakes)) }
    }
}

#[derive(Default)]
struct Reading {
    good: toml::Table,
    origins: std::collections::BTreeMap<String, Origin>,
    mistakes: Vec<Mistake>,
}

/// What is wrong with one value.
enum Wrong {
    Unknown(String),
    Value { at: String, error: String },
}

impl Reading {
    /// Takes a value if it can be used as that setting.
    fn take(&mut self, given: Given) {
        let Given { path, values, origin } = given;
        let mut wrong = None;
        for value in values {
            match try_alone(&path, &value) {
                Ok(()) => {
                    self.origins.insert(path.join("."), origin);
                    insert(&mut self.good, &path, value);
                    return;
                }
                Err(error) => wrong = Some((error, value)),
            }
        }
        let Some((wrong, value)) = wrong else { return };
        let (key, text) = match wrong {
            Wrong::Unknown(key) => {
                let is_section = key.split('.').count() < path.len() || value.is_table();
                (key.clone(), known::unknown(&key, is_section))
            }
            Wrong::Value { at, error } => (at.clone(), in_our_words(&at, &value, &error)),
        };
        // Each key of an unknown section is unknown; once is enough.
        if !self.mistakes.iter().any(|mistake| mistake.key == key && mistake.text == text) {
            self.mistakes.push(Mistake::new(key, text, Some(origin)));
        }
    }

    fn end(self) -> Loaded {
        let Self { good, origins, mut mistakes } = self;
        let read = Value::Table(good).try_into::<Settings>();
        let settings = read.unwrap_or_else(|error| {
            // Each value fits alone, so this says that two do not fit together.
            mistakes.push(Mistake::new("", error.message().to_owned(), None));
            Settings::default()
        });
        Loaded { settings: Settings { origins, ..settings }, mistakes }
    }
}

/// Whether the settings could be read if this were all that is set.
fn try_alone(path: &[String], value: &Value) -> Result<(), Wrong> {
    let mut table = toml::Table::new();
    insert(&mut table, path, value.clone());
    let mut unknown = None;
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let ignored = serde_ignored::Deserializer::new(Value::Table(table), &mut note);
    let read: Result<Settings, _> = serde_path_to_error::deserialize(ignored);
    match (read, unknown) {
        (Err(error), _) => {
            let at = error.path().to_string();
            let at = if at == "." { path.join(".") } else { at };
            Err(Wrong::Value { at, error: error.into_inner().message().to_owned() })
        }
        (Ok(_), Some(key)) => Err(Wrong::Unknown(key)),
        (Ok(_), None) => Ok(()),
    }
}

pub(super) fn insert(table: &mut toml::Table, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        table.insert(name.clone(), value);
        return;
    }
    let inner = table.entry(name.clone()).or_insert_with(|| Value::Table(toml::Table::new()));
    if let Value::Table(inner) = inner {
        insert(inner, rest, value);
    }
}

#[cfg(test)]
mod tests;
