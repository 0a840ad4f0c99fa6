//! Why data has or has not arrived, in plain sentences: from facts that others gather. No actors, no
//! tables, no clock but the time passed in.

mod connection;
mod record;
mod words;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

pub use self::connection::{ConnectionFacts, Notifications, connection};
pub use self::record::{Counterpart, Elsewhere, Origin, RecordFacts, record};
use crate::incidents::{Incident, IncidentCode, wording};
use crate::model::{named, schema_of_words};

named! {
    /// A reason that is no incident.
    pub enum Reason {
        /// The user or the host app ended the connection.
        Disconnected = "disconnected",
        /// The administrator has paused syncs with the partner.
        Paused = "paused",
        /// The partner's actor is being restarted, which takes some seconds.
        Restarting = "restarting",
        /// The last sync failed; it is tried again.
        Failing = "failing",
        /// The first sync has not ended yet.
        FirstSync = "first_sync",
        /// A kind is switched off by choice.
        SwitchedOff = "switched_off",
        /// Nothing is wrong.
        UpToDate = "up_to_date",
        /// Nothing has come for long, so the connection is polled less often.
        PolledRarely = "polled_rarely",
        /// The partner's notifications work; polls only make sure.
        Notified = "notified",
        /// The partner sends no notifications for this connection.
        NotNotified = "not_notified",
        /// The partner reports some changes late, or not at all: only a look further back finds them.
        FoundLate = "found_late",
        /// Where the record came from.
        Origin = "origin",
        /// The record came from there.
        CameFromThere = "came_from_there",
        /// The partner has the record as it is.
        Pushed = "pushed",
        /// The record waits to be pushed.
        PushWaits = "push_waits",
        /// A push was begun whose outcome is not known.
        InDoubt = "in_doubt",
        /// The record changed while pushing was off.
        NotWritten = "not_written",
        /// Pushing this kind is switched off there.
        PushSwitchedOff = "push_switched_off",
        /// The partner takes no such records.
        NotTaken = "not_taken",
        /// The partner does not have it any more.
        GoneThere = "gone_there",
        /// The record is deleted.
        Deleted = "deleted",
    }
}

/// One reason for what is, or is not, there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"code": "switched_off", "sentence": "Weight is not polled: it was switched off by choice.", "since": null, "mend": "PATCH /v1/users/{user}/connections/withings with {\"poll\":{\"weight\":true}}."}))]
pub struct Finding {
    /// A scenario of the error log, or a [`Reason`].
    #[schema(schema_with = code_words)]
    pub code: &'static str,
    /// What it means.
    pub sentence: String,
    /// Since when it holds, if that is known.
    pub since: Option<DateTime<Utc>>,
    /// What changes it; null where nothing has to be done.
    pub mend: Option<String>,
}

/// When something is looked for next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NextLook)]
pub struct Next {
    /// When; null if nothing is planned.
    pub at: Option<DateTime<Utc>>,
    /// Why then.
    #[schema(example = "it is due, and starts as soon as its turn comes")]
    pub why: String,
}

/// Why data has or has not arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    /// The most likely cause and what comes next, as text.
    #[schema(
        example = "Weight is not polled: it was switched off by choice. Next: 2026-11-22 06:20 UTC, the next poll, every 5 minutes."
    )]
    pub summary: String,
    /// All causes, the most likely first.
    pub causes: Vec<Finding>,
    /// When it is looked for next.
    pub next: Next,
}

/// The words of `code`.
fn code_words() -> RefOr<Schema> {
    let incidents = IncidentCode::ALL.iter().map(|code| (code.name(), code.about().to_owned()));
    let reasons = Reason::ALL.iter().map(|reason| (reason.name(), reason.about().to_owned()));
    let about = "A scenario of `/admin/api/errors`, or another reason.";
    schema_of_words(about, incidents.chain(reasons))
}

impl Explanation {
    fn new(causes: Vec<Finding>, next: Next) -> Self {
        let first = causes.first().map(|cause| cause.sentence.as_str()).unwrap_or_default();
        let summary = match next.at {
            Some(at) => format!("{first} Next: {}, {}.", words::moment(at), next.why),
            None => format!("{first} Next: {}.", next.why),
        };
        Self { summary, causes, next }
    }
}

impl Finding {
    fn new(reason: Reason, sentence: impl Into<String>) -> Self {
        Self { code: reason.name(), sentence: sentence.into(), since: None, mend: None }
    }

    fn since(self, since: Option<DateTime<Utc>>) -> Self {
        Self { since, ..self }
    }

    fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    /// A scenario of the error log that is known without its incident.
    fn of_code(code: IncidentCode, title: &str, name: &str, detail: Option<&str>) -> Self {
        let words = wording(code, title, name, detail);
        Self { code: code.name(), sentence: words.sentence, since: None, mend: Some(words.mend) }
    }

    fn of(incident: &Incident, title: &str, name: &str) -> Self {
        let detail = incident.detail.as_deref();
        Self::of_code(incident.code, title, name, detail).since(Some(incident.first_at))
    }
}
