//! The ports of a sync: what it needs from outside.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::SecretString;
use partner_sdk::{
    AccessToken, Cursor, Kind, PartnerError, RecordData, RemoteRecord, RemoteRef, Session,
    TimeRange,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::items::{Fingerprint, ItemState, PushEnd};
use crate::model::{
    Cause, Connection, ConnectionId, Direction, ItemId, Properties, RecordId, UserId,
};

/// The tokens of a connection.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: AccessToken,
    /// The refresh token, if the partner issues one.
    pub refresh: Option<SecretString>,
    /// When the access token expires, if the partner reports it.
    pub access_expires_at: Option<DateTime<Utc>>,
    /// The granted scopes, if the partner reports them.
    pub scopes: Option<String>,
}

/// Everything a sync starts from.
#[derive(Clone, Debug)]
pub struct Job {
    /// The connection.
    pub connection: Connection,
    /// Its tokens.
    pub tokens: Tokens,
    /// When they came, if they could not be stored yet: that is done first.
    pub unsaved_since: Option<DateTime<Utc>>,
    /// Its settings.
    pub properties: Properties,
    /// Where each feed's last sync ended.
    pub cursors: BTreeMap<String, Cursor>,
    /// When each feed was last read to its end.
    pub read_at: BTreeMap<String, DateTime<Utc>>,
    /// Where feeds go on that a limit stopped.
    pub resume_points: BTreeMap<String, ResumePoint>,
    /// When each feed last had a wide look: see [`partner_sdk::Feed::wide`].
    pub wide_look_at: BTreeMap<String, DateTime<Utc>>,
    /// What notifications brought for each feed, oldest first.
    pub delivered: BTreeMap<String, Vec<DeliveredItem>>,
}

/// An item that came with a notification.
#[derive(Clone, Debug)]
pub struct DeliveredItem {
    /// Its id in the store.
    pub id: i64,
    /// It, in the partner's form.
    pub payload: SecretString,
}

/// Where reading a feed goes on that was stopped between two pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePoint {
    /// The next page; `None` for the first.
    pub page: Option<String>,
    /// Whether it is a first read of the feed …
    pub is_first: bool,
    /// … or a wide look.
    pub is_wide: bool,
    /// The earliest event that is requested.
    pub backfill_from: DateTime<Utc>,
    /// When the reading began.
    pub began: DateTime<Utc>,
    /// When it was stopped: partners do not keep the state of a list for long.
    pub stopped: DateTime<Utc>,
    /// Whether the feed is read from its beginning all the same, in this sync.
    #[serde(skip)]
    pub is_void: bool,
}

impl ResumePoint {
    /// The same reading, stopped before this page.
    pub(super) fn at(self, page: Option<String>, stopped: DateTime<Utc>) -> Self {
        Self { page, stopped, ..self }
    }
}

/// One checked page, to store in one transaction with its cursor.
#[derive(Debug)]
pub struct PageToSave {
    /// The connection it was polled for.
    pub connection: ConnectionId,
    /// Its user.
    pub user_id: UserId,
    /// Its partner.
    pub partner: &'static str,
    /// Its feed.
    pub feed: &'static str,
    /// The records that passed the checks; each source id once.
    pub records: Vec<RemoteRecord>,
    /// Records that failed the checks, with the reason. One is kept only if it is what the partner
    /// shows of a pushed record: it may lack what the partner does not keep.
    pub doubtful: Vec<(RemoteRecord, String)>,
    /// Source ids that are present but not stored: rejected, or of a kind that is switched off.
    pub present: Vec<String>,
    /// Groups that are complete in this page: other records of them are gone.
    pub complete_groups: Vec<String>,
    /// Source ids or groups that are gone.
    pub deleted: Vec<String>,
    /// Whether the partner was asked for each item of the page by itself: then a deletion is believed,
    /// however many there are.
    pub is_certain: bool,
    /// A time range that this sync saw completely, with all source ids it saw.
    pub complete_range: Option<(TimeRange, HashSet<String>)>,
    /// The kinds this sync reads from the feed.
    pub kinds: Vec<Kind>,
    /// Those of which the partner keeps only the day.
    pub day_only: Vec<Kind>,
    /// When the feed was last read: a change that the partner does not date is not older.
    pub last_seen: DateTime<Utc>,
    /// Where the next sync starts, once this page is stored.
    pub cursor: Option<Cursor>,
    /// What notifications brought that the poll has had: with the cursor it is deleted.
    pub delivered: Vec<i64>,
    /// The time of the sync.
    pub now: DateTime<Utc>,
    /// Why it ran.
    pub cause: Cause,
}

impl PageToSave {
    /// Whether it brings nothing to store but its cursor.
    pub(super) fn brings_nothing(&self) -> bool {
        let reported = [&self.complete_groups, &self.deleted];
        self.records.is_empty()
            && self.doubtful.is_empty()
            && reported.iter().all(|ids| ids.is_empty())
            && self.complete_range.is_none()
            && self.delivered.is_empty()
    }
}

/// The change that lost of two changes of one record, kept in the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Conflict {
    /// The record.
    #[schema(value_type = String, format = "uuid")]
    pub record_id: RecordId,
    /// Whose change won: `here` or `partner`.
    pub won: &'static str,
    /// What the other side had made of the record; null if it had deleted it.
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
    /// New records.
    pub created: u32,
    /// Records whose content changed.
    pub updated: u32,
    /// Records that were already there with the same content.
    pub unchanged: u32,
    /// Deleted records.
    pub deleted: u32,
    /// Records that are missing at the partner, which is not believed yet: see
    /// [`is_sweeping`](super::items::is_sweeping).
    pub suspected: u32,
    /// Source ids of the first of those.
    pub suspects: Vec<String>,
    /// Doubtful records that were rejected, with the reason.
    pub refused: Vec<(String, String)>,
    /// Changes that lost to later ones.
    pub conflicts: Vec<Conflict>,
    /// Connections to other partners that have something to push because of it.
    pub enqueued: Vec<Enqueued>,
}

/// An item that waits to be pushed, or whose push was begun and did not end.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The item.
    pub item: ItemId,
    /// Its state: what waits.
    pub state: ItemState,
    /// What the partner has of it.
    pub remote_ref: Option<RemoteRef>,
    /// The record as it is.
    pub record: RecordData,
    /// Whether the record is deleted.
    pub deleted: bool,
    /// What was sent, if a creation was begun.
    pub sent: Option<RecordData>,
    /// Pushes of it that failed in a row.
    pub attempts: u32,
    /// Whether the partner's list misses it, which is not believed yet.
    pub is_missing: bool,
}

/// The result of pushing one item.
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
    /// Why it did not work, as human-readable text.
    pub reason: Option<String>,
    /// Whether it counts as an attempt that failed.
    pub is_attempt: bool,
    /// When it is tried again, if it is.
    pub again_at: DateTime<Utc>,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Why the ledger did not store something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database cannot be reached; it may be again soon.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed to store it.
    #[error("{0}")]
    Failed(String),
}

/// Stores what a sync brings. Each call returns when what it was given can no longer be lost.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Stores a page and its cursor.
    async fn save_page(&self, page: PageToSave) -> Result<Saved, LedgerError>;

    /// Records, before the call, that new tokens are about to be fetched: a store that fails must not
    /// cost the tokens that the call returns.
    async fn begin_refresh(
        &self,
        connection: ConnectionId,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError>;

    /// Stores new tokens before they are used, and when they came. Tokens that cannot be stored are
    /// kept, and are those of the next [`Job`].
    async fn save_tokens(
        &self,
        connection: ConnectionId,
        tokens: Tokens,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError>;

    /// Switches off polling or pushing of these kinds until they are tried again at `again_at`, with
    /// the reason to show to the user.
    async fn switch_off(
        &self,
        connection: ConnectionId,
        direction: Direction,
        kinds: Vec<Kind>,
        reason: String,
        again_at: DateTime<Utc>,
    ) -> Result<(), LedgerError>;

    /// Switches kinds on again that were switched off so.
    async fn switch_on(
        &self,
        connection: ConnectionId,
        direction: Direction,
        kinds: Vec<Kind>,
    ) -> Result<(), LedgerError>;

    /// Returns at most `limit` items of these kinds that are due to be pushed: first those whose
    /// push was begun and did not end, then in the order of their changes.
    async fn waiting(
        &self,
        connection: ConnectionId,
        kinds: Vec<Kind>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Waiting>, LedgerError>;

    /// Records, before the calls, that these items are being pushed with their current content.
    /// Leaves out items whose record changed meanwhile; returns the others. If no end is stored, they are
    /// due again at `again_at`.
    async fn begin_push(
        &self,
        items: Vec<(ItemId, Fingerprint)>,
        again_at: DateTime<Utc>,
    ) -> Result<Vec<ItemId>, LedgerError>;

    /// Stores the result of a push.
    async fn end_push(&self, ended: PushEnded) -> Result<(), LedgerError>;

    /// Returns which of these source ids already belong to a record.
    async fn linked(
        &self,
        connection: ConnectionId,
        source_ids: Vec<String>,
    ) -> Result<HashSet<String>, LedgerError>;
}

/// Gets new tokens for a refresh token.
#[async_trait]
pub trait Refresher: Send + Sync {
    /// Returns new tokens; [`PartnerError::Unauthorized`] if the refresh token is no longer
    /// accepted. If the partner issues no new refresh token, the result contains the old one.
    async fn refresh(
        &self,
        session: &Session,
        refresh_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Tokens, PartnerError>;
}
