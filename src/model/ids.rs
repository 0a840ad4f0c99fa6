//! Ids as types of their own, so that one cannot be passed where another belongs.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// A number that the store assigns.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number_id! {
    /// The id of a connection in the store.
    ConnectionId
}

number_id! {
    /// The id of a sync item in the store.
    ItemId
}

/// The host app's own id of a user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserId(String);

impl UserId {
    /// Checks an id: any text of 1 to 256 bytes without control characters, except `.` and `..`,
    /// which clients and proxies remove from addresses. The replacement character U+FFFD is refused,
    /// too: it stands for bytes that are not UTF-8, so different ids would become the same.
    ///
    /// # Errors
    /// What an id may consist of.
    pub fn parse(id: impl Into<String>) -> Result<Self, &'static str> {
        let id = id.into();
        if !(1..=256).contains(&id.len()) {
            return Err("a user id has 1 to 256 bytes");
        }
        if id == "." || id == ".." {
            return Err("a user id is not `.` or `..`, which addresses cannot hold");
        }
        if id.chars().any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER) {
            return Err("a user id is text in UTF-8 without control characters");
        }
        Ok(Self(id))
    }

    /// The id as a part of an address, percent-encoded (RFC 3986 §2.1).
    pub fn in_address(&self) -> String {
        in_address(&self.0)
    }

    /// An id that was checked when it was stored.
    pub fn stored(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text as a part of an address, percent-encoded (RFC 3986 §2.1).
pub fn in_address(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The id of a record, a UUIDv7. A text that is not a UUIDv7 is the id of no record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl RecordId {
    /// A new id, later than all before it.
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// Whether it is written as ids are: a UUID in lower case with hyphens. Any other text is the id
    /// of no record, and may be one that a database cannot even look for.
    pub fn is_possible(&self) -> bool {
        uuid::Uuid::try_parse(&self.0).is_ok_and(|uuid| uuid.to_string() == self.0)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_any_text_that_an_address_can_hold() {
        let longest = "x".repeat(256);
        for id in [
            "ann",
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "ann+test@example.com",
            "https://id.example.com/users/7?x=1#a",
            "a b%2Fc",
            "Ж 日本 🏃",
            "...",
            &longest,
        ] {
            assert_eq!(UserId::parse(id).map(|id| id.as_str().to_owned()), Ok(id.to_owned()));
        }
        let too_long = "é".repeat(129);
        for id in ["", ".", "..", "a\nb", "a\0", "\u{7f}", "\u{85}", "a\u{fffd}", &too_long] {
            assert!(UserId::parse(id).is_err(), "{id:?}");
        }
    }

    #[test]
    fn an_id_in_an_address_is_percent_encoded() {
        for (id, encoded) in
            [("ann@x", "ann@x"), ("auth0|1/2", "auth0%7C1%2F2"), ("a b+ö%", "a%20b%2B%C3%B6%25")]
        {
            assert_eq!(UserId::stored(id).in_address(), encoded);
        }
    }
}
