//! The layers of settings as values with their origins: files and environment variables.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;
use toml::de::{DeTable, DeValue};

use super::known;
use super::mistake::{Mistake, Origin};

/// The prefix of environment variables that are settings.
pub(super) const PREFIX: &str = "SYNCWELL__";

/// A value as it was set.
pub(super) struct Given {
    /// The names from the outermost section to the key.
    pub(super) path: Vec<String>,
    /// What it may be, the first that fits: a variable's text may be a number.
    pub(super) values: Vec<Value>,
    pub(super) origin: Origin,
}

fn cannot_read(path: &Path, reason: &str) -> Mistake {
    let text = format!("cannot read the settings file {}: {reason}", path.display());
    Mistake::new("", text, None)
}

/// The values of a file.
pub(super) fn of_file(path: &Path) -> Result<Vec<Given>, Mistake> {
    let text = std::fs::read_to_string(path);
    of_text(path, &text.map_err(|error| cannot_read(path, &error.to_string()))?)
}

/// The values in the text of a file.
pub(super) fn of_text(path: &Path, text: &str) -> Result<Vec<Given>, Mistake> {
    let table = text.parse::<toml::Table>();
    let table = table.map_err(|error| cannot_read(path, &in_words(text, &error)))?;
    let lines = Lines::of(text);
    let mut found = Vec::new();
    collect(&mut Vec::new(), table, &mut |names, value| {
        let line = lines.line(names);
        let origin = Origin::File { path: path.to_owned(), line };
        found.push(Given { path: names.to_vec(), values: vec![value], origin });
    });
    Ok(found)
}

/// The values of the environment, and variables that look like settings and are none.
pub(super) fn of_environment(
    environment: impl IntoIterator<Item = (String, String)>,
) -> (Vec<Given>, Vec<Mistake>) {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for (name, text) in environment {
        let origin = Origin::Variable(name.clone());
        if let Some(meant) = known::meant_variable(&name) {
            let text = format!("{name} is no setting; it is written {meant}");
            mistakes.push(Mistake::new("", text, None));
            continue;
        }
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let path: Vec<String> = rest.to_ascii_lowercase().split("__").map(str::to_owned).collect();
        let line = format!("value = {text}");
        // A line break does not begin another setting.
        let whole = |mut table: toml::Table| table.remove("value").filter(|_| table.is_empty());
        let as_toml = line.parse::<toml::Table>().map(whole);
        let values = match as_toml {
            // A list, of tables for instance, is written as in a file.
            Ok(Some(list @ Value::Array(_))) => vec![list],
            Err(error) if text.trim_start().starts_with('[') => {
                let key = path.join(".");
                let text = format!("{key}: the list cannot be read: {}", error.message());
                mistakes.push(Mistake::new(key, text, Some(origin)));
                continue;
            }
            Ok(Some(other)) if !other.is_str() => vec![Value::String(text), other],
            _ => vec![Value::String(text)],
        };
        found.push(Given { path, values, origin });
    }
    (found, mistakes)
}

/// Calls `each` with every value that is no section, and with sections that are empty.
fn collect(path: &mut Vec<String>, table: toml::Table, each: &mut impl FnMut(&[String], Value)) {
    for (name, value) in table {
        path.push(name);
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(path, inner, each),
            value => each(path, value),
        }
        path.pop();
    }
}

/// Describes a TOML error and its line, without the text itself: the line may hold a secret.
fn in_words(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| line_at(text, span.start));
    format!("line {line}: {}", error.message())
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The line of each key of a file.
struct Lines(BTreeMap<Vec<String>, usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let mut lines = BTreeMap::new();
        if let Ok(table) = DeTable::parse(text) {
            Self::add(text, &mut Vec::new(), table.get_ref(), &mut lines);
        }
        Self(lines)
    }

    fn add(
        text: &str,
        path: &mut Vec<String>,
        table: &DeTable<'_>,
        lines: &mut BTreeMap<Vec<String>, usize>,
    ) {
        for (name, value) in table {
            path.push(name.get_ref().to_string());
            lines.insert(path.clone(), line_at(text, name.span().start));
            if let DeValue::Table(inner) = value.get_ref() {
                Self::add(text, path, inner, lines);
            }
            path.pop();
        }
    }

    fn line(&self, path: &[String]) -> usize {
        self.0.get(path).copied().unwrap_or(1)
    }
}
