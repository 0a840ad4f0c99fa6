//! What a sync did, as data and in words.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Cursor, PartnerError, RecordData};
use serde::Serialize;
use utoipa::ToSchema;

use super::fit::{reported, reported_id};
use super::items::{ItemState, PushEnd};
use super::ports::{Conflict, Enqueued, ResumePoint, Saved};
use super::traffic::{Calls, LimitMet};
use crate::model::{FailureCode, SyncOutcome, WaitingFor};

/// How many rejected records a report names; all are counted.
const NAMED_REFUSALS: usize = 20;

/// What went wrong with a part of a sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Failure {
    /// What kind of failure.
    pub code: FailureCode,
    /// What happened, as human-readable text.
    pub message: String,
    /// What it makes the sync's outcome.
    #[serde(skip)]
    pub outcome: SyncOutcome,
    /// How long the partner asked to wait.
    #[serde(skip)]
    pub wait: Option<Duration>,
    /// The limit that was reached, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
}

impl Failure {
    pub(super) fn new(code: FailureCode, message: impl Into<String>, outcome: SyncOutcome) -> Self {
        Self { code, message: reported(message.into()), outcome, wait: None, waiting_for: None }
    }

    /// Whether the rest of the sync may still succeed; a failure of the whole connection would only
    /// repeat itself with the next call.
    pub(super) fn is_of_a_part(&self) -> bool {
        matches!(self.outcome, SyncOutcome::NotGranted | SyncOutcome::Failed)
            && self.code != FailureCode::Store
    }

    /// Whether it says something about the partner as a whole.
    pub fn is_partners(&self) -> bool {
        matches!(
            self.code,
            FailureCode::Transient
                | FailureCode::Malformed
                | FailureCode::Timeout
                | FailureCode::Panic
        )
    }
}

impl From<&PartnerError> for Failure {
    fn from(error: &PartnerError) -> Self {
        let outcome = match error {
            PartnerError::Unauthorized(_) => SyncOutcome::NeedsReconnect,
            PartnerError::RateLimited { .. } => SyncOutcome::Limited,
            PartnerError::Gone(_) => SyncOutcome::Ended,
            PartnerError::MissingScope(_) => SyncOutcome::NotGranted,
            PartnerError::Transient(_) | PartnerError::Malformed(_) | PartnerError::Rejected(_) => {
                SyncOutcome::Failed
            }
        };
        let wait = match error {
            PartnerError::RateLimited { wait, .. } => *wait,
            _ => None,
        };
        Self { wait, ..Self::new(error.into(), error.to_string(), outcome) }
    }
}

/// A record that was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedRecord {
    /// The partner's id of it, if it could be read; its beginning, if it is long.
    pub source_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// What a sync did with one feed.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct FeedReport {
    /// The feed.
    pub feed: &'static str,
    /// Pages read.
    pub pages: u32,
    /// New records.
    pub created: u32,
    /// Records that changed.
    pub updated: u32,
    /// Records that were already there with the same content.
    pub unchanged: u32,
    /// Deleted records.
    pub deleted: u32,
    /// Records that are missing at the partner; a second look must confirm it.
    pub suspected: u32,
    /// Rejected records, all of them counted.
    pub refused: u32,
    /// The first of those.
    pub refusals: Vec<RefusedRecord>,
    /// Changes that lost to later ones of the other side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    #[serde(skip)]
    pub(super) enqueued: Vec<Enqueued>,
    /// Whether it was a first read or a wide look: what that finds may be old.
    #[serde(skip)]
    pub looked_back: bool,
    /// How far this machine's clock is ahead of the partner's: then the next sync starts where this
    /// one did.
    #[serde(skip)]
    pub clock_ahead: Option<TimeDelta>,
    /// When a wide look was begun, if this sync made one and found nothing doubtful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wide_look_at: Option<DateTime<Utc>>,
    /// Where the feed stood before this sync, in words; null if it was never read.
    pub cursor_before: Option<String>,
    /// Where it stands now.
    pub cursor_after: Option<String>,
    /// Where the next sync starts, after a page that brought nothing else: stored with the end of
    /// the sync, at no cost of its own.
    #[serde(skip)]
    pub cursor: Option<MovedCursor>,
    /// Where the next sync goes on, if this one stopped between two pages.
    #[serde(skip)]
    pub resume_point: Option<ResumePoint>,
    /// Whether this sync went on from such a point.
    #[serde(skip)]
    pub is_resumed: bool,
    /// What went wrong.
    pub error: Option<Failure>,
}

/// Where the next sync of a feed starts.
#[derive(Clone, Debug)]
pub struct MovedCursor {
    /// The feed.
    pub feed: &'static str,
    /// The position.
    pub cursor: Cursor,
    /// When the feed was read up to there.
    pub read_at: DateTime<Utc>,
}

impl FeedReport {
    pub(super) fn new(feed: &'static str) -> Self {
        Self { feed, ..Self::default() }
    }

    pub(super) fn add(&mut self, saved: Saved) {
        self.created += saved.created;
        self.updated += saved.updated;
        self.unchanged += saved.unchanged;
        self.deleted += saved.deleted;
        self.suspected += saved.suspected;
        self.conflicts.extend(saved.conflicts);
        for (source_id, reason) in saved.refused {
            self.refuse(Some(source_id), reason);
        }
        self.enqueued.extend(saved.enqueued);
    }

    /// Takes the connections to other partners that have something to push because of it.
    pub(super) fn take_enqueued(&mut self) -> Vec<Enqueued> {
        std::mem::take(&mut self.enqueued)
    }

    pub(super) fn refuse(&mut self, source_id: Option<String>, reason: String) {
        self.refused += 1;
        if self.refusals.len() < NAMED_REFUSALS {
            let (source_id, reason) = (source_id.map(reported_id), reported(reason));
            self.refusals.push(RefusedRecord { source_id, reason });
        }
    }

    fn changes(&self) -> u32 {
        self.created + self.updated + self.deleted
    }
}

/// A change that a partner refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedPush {
    /// The kind of the record.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
}

/// What a sync pushed.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct PushReport {
    /// Records that were created there.
    pub created: u32,
    /// Records that were changed there.
    pub updated: u32,
    /// Records that were deleted there.
    pub deleted: u32,
    /// Changes that the partner refused, all of them counted.
    pub refused: u32,
    /// The first of those.
    pub refusals: Vec<RefusedPush>,
    /// The last failure.
    pub error: Option<Failure>,
    /// How many failures there were.
    #[serde(skip)]
    pub(super) failures: u32,
}

impl PushReport {
    pub(super) fn count(
        &mut self,
        state: ItemState,
        record: &RecordData,
        end: PushEnd,
        reason: Option<&str>,
    ) {
        match (state, end) {
            (ItemState::Create, PushEnd::There) => self.created += 1,
            (ItemState::Update, PushEnd::There) => self.updated += 1,
            (ItemState::Delete, PushEnd::NotThere) => self.deleted += 1,
            (_, PushEnd::Refused) => {
                self.refused += 1;
                if self.refusals.len() < NAMED_REFUSALS {
                    let reason = reported(reason.unwrap_or_default().to_owned());
                    self.refusals.push(RefusedPush { kind: record.body.kind().name(), reason });
                }
            }
            _ => {}
        }
    }

    /// How many changes reached the partner.
    pub fn changes(&self) -> u32 {
        self.created + self.updated + self.deleted
    }
}

/// What a sync did.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Report {
    /// The feeds it read, in order.
    pub feeds: Vec<FeedReport>,
    /// What it pushed, if anything waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<PushReport>,
    /// Whether it was meant to poll every feed, and not only to push.
    #[serde(skip)]
    pub polled: bool,
    /// When to look far back for what was announced and not found: it was done only lately.
    #[serde(skip)]
    pub look_wide_at: Option<DateTime<Utc>>,
    /// Connections to other partners that have something to push because of it.
    #[serde(skip)]
    pub enqueued: BTreeSet<Enqueued>,
    /// The calls it made to the partner.
    pub calls: Calls,
    /// The limits it met.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub limits: Vec<LimitMet>,
    /// Whether it got new tokens.
    pub refreshed: bool,
    /// Whether the partner refused an access token that had just been renewed.
    #[serde(skip)]
    pub refused: bool,
    /// What failed outside the feeds: the tokens, or the sync as a whole.
    pub error: Option<Failure>,
}

impl Report {
    /// The worst outcome of its parts.
    pub fn outcome(&self) -> SyncOutcome {
        self.failures().map(|failure| failure.outcome).max().unwrap_or_default()
    }

    /// The failure that decides the outcome.
    pub fn worst(&self) -> Option<&Failure> {
        self.failures().max_by_key(|failure| failure.outcome)
    }

    /// All failures.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let push = self.push.as_ref().and_then(|push| push.error.as_ref());
        self.feeds.iter().filter_map(|feed| feed.error.as_ref()).chain(push).chain(&self.error)
    }

    /// All failures, each once: what hits a whole partner hits each feed.
    pub fn distinct_failures(&self) -> Vec<&Failure> {
        let mut distinct: Vec<&Failure> = Vec::new();
        for failure in self.failures() {
            if !distinct.contains(&failure) {
                distinct.push(failure);
            }
        }
        distinct
    }

    /// Whether the partner returned a page or accepted a change; then other failures are not an
    /// outage of the partner.
    pub fn reached_partner(&self) -> bool {
        self.feeds.iter().any(|feed| feed.pages > 0) || self.pushed() > 0
    }

    /// Whether any data was received or pushed.
    pub fn had_data(&self) -> bool {
        self.feeds.iter().any(|feed| feed.changes() > 0) || self.pushed() > 0
    }

    /// The cursors to store with the end of the sync.
    pub fn cursors(&self) -> Vec<MovedCursor> {
        self.feeds.iter().filter_map(|feed| feed.cursor.clone()).collect()
    }

    /// The feeds of which a wide look was made, and when.
    pub fn wide_looks(&self) -> Vec<(&'static str, DateTime<Utc>)> {
        self.feeds.iter().filter_map(|feed| Some((feed.feed, feed.wide_look_at?))).collect()
    }

    /// The feeds that gained, moved or lost a resume point.
    pub fn resume_points(&self) -> Vec<(&'static str, Option<ResumePoint>)> {
        let changed =
            self.feeds.iter().filter(|feed| feed.is_resumed || feed.resume_point.is_some());
        changed.map(|feed| (feed.feed, feed.resume_point.clone())).collect()
    }

    /// Whether new data of a feed that the partner `announces` was received.
    pub fn has_arrivals(&self, announces: impl Fn(&str) -> bool) -> bool {
        let arrived = |feed: &FeedReport| !feed.looked_back && feed.created + feed.updated > 0;
        self.feeds.iter().any(|feed| announces(feed.feed) && arrived(feed))
    }

    /// Whether a change lost to a later one of the other side.
    pub fn has_conflicts(&self) -> bool {
        self.feeds.iter().any(|feed| !feed.conflicts.is_empty())
    }

    /// Whether a limit stopped its pushes.
    pub fn is_push_limited(&self) -> bool {
        let push = self.push.as_ref().and_then(|push| push.error.as_ref());
        push.or(self.error.as_ref()).is_some_and(|error| error.outcome == SyncOutcome::Limited)
    }

    /// How many changes it pushed.
    pub fn pushed(&self) -> u32 {
        self.push.as_ref().map_or(0, PushReport::changes)
    }

    /// The sums over the feeds: new, changed, deleted, rejected.
    pub fn totals(&self) -> [u32; 4] {
        let sum = |count: fn(&FeedReport) -> u32| self.feeds.iter().map(count).sum();
        [
            sum(|feed| feed.created),
            sum(|feed| feed.updated),
            sum(|feed| feed.deleted),
            sum(|feed| feed.refused),
        ]
    }
}
