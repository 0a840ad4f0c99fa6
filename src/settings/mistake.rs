//! What is wrong with a setting, and where it was set.

use std::fmt;
use std::path::PathBuf;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A settings file.
    File {
        /// The file, as given by the user.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(formatter, "{}, line {line}", path.display()),
            Self::Variable(name) => write!(formatter, "the variable {name}"),
        }
    }
}

/// One mistake in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The setting (`server.listen`); empty if it concerns a whole file.
    pub key: String,
    /// What is wrong and what mends it, with the key.
    pub text: String,
    /// Where it was set, unless it is missing.
    pub origin: Option<Origin>,
}

impl Mistake {
    pub(super) fn new(key: impl Into<String>, text: String, origin: Option<Origin>) -> Self {
        Self { key: key.into(), text, origin }
    }

    /// The section it belongs to: `server` of `server.listen`.
    pub fn section(&self) -> &str {
        match self.key.split('.').next().unwrap_or_default() {
            "installed_partners" => "partners",
            section => section,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(formatter, "{origin}: {}", self.text),
            None => formatter.write_str(&self.text),
        }
    }
}

/// All mistakes, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            write!(formatter, "{}{mistake}", if number > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
