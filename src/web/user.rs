//! The host app's id of a user, as a path parameter.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// 1 to 128 characters of `A–Z a–z 0–9 . _ : @ -`.
#[derive(Clone, Debug)]
pub(super) struct UserId(pub(super) String);

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte);
        if (1..=128).contains(&id.len()) && id.bytes().all(allowed) {
            return Ok(Self(id));
        }
        Err(de::Error::custom("a user id has 1 to 128 characters of A-Z a-z 0-9 . _ : @ -"))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// For calls without query parameters; any that is sent is refused by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}
