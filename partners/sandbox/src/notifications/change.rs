//! What happened to an account's data: what a notification is made from.

use serde_json::Value;

/// An item at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// When it happened, in the partner's time base.
    pub(crate) time: i64,
    pub(crate) value: Value,
}

/// One item that was stored, edited or removed.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) id: i64,
    /// Nothing when it is new.
    pub(crate) before: Option<Version>,
    /// Nothing when it was removed.
    pub(crate) after: Option<Version>,
}

impl Change {
    /// Both versions, as far as there are any.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.before.iter().chain(&self.after)
    }
}
