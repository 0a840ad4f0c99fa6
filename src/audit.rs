//! The audit log: who did what to whom. Each entry's hash is over the entry and the hash before it, with a key
//! of the installation: whoever changes, takes out or adds an entry without the key breaks the chain.
//!
//! An entry names a user by a keyed digest, so that the log stays whole when the user is erased. It never has
//! what somebody measured, and no secrets.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::model::UserId;
use crate::vault::Vault;

/// What an erasure is called.
pub const ERASED: &str = "user.erased";

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Actor {
    /// Whoever has the API key of this id.
    Key(String),
    /// The administrator of this name, signed in to the pages.
    Administrator(String),
    /// A user, on the connect page or coming back from a partner.
    User,
    /// Whoever may run the program on the server.
    CommandLine,
    /// Nobody who is known: a sign-in that failed.
    Unknown,
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(formatter, "key {id}"),
            Self::Administrator(name) => write!(formatter, "administrator {name}"),
            Self::User => formatter.write_str("the user"),
            Self::CommandLine => formatter.write_str("the command line"),
            Self::Unknown => formatter.write_str("somebody unknown"),
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, and nothing was done.
    Refused,
    /// It failed; a part of it may be done.
    Failed,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Act {
    /// By whom.
    pub actor: Actor,
    /// What: `key.created`.
    pub action: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// The user it was done to, if it was one.
    pub subject: Option<UserId>,
    /// What else it was done to: a partner, a key, an endpoint.
    pub about: Option<String>,
}

/// What an entry's hash is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number; the first has 1, and none is left out.
    pub seq: i64,
    /// When it was done, in microseconds since 1970.
    pub at: i64,
    /// By whom.
    pub actor: Actor,
    /// What.
    pub action: String,
    /// What came of it.
    pub outcome: Outcome,
    /// A keyed digest of the user's id, in base64url.
    pub subject: Option<String>,
    /// What else it was done to.
    pub about: Option<String>,
}

/// A hash or digest as text: base64url, which nobody takes for a token of hexadecimal digits.
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The keys of the log.
#[derive(Debug)]
pub struct Chain {
    hashes: SecretString,
    subjects: SecretString,
}

impl Chain {
    /// The keys that this vault gives; new data keys and master keys change nothing of them.
    pub fn new(vault: &Vault) -> Self {
        Self { hashes: vault.derive("audit/chain"), subjects: vault.derive("audit/subject") }
    }

    /// What stands for a user.
    pub fn subject(&self, user: &UserId) -> Vec<u8> {
        digest(&self.subjects, &[user.as_str().as_bytes()])
    }

    /// The hash of an entry, as it is stored, after the one with this hash; the first follows an empty one.
    pub fn hash(&self, before: &[u8], entry: &str) -> Vec<u8> {
        digest(&self.hashes, &[before, entry.as_bytes()])
    }
}

impl Entry {
    /// The entry of this number for what was done.
    pub fn new(act: Act, seq: i64, at: i64, subject: Option<&[u8]>) -> Self {
        let Act { actor, action, outcome, about, .. } = act;
        let (action, subject) = (action.to_owned(), subject.map(encoded));
        Self { seq, at, actor, action, outcome, subject, about }
    }

    /// When it was done.
    pub fn time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.at).unwrap_or_default()
    }
}

fn digest(key: &SecretString, parts: &[&[u8]]) -> Vec<u8> {
    // A key may have any length, so this never fails; an empty digest would not verify.
    let Ok(mut digest) = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()) else {
        return Vec::new();
    };
    for part in parts {
        // With its length: no two lists of parts are the same bytes.
        digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into_bytes().to_vec()
}
