//! Texts that callers give: how long each kind may be, and of what it consists. Checked here, so
//! that both databases take whatever passes: PostgreSQL stores no NUL.

use serde_json::Value;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::contract::MAX_BYTES;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// An id of something, or a word from a list.
    Id,
    /// What people read. Partners' texts have several lines, and what was read can be sent back.
    Name,
    /// An address for a browser.
    Address,
}

impl Text {
    /// The most bytes.
    const fn most(self) -> usize {
        match self {
            Self::Id => 512,
            Self::Name => 1_024,
            Self::Address => 2_048,
        }
    }

    /// The same as a pattern of JSON Schema: which letters it may have.
    pub(super) const fn pattern(self) -> &'static str {
        match self {
            Self::Name => r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$",
            Self::Id | Self::Address => r"^[^\x00-\x1f\x7f-\x9f]*$",
        }
    }

    /// The schema of such a text.
    pub(super) fn schema(self, about: &str) -> Object {
        ObjectBuilder::new()
            .description(Some(about))
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(self.most()))
            .pattern(Some(self.pattern()))
            .extensions(Some([(MAX_BYTES, Value::from(self.most()))].into_iter().collect()))
            .build()
    }

    /// Checks a text that was given as `field`.
    ///
    /// # Errors
    /// What is wrong with it, with the field and without the text.
    pub(super) fn check(self, field: &str, text: &str) -> Result<(), String> {
        if text.len() > self.most() {
            return Err(format!("{field} has {} bytes; send at most {}", text.len(), self.most()));
        }
        let is_line = |letter| self == Self::Name && matches!(letter, '\t' | '\n' | '\r');
        match text.chars().find(|letter| letter.is_control() && !is_line(*letter)) {
            Some(letter) => {
                let code = u32::from(letter);
                Err(format!("{field} has the control character U+{code:04X}; leave it out"))
            }
            None => Ok(()),
        }
    }
}
