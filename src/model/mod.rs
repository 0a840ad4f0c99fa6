//! The data that all modules share: connections, their state, and causes of syncs.

mod change_cause;
mod condition;
mod delivery;
mod ids;
mod names;
mod words;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use partner_sdk::secrecy::SecretString;
use partner_sdk::{Feed, Kind, Manifest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::change_cause::ChangeCause;
pub use self::condition::Condition;
pub use self::delivery::DeliveryStatus;
pub use self::ids::{ConnectionId, ItemId, RecordId, UserId, in_address};
pub use self::names::{
    Cause, ChangeKind, ConnectEnd, DeletedBy, ExerciseEnergy, FailureCode, LineOutcome, LinkState,
    NotificationState, PartnerState, RecordKind, Status, SyncOutcome, TimeBasis, WaitOutcome,
};
pub(crate) use self::words::{named, schema_of_words};
use crate::scheduler::{Activity, Trust};

/// The last thing that went wrong with a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastError {
    /// What kind of failure.
    pub code: FailureCode,
    /// What happened, as human-readable text.
    pub message: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The limit that stopped a sync, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
}

/// A limit that something waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingFor {
    /// Which limit.
    #[schema(example = "Strava: 100 reads in 15m")]
    pub limit: String,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// One user's account at one partner, without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// The id in the store.
    pub id: ConnectionId,
    /// The host app's id of the user.
    pub user_id: UserId,
    /// The partner's name.
    pub partner: String,
    /// Whether it works.
    pub status: Status,
    /// The partner's id of the user.
    pub external_user_id: Option<String>,
    /// The scopes the user granted, if the partner reports them.
    pub scopes: Option<String>,
    /// Its place among the activity groups.
    pub activity: Activity,
    /// Syncs that failed in a row.
    pub failures: u32,
    /// When a poll last succeeded.
    pub last_poll_at: Option<DateTime<Utc>>,
    /// When the next poll is due.
    pub next_poll_at: Option<DateTime<Utc>>,
    /// When something was last pushed.
    pub last_push_at: Option<DateTime<Utc>>,
    /// When the next push is due.
    pub next_push_at: Option<DateTime<Utc>>,
    /// The last failure, until something succeeds.
    pub last_error: Option<LastError>,
    /// When it was last connected; `None` until its first connect is done.
    pub connected_at: Option<DateTime<Utc>>,
    /// When it last got new tokens from a refresh.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// Since when the partner has refused access tokens that had just been renewed.
    pub refused_since: Option<DateTime<Utc>>,
    /// When a refresh was begun whose tokens never came or were never stored.
    pub refresh_begun_at: Option<DateTime<Utc>>,
    /// When the partner last announced something for it.
    pub notified_at: Option<DateTime<Utc>>,
    /// What is known about its notifications.
    pub trust: Option<Trust>,
    /// Since when a subscription of its own is in place.
    pub subscribed_at: Option<DateTime<Utc>>,
    /// Since when its syncs are said to be failing.
    pub failing_since: Option<DateTime<Utc>>,
}

/// The direction in which data of a kind travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the partner.
    Poll,
    /// To the partner.
    Push,
}

impl Direction {
    /// The property that switches a kind.
    pub fn property(self, kind: Kind) -> String {
        self.property_named(kind.name())
    }

    /// The property that switches the kind of this name.
    pub fn property_named(self, kind: &str) -> String {
        format!("{}{kind}", self.prefix())
    }

    /// The kind that a property switches, if it is a switch of this direction.
    pub fn kind_of_property(self, name: &str) -> Option<&str> {
        name.strip_prefix(self.prefix())
    }

    /// The pattern of the names of all such properties, for SQL.
    pub fn property_pattern(self) -> String {
        format!("{}%", self.prefix())
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Poll => "poll.",
            Self::Push => "push.",
        }
    }
}

/// The name of the property that holds a connection's time zone.
pub const TIME_ZONE: &str = "time_zone";

/// What a user chose for a connection: the value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The property.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Feeds to read from the beginning if the value is new: their data was skipped, or placed
    /// otherwise.
    pub feeds_to_reread: Vec<&'static str>,
}

impl Choice {
    /// The choice of a value at a partner.
    pub fn new(manifest: &'static Manifest, name: String, value: String) -> Self {
        let switched_on = Direction::Poll.kind_of_property(&name).filter(|_| value == "true");
        let rereads = |feed: &&Feed| {
            name == TIME_ZONE || feed.kinds.iter().any(|kind| Some(kind.name()) == switched_on)
        };
        let feeds_to_reread = manifest.feeds.iter().filter(rereads).map(|feed| feed.name).collect();
        Self { name, value, feeds_to_reread }
    }
}

/// A connection's settings: what differs from the property types' defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The values, by name.
    pub values: BTreeMap<String, String>,
    /// Why a value was set, if it was not the user's choice.
    pub reasons: BTreeMap<String, String>,
    /// When what was switched off for such a reason is tried again.
    pub again_at: BTreeMap<String, DateTime<Utc>>,
}

impl Properties {
    /// Whether the kind is polled; on unless switched off.
    pub fn polls(&self, kind: Kind) -> bool {
        self.switch(Direction::Poll, kind).is_none_or(|value| value == "true")
    }

    /// Whether the kind is pushed; off unless switched on.
    pub fn pushes(&self, kind: Kind) -> bool {
        self.switch(Direction::Push, kind).is_some_and(|value| value == "true")
    }

    /// Whether this is what the user has chosen already, or what holds without a choice.
    pub fn has(&self, choice: &Choice) -> bool {
        let name = &choice.name;
        let unset = match name.as_str() {
            TIME_ZONE => Tz::UTC.name(),
            name if Direction::Poll.kind_of_property(name).is_some() => "true",
            _ => "false",
        };
        let value = self.values.get(name).map_or(unset, String::as_str);
        value == choice.value && !self.reasons.contains_key(name)
    }

    fn switch(&self, direction: Direction, kind: Kind) -> Option<&str> {
        // Every sync asks for every kind, and few are set: no name is built for the comparison.
        let is_it = |name: &str| direction.kind_of_property(name) == Some(kind.name());
        self.values.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value.as_str())
    }

    /// Why a kind was switched off, if it was not the user's choice.
    pub fn reason_off(&self, direction: Direction, kind: Kind) -> Option<&str> {
        self.reasons.get(&direction.property(kind)).map(String::as_str)
    }

    /// Whether a kind that was switched off for another reason than the user's choice is to be
    /// tried again.
    pub fn is_tried_again(&self, direction: Direction, kind: Kind, now: DateTime<Utc>) -> bool {
        let again_at = self.again_at.iter();
        let mut of_it =
            again_at.filter(|(name, _)| direction.kind_of_property(name) == Some(kind.name()));
        of_it.next().is_some_and(|(_, at)| *at <= now)
    }

    /// The kinds of a feed that are polled.
    pub fn wanted(&self, feed: &Feed) -> Vec<Kind> {
        feed.kinds.iter().copied().filter(|kind| self.polls(*kind)).collect()
    }

    /// The user's time zone, UTC unless set.
    pub fn time_zone(&self) -> Tz {
        self.values.get(TIME_ZONE).and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
    }
}

/// The secrets kept while the browser is at the partner.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationSecrets {
    /// The PKCE verifier, if the partner supports PKCE.
    pub verifier: Option<SecretString>,
    /// The secret of the request token, with OAuth 1.0a.
    pub request_secret: Option<SecretString>,
}
