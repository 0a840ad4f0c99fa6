//! What a sync needs from outside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{AccessToken, Cursor, Kind, Observed, PartnerError, Session};

use crate::model::{Connection, ConnectionId, Properties};

/// The tokens of a connection.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: AccessToken,
    /// The refresh token, where the partner has such.
    pub refresh: Option<SecretString>,
    /// When the access token expires, where the partner says.
    pub access_expires_at: Option<DateTime<Utc>>,
    /// The scopes granted, where the partner says.
    pub scopes: Option<String>,
}

/// Everything a sync starts from.
#[derive(Clone, Debug)]
pub struct Job {
    /// The connection.
    pub connection: Connection,
    /// Its tokens.
    pub tokens: Tokens,
    /// Its settings.
    pub properties: Properties,
    /// Where each feed's last sync ended.
    pub cursors: BTreeMap<String, Cursor>,
}

/// One page, checked, to be stored in one transaction with its cursor.
#[derive(Debug)]
pub struct PageToSave {
    /// The connection it was polled for.
    pub connection: ConnectionId,
    /// Its user.
    pub user_id: String,
    /// Its partner.
    pub partner: &'static str,
    /// The feed it is of.
    pub feed: &'static str,
    /// The records that passed the checks; each source id once.
    pub records: Vec<Observed>,
    /// Source ids that are there too but are not stored: refused, or of a kind switched off.
    pub present: Vec<String>,
    /// Groups all of whose records stand in this page: others of them are gone.
    pub complete_groups: Vec<String>,
    /// Source ids or groups that are gone.
    pub deleted: Vec<String>,
    /// Where the next sync starts, once this page is stored.
    pub cursor: Option<Cursor>,
    /// The time of the sync.
    pub now: DateTime<Utc>,
}

/// What storing a page changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Records that were not there.
    pub created: u32,
    /// Records whose content differs.
    pub updated: u32,
    /// Records that were there just so.
    pub unchanged: u32,
    /// Records that are gone.
    pub deleted: u32,
}

/// Why the ledger did not keep something.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct LedgerError(pub String);

/// Keeps what a sync brings. Each call returns after what it was given cannot be lost any more.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Keeps a page and its cursor.
    async fn save_page(&self, page: PageToSave) -> Result<Saved, LedgerError>;

    /// Keeps new tokens, before they are used.
    async fn save_tokens(
        &self,
        connection: ConnectionId,
        tokens: Tokens,
    ) -> Result<(), LedgerError>;

    /// Switches polling of these kinds off, with the reason for the user to see.
    async fn switch_off(
        &self,
        connection: ConnectionId,
        kinds: Vec<Kind>,
        reason: String,
    ) -> Result<(), LedgerError>;
}

/// Gets new tokens for a refresh token.
#[async_trait]
pub trait Refresher: Send + Sync {
    /// New tokens; [`PartnerError::Unauthorized`] when the refresh token is not accepted any more.
    /// Where the partner gives no new refresh token, the old one is in the result.
    async fn refresh(
        &self,
        session: &Session,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Tokens, PartnerError>;
}
