//! One change to write to a partner, and its outcome.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::kind::Kind;
use crate::moment::Moment;
use crate::record::{Body, RemoteRecord};

/// A change to write.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// What to do.
    pub action: Action,
    /// The record as stored here; for a deletion, as it last was.
    pub record: RecordData,
    /// The user's time zone, for partners that store wall time only. Write wall time in it, because
    /// polls read it in this zone.
    pub time_zone: Tz,
    /// The current time.
    pub now: DateTime<Utc>,
}

impl PushRequest {
    /// The kind of the record.
    pub fn kind(&self) -> Kind {
        self.record.body.kind()
    }

    /// The times `margin` before and after the start of the record, for look-ups.
    pub fn about(&self, margin: TimeDelta) -> (DateTime<Utc>, DateTime<Utc>) {
        let at = self.record.start.at.to_utc();
        let from = at.checked_sub_signed(margin).unwrap_or(DateTime::<Utc>::MIN_UTC);
        (from, at.checked_add_signed(margin).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }
}

/// What to do with a record at the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create it; the partner does not have it.
    Create,
    /// Change what the partner has. Requested only where the manifest says
    /// [`Update::InPlace`](crate::Update::InPlace).
    Update(RemoteRef),
    /// Delete what the partner has. Requested only where the manifest allows it.
    Delete(RemoteRef),
}

/// Identifies a record at the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRef {
    /// Its id, as [`RemoteRecord::source_id`] of a poll.
    pub source_id: String,
    /// The item it is part of, as [`RemoteRecord::group`] of a poll.
    pub group: Option<String>,
}

/// The data of a record as stored here.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordData {
    /// When it was measured or began.
    pub start: Moment,
    /// When it ended.
    pub end: Option<Moment>,
    /// The content.
    pub body: Body,
}

impl From<&RemoteRecord> for RecordData {
    fn from(remote: &RemoteRecord) -> Self {
        Self { start: remote.start, end: remote.end, body: remote.body.clone() }
    }
}

/// The outcome of a push.
#[derive(Clone, Debug, PartialEq)]
pub enum Pushed {
    /// The partner has it now. The record is as the next poll will show it: with the partner's id,
    /// rounding, time basis and wording, so that the daemon recognizes it when it comes back. Map
    /// the partner's response as a poll does or, if it contains only an id, what was sent.
    There(Box<RemoteRecord>),
    /// The partner does not have it: it was deleted, now or earlier.
    Gone,
}

impl Pushed {
    /// The partner has `record` now.
    pub fn there(record: RemoteRecord) -> Self {
        Self::There(Box::new(record))
    }
}
