//! What a sync needs from outside.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{
    AccessToken, Cursor, Kind, PartnerError, RecordData, RemoteRecord, RemoteRef, Session,
    TimeRange,
};
use serde::Serialize;

use super::items::{Fingerprint, ItemState, PushEnd};
use crate::model::{Connection, ConnectionId, Direction, ItemId, Properties, RecordId, UserId};

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
    /// When each feed was last read to its end.
    pub read_at: BTreeMap<String, DateTime<Utc>>,
}

/// One page, checked, to be stored in one transaction with its cursor.
#[derive(Debug)]
pub struct PageToSave {
    /// The connection it was polled for.
    pub connection: ConnectionId,
    /// Its user.
    pub user_id: UserId,
    /// Its partner.
    pub partner: &'static str,
    /// The feed it is of.
    pub feed: &'static str,
    /// The records that passed the checks; each source id once.
    pub records: Vec<RemoteRecord>,
    /// Records that did not pass, with the reason: kept only where they are what the partner shows of
    /// a record that was pushed to it, and may lack what it does not keep.
    pub doubtful: Vec<(RemoteRecord, String)>,
    /// Source ids that are there too but are not stored: refused, or of a kind switched off.
    pub present: Vec<String>,
    /// Groups all of whose records stand in this page: others of them are gone.
    pub complete_groups: Vec<String>,
    /// Source ids or groups that are gone.
    pub deleted: Vec<String>,
    /// A stretch of which this sync saw everything, with all source ids it saw.
    pub complete_range: Option<(TimeRange, HashSet<String>)>,
    /// The kinds this sync reads of the feed.
    pub kinds: Vec<Kind>,
    /// Those of which the partner keeps the day and not the time.
    pub day_only: Vec<Kind>,
    /// When the feed was last seen: a change that the partner does not date is not older.
    pub last_seen: DateTime<Utc>,
    /// Where the next sync starts, once this page is stored.
    pub cursor: Option<Cursor>,
    /// The time of the sync.
    pub now: DateTime<Utc>,
}

impl PageToSave {
    /// Whether there is nothing to store of it but its cursor.
    pub(super) fn brings_nothing(&self) -> bool {
        let told = [&self.complete_groups, &self.deleted];
        self.records.is_empty()
            && self.doubtful.is_empty()
            && told.iter().all(|ids| ids.is_empty())
            && self.complete_range.is_none()
    }
}

/// Of two changes of one record the one that lost, kept in the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// The record.
    pub record_id: RecordId,
    /// Whose change won: `here` or `partner`.
    pub won: &'static str,
    /// What the other side had made of the record; null where it had deleted it.
    pub lost: serde_json::Value,
}

/// A connection for which something now waits to be pushed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Enqueued {
    /// The partner.
    pub partner: String,
    /// The connection.
    pub connection: ConnectionId,
}

/// What storing a page changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// Records that were not there.
    pub created: u32,
    /// Records whose content differs.
    pub updated: u32,
    /// Records that were there just so.
    pub unchanged: u32,
    /// Records that are gone.
    pub deleted: u32,
    /// Doubtful records that were not kept, with the reason.
    pub refused: Vec<(String, String)>,
    /// Changes that lost against later ones.
    pub conflicts: Vec<Conflict>,
    /// Connections to other partners that have something to push because of it.
    pub enqueued: Vec<Enqueued>,
}

/// An item that waits to be pushed, or whose push was begun and did not end.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The item.
    pub item: ItemId,
    /// What waits.
    pub state: ItemState,
    /// What the partner has of it.
    pub remote_ref: Option<RemoteRef>,
    /// The record as it is.
    pub record: RecordData,
    /// Whether the record is deleted.
    pub deleted: bool,
    /// What was sent, of a creation that was begun.
    pub sent: Option<RecordData>,
    /// Pushes of it that failed in a row.
    pub attempts: u32,
}

/// What came of the push of one item.
#[derive(Clone, Debug)]
pub struct PushEnded {
    /// The item.
    pub item: ItemId,
    /// The fingerprint of what was sent.
    pub sent: Fingerprint,
    /// How it ended.
    pub end: PushEnd,
    /// What the partner has now.
    pub there: Option<RemoteRecord>,
    /// Why it did not work, for people.
    pub reason: Option<String>,
    /// Whether it counts as an attempt that failed.
    pub is_attempt: bool,
    /// When it is tried again, if it is.
    pub again_at: DateTime<Utc>,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why the ledger did not keep something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database cannot be reached; it may be again soon.
    #[error("{0}")]
    Unavailable(String),
    /// The database did not take it.
    #[error("{0}")]
    Failed(String),
}

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

    /// Switches polling or pushing of these kinds off, with the reason for the user to see.
    async fn switch_off(
        &self,
        connection: ConnectionId,
        direction: Direction,
        kinds: Vec<Kind>,
        reason: String,
    ) -> Result<(), LedgerError>;

    /// Items of these kinds whose time to be pushed has come, at most `limit`: first those whose
    /// push was begun and did not end, then in the order of their changes.
    async fn waiting(
        &self,
        connection: ConnectionId,
        kinds: Vec<Kind>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Waiting>, LedgerError>;

    /// Writes ahead that these items, as the records are now, are being pushed. Those whose record
    /// changed meanwhile are left out; the others are returned.
    async fn begin_push(
        &self,
        items: Vec<(ItemId, Fingerprint)>,
    ) -> Result<Vec<ItemId>, LedgerError>;

    /// Keeps what came of a push.
    async fn end_push(&self, ended: PushEnded) -> Result<(), LedgerError>;

    /// Which of these source ids belong to a record already.
    async fn linked(
        &self,
        connection: ConnectionId,
        source_ids: Vec<String>,
    ) -> Result<HashSet<String>, LedgerError>;
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
