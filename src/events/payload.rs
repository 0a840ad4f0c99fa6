//! What a message says. Records and connections are shown as the API shows them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use super::types::{Filter, event_type};
use crate::model::{ChangeCause, ChangeKind, UserId};
use crate::store::{Change, PlannedMessage, Store, StoreError};
use crate::telemetry::traces::{Remembered, TraceContext};

/// A change as the API shows it.
#[derive(Debug)]
pub struct Shown {
    /// Its cursor in `GET /v1/changes`.
    pub cursor: String,
    /// The record, if it is of one.
    pub record: Option<Box<RawValue>>,
    /// Otherwise the connection.
    pub connection: Option<Box<RawValue>>,
}

/// Shows changes as the API does.
#[async_trait(?Send)]
pub trait Views {
    /// Shows these changes, in their order.
    ///
    /// # Errors
    /// Why it cannot, in words.
    async fn shown(&self, changes: Vec<Change>) -> Result<Vec<Shown>, String>;
}

/// The most syncs that a message is linked to.
const MOST_LINKS: usize = 16;

#[derive(Serialize)]
struct Event<T> {
    r#type: &'static str,
    timestamp: String,
    data: T,
}

#[derive(Serialize)]
struct Data {
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<Box<RawValue>>,
    cause: Option<ChangeCause>,
    partner: Option<String>,
    cursor: String,
}

#[derive(Serialize)]
struct Entry {
    r#type: &'static str,
    timestamp: String,
    #[serde(flatten)]
    data: Data,
}

#[derive(Serialize)]
struct Entries {
    changes: Vec<Entry>,
}

#[derive(Serialize)]
struct Test<'a> {
    endpoint_id: &'a str,
}

fn at(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The body of a message, and what it holds in numbers.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) json: Vec<u8>,
    /// How many changes it has of each type.
    pub(super) types: BTreeMap<&'static str, u32>,
    /// The first and the last change of each user.
    pub(super) users: BTreeMap<UserId, (i64, i64)>,
    /// When the first of them happened.
    pub(super) since: Option<DateTime<Utc>>,
    /// What led to them, as far as that is in traces.
    pub(super) traces: Vec<TraceContext>,
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBody {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    View(String),
}

/// Writes a message; `None` if nothing of it is there any more.
pub(super) async fn body(
    store: &Store,
    views: &dyn Views,
    filter: &Filter,
    message: &PlannedMessage,
) -> Result<Option<Body>, NoBody> {
    let filter = filter.clone();
    let wanted = move |change: ChangeKind, user: &UserId| filter.lets_through(change, user);
    let found = store.changes_of_message(message, wanted).await?;
    let (mut types, mut users) = (BTreeMap::new(), BTreeMap::new());
    for (user, change) in &found {
        *types.entry(event_type(change.change)).or_default() += 1;
        let seq = change.place.seq;
        users.entry(user.clone()).or_insert((seq, seq)).1 = seq;
    }
    let since = found.iter().map(|(_, change)| change.at).min();
    let traces = led_by(store.traces(), &found);
    let heads: Vec<Head> = found.iter().map(Head::of).collect();
    let shown = views.shown(found.into_iter().map(|(_, change)| change).collect()).await;
    let shown = shown.map_err(NoBody::View)?;
    let mut changes: Vec<Entry> = heads.into_iter().zip(shown).map(Head::with).collect();
    let json = match changes.pop() {
        None => return Ok(None),
        Some(Entry { r#type, timestamp, data }) if changes.is_empty() => {
            serde_json::to_vec(&Event { r#type, timestamp, data })
        }
        Some(last) => {
            let timestamp = last.timestamp.clone();
            changes.push(last);
            let data = Entries { changes };
            serde_json::to_vec(&Event { r#type: "records.changed", timestamp, data })
        }
    };
    let json = json.map_err(|error| NoBody::View(error.to_string()))?;
    Ok(Some(Body { json, types, users, since, traces }))
}

/// What led to changes, each once.
fn led_by(traces: &Remembered, changes: &[(UserId, Change)]) -> Vec<TraceContext> {
    let mut sources: Vec<(&UserId, Option<&str>)> =
        changes.iter().map(|(user, change)| (user, change.partner.as_deref())).collect();
    sources.sort_unstable();
    sources.dedup();
    let found = sources.into_iter().map(|(user, partner)| traces.of(user, partner));
    found.filter(|it| !it.is_none()).take(MOST_LINKS).collect()
}

/// What an entry says beside what changed.
struct Head {
    user: UserId,
    change: ChangeKind,
    at: DateTime<Utc>,
    cause: Option<ChangeCause>,
    partner: Option<String>,
}

impl Head {
    fn of((user, change): &(UserId, Change)) -> Self {
        Self {
            user: user.clone(),
            change: change.change,
            at: change.at,
            cause: change.cause,
            partner: change.partner.clone(),
        }
    }

    fn with((head, shown): (Self, Shown)) -> Entry {
        let Shown { cursor, record, connection } = shown;
        Entry {
            r#type: event_type(head.change),
            timestamp: at(head.at),
            data: Data {
                user_id: head.user,
                record,
                connection,
                cause: head.cause,
                partner: head.partner,
                cursor,
            },
        }
    }
}

/// The body of a test.
pub(super) fn test_body(endpoint: &str, now: DateTime<Utc>) -> Vec<u8> {
    let data = Test { endpoint_id: endpoint };
    // It has nothing but texts, which can be written.
    serde_json::to_vec(&Event { r#type: "test", timestamp: at(now), data }).unwrap_or_default()
}
