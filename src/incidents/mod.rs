//! The error log: scenarios that are known to keep data from arriving, opened and closed by the daemon
//! itself. Plain structs with the time passed in; no actors, no database.
//!
//! - [`IncidentCode`]: the catalog. `wording.rs` says what each means and what mends it.
//! - [`observe`]: what the end of a sync shows about its connection.
//! - [`Watch`]: what concerns a whole partner, written when it begins and ends and seldom between.
//! - [`IncidentGroup`]: what is open as an administrator looks at it; [`needs`]: whom it needs.
//! - [`assess`]: whether a partner's limits are enough for its users; [`outlook`]: for how many more.

mod grouped;
mod observed;
mod quota;
mod watch;
mod wording;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::grouped::{IncidentGroup, Needs, heading, needs, title};
pub use self::observed::{Observed, Sighting, observe};
pub use self::quota::{Assessment, CallsPerSync, Outlook, assess, outlook};
pub use self::watch::{QUIET, Watch};
pub(crate) use self::wording::switches_in_words;
pub use self::wording::{Wording, wording};
use crate::model::{ConnectionId, RecordId, UserId, named};

/// What cannot be seen to be mended is taken to be over when it was not seen again for this long.
pub const FORGOTTEN_AFTER: TimeDelta = TimeDelta::days(7);

/// A push of one change that failed this often in a row should have sent it by now …
pub const MANY_ATTEMPTS: i32 = 3;

/// … and so should pushes that passed it over for this long.
pub const LONG_WAIT: TimeDelta = TimeDelta::hours(1);

named! {
    /// A known scenario. Where it says nothing else, it closes when the connection is disconnected, too.
    pub enum IncidentCode {
        /// The partner does not accept the grant any more. Closes when the user connects again.
        AuthorizationRevoked = "authorization_revoked",
        /// The user did not grant access to some kinds. Closes when they are granted, or no longer wanted.
        ScopeMissing = "scope_missing",
        /// The partner fails for everybody. Closes when a sync reaches it.
        PartnerDown = "partner_down",
        /// A limit is used up and syncs wait for it. Closes when there was room for ten minutes.
        LimitExhausted = "limit_exhausted",
        /// The limits do not allow as many calls as the users of the partner need. Closes when they do.
        QuotaTooSmall = "quota_too_small",
        /// An answer of the partner does not have the documented form. Closes with the next sync that
        /// understands everything.
        PayloadNotUnderstood = "payload_not_understood",
        /// A record of the partner is not plausible or cannot be read. Closes when the record is
        /// accepted, or was not seen again for a week.
        RecordRefused = "record_refused",
        /// A change still waits although pushes ran that should have sent it. Closes when it is sent.
        ItemStillWaiting = "item_still_waiting",
        /// The partner refuses a change. Closes when no change is refused any more.
        PushRefused = "push_refused",
        /// The partner sends no notifications although there must be news. Closes when one comes.
        NotificationsSilent = "notifications_silent",
        /// A webhook endpoint does not accept deliveries. Closes when it does.
        WebhookFailing = "webhook_failing",
        /// This machine's clock is ahead of the partner's. Closes when both agree.
        ClockSkew = "clock_skew",
        /// The user connected another account of the partner than before. Closes when the former account
        /// is connected again, or after a week.
        AccountChanged = "account_changed",
        /// Several users are connected to one account of the partner. Closes when only one is.
        AccountShared = "account_shared",
        /// The partner has ended its service. Closes when a connect succeeds, or no connection is left.
        ConnectionEnded = "connection_ended",
    }
}

impl IncidentCode {
    /// Those that the ends of syncs close.
    pub const JUDGED: [Self; 7] = [
        Self::ScopeMissing,
        Self::PayloadNotUnderstood,
        Self::RecordRefused,
        Self::ItemStillWaiting,
        Self::PushRefused,
        Self::AccountChanged,
        Self::NotificationsSilent,
    ];

    /// Those that the actor of a partner opens and closes.
    pub const WATCHED: [Self; 4] =
        [Self::PartnerDown, Self::LimitExhausted, Self::QuotaTooSmall, Self::ClockSkew];
}

named! {
    /// Whether an incident goes on.
    pub enum IncidentState {
        /// It does.
        Open = "open",
        /// It is over; `closed_why` says why.
        Closed = "closed",
    }
}

/// What an incident is about. At most one incident of a code is open for a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A partner, for all its users.
    Partner(String),
    /// One connection.
    Connection(ConnectionId),
    /// One account of a partner, which several users share.
    Account {
        /// The partner.
        partner: String,
        /// The partner's id of the account.
        account: String,
        /// The connection that was the last to be connected to it.
        connection: ConnectionId,
    },
    /// A webhook endpoint, by its id.
    Endpoint(String),
}

impl Subject {
    /// The subject as one text.
    pub fn key(&self) -> String {
        match self {
            Self::Partner(name) => format!("partner {name}"),
            Self::Connection(id) => format!("connection {id}"),
            Self::Account { partner, account, .. } => format!("account {partner} {account}"),
            Self::Endpoint(id) => format!("endpoint {id}"),
        }
    }
}

/// A scenario that was seen: opens an incident, or is counted on the open one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIncident {
    /// Which scenario.
    pub code: IncidentCode,
    /// What it is about.
    pub subject: Subject,
    /// The record it is about, if it is about one.
    pub record: Option<RecordId>,
    /// The partner's id of what it is about: a record, or the former account.
    pub external_id: Option<String>,
    /// How many users it concerns; those who are connected if it is left out and concerns a partner.
    pub users: Option<u32>,
    /// What exactly: a limit, kinds, feeds. Never a value of a record.
    pub detail: Option<String>,
    /// How often it was seen.
    pub times: u32,
}

impl NewIncident {
    /// A scenario that was seen once.
    pub fn new(code: IncidentCode, subject: Subject) -> Self {
        Self { code, subject, record: None, external_id: None, users: None, detail: None, times: 1 }
    }
}

/// An incident as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its position; a later incident has a greater one.
    pub id: i64,
    /// Which scenario.
    pub code: IncidentCode,
    /// The partner it concerns, if it concerns one.
    pub partner: Option<String>,
    /// The user it concerns, if it concerns one.
    pub user_id: Option<UserId>,
    /// The connection it concerns, if it concerns one.
    pub connection: Option<ConnectionId>,
    /// The record it concerns.
    pub record: Option<RecordId>,
    /// The webhook endpoint it concerns.
    pub endpoint: Option<String>,
    /// The partner's id of what it is about.
    pub external_id: Option<String>,
    /// How many users it concerns, if it concerns several.
    pub users: Option<i64>,
    /// What exactly.
    pub detail: Option<String>,
    /// How often it was seen.
    pub times: i64,
    /// When it was first seen.
    pub first_at: DateTime<Utc>,
    /// When it was last seen.
    pub last_at: DateTime<Utc>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// Why it ended.
    pub closed_why: Option<String>,
}

impl Incident {
    /// Whether it goes on.
    pub fn state(&self) -> IncidentState {
        if self.closed_at.is_none() { IncidentState::Open } else { IncidentState::Closed }
    }
}
