//! Why a control operation failed.

use std::fmt;

/// What was wrong with an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// Something that was named does not exist.
    NotFound(String),
    /// The request makes no sense.
    Invalid(String),
}

impl ControlError {
    pub(crate) fn unknown(what: &str, name: &str) -> Self {
        Self::NotFound(format!("there is no {what} “{name}”"))
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(text) | Self::Invalid(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for ControlError {}
