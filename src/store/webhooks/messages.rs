//! The messages of an endpoint that were begun and not delivered yet. A message is a range of the feed,
//! of one user or of several.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::deliveries::{self, NewDelivery};
use super::{EndpointRow, WebhookEndpoint, counts};
use crate::incidents::{IncidentCode, NewIncident, Subject};
use crate::model::UserId;
use crate::store::records::rows::INSERTED;
use crate::store::sql::db::{Db, each};
use crate::store::sql::schema::{webhook_endpoints, webhook_messages};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError, incidents};

/// This number of failed attempts in a row is worth a line in the logs.
pub const FAILING_AFTER: u32 = 3;

/// How well an endpoint works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointHealth {
    /// When a message was last delivered.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Since when every attempt has failed.
    pub failing_since: Option<DateTime<Utc>>,
    /// Attempts in a row that failed; what is sent at once counts as one.
    pub failures: u32,
    /// Nothing is sent before this.
    pub next_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMessage {
    /// The same at each attempt.
    pub id: String,
    /// The user whose changes it has; those of several users if `None`.
    pub user: Option<UserId>,
    /// The first change.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// Users whose changes it leaves out.
    pub without: Vec<UserId>,
}

/// A message that was begun.
#[derive(Clone, Debug)]
pub struct WebhookMessage {
    /// What it is.
    pub planned: PlannedMessage,
    /// Attempts so far.
    pub attempts: u32,
    /// Where it stands on the schedule.
    pub step: u32,
    /// Since when it has failed itself, or followed one that had; later changes of its user wait for
    /// it.
    pub failing_since: Option<DateTime<Utc>>,
    /// It is not tried before this.
    pub next_at: DateTime<Utc>,
}

/// What becomes of a message after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is over.
    Over,
    /// It is over, and the next of its user follows.
    FollowedBy(PlannedMessage),
    /// It is over, and its first part takes its place; later changes of its user wait for that.
    Shortened(PlannedMessage),
    /// It is tried again as soon as the endpoint is.
    Stays,
    /// It failed, and later changes of its user wait for it.
    Again {
        /// Where it stands on the schedule then.
        step: u32,
        /// Since when it has failed.
        failing_since: DateTime<Utc>,
        /// When it is tried again.
        next_at: DateTime<Utc>,
    },
    /// These take its place.
    Split(Vec<PlannedMessage>),
}

/// The end of an attempt.
#[derive(Debug)]
pub struct AttemptEnd {
    /// The message.
    pub message: PlannedMessage,
    /// What becomes of it.
    pub fate: Fate,
    /// The line about it; `None` if there was nothing to send.
    pub delivery: Option<NewDelivery>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_messages)]
struct MessageRow {
    id: String,
    endpoint_id: String,
    user_id: Option<String>,
    first_seq: i64,
    last_seq: i64,
    without: Option<String>,
    attempts: i32,
    step: i32,
    failing_since: Option<i64>,
    next_at: i64,
}

impl WebhookMessage {
    /// One that was not tried yet.
    pub fn new(planned: PlannedMessage, now: DateTime<Utc>) -> Self {
        Self { planned, attempts: 0, step: 0, failing_since: None, next_at: now }
    }
}

impl MessageRow {
    fn new(endpoint: &str, planned: &PlannedMessage, at: i64) -> Result<Self, StoreError> {
        let without =
            (!planned.without.is_empty()).then(|| serde_json::to_string(&planned.without));
        Ok(Self {
            id: planned.id.clone(),
            endpoint_id: endpoint.to_owned(),
            user_id: planned.user.as_ref().map(|user| user.as_str().to_owned()),
            first_seq: planned.first,
            last_seq: planned.last,
            without: without.transpose().map_err(|_| StoreError::Corrupt("users"))?,
            attempts: 0,
            step: 0,
            failing_since: None,
            next_at: at,
        })
    }

    fn into_model(self) -> Result<WebhookMessage, StoreError> {
        let without = self.without.as_deref().map(serde_json::from_str::<Vec<String>>).transpose();
        let without = without.map_err(|_| StoreError::Corrupt("users"))?.unwrap_or_default();
        Ok(WebhookMessage {
            planned: PlannedMessage {
                id: self.id,
                user: self.user_id.map(UserId::stored),
                first: self.first_seq,
                last: self.last_seq,
                without: without.into_iter().map(UserId::stored).collect(),
            },
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            step: u32::try_from(self.step).unwrap_or_default(),
            failing_since: self.failing_since.map(from_micros),
            next_at: from_micros(self.next_at),
        })
    }
}

fn insert(
    db: &mut Db,
    endpoint: &str,
    planned: &[PlannedMessage],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows: Result<Vec<_>, _> =
        planned.iter().map(|message| MessageRow::new(endpoint, message, to_micros(now))).collect();
    for rows in rows?.chunks(INSERTED) {
        each!(db, |db| diesel::insert_into(webhook_messages::table).values(rows).execute(db))?;
    }
    Ok(())
}

/// Makes all messages of an endpoint due.
pub(super) fn release(db: &mut Db, endpoint: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let of = webhook_messages::table.filter(webhook_messages::endpoint_id.eq(endpoint));
    diesel::update(of).set(webhook_messages::next_at.eq(to_micros(now))).execute(db)?;
    Ok(())
}

/// Disables an endpoint.
pub(super) fn disable(
    db: &mut Db,
    endpoint: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let set = (
        webhook_endpoints::disabled_at.eq(Some(to_micros(now))),
        webhook_endpoints::disabled_reason.eq(Some(reason)),
        webhook_endpoints::next_at.eq(None::<i64>),
    );
    diesel::update(webhook_endpoints::table.find(endpoint)).set(set).execute(db)?;
    Ok(())
}

/// Inserts a message that its user waits with, as after one that has failed.
fn insert_waiting(
    db: &mut Db,
    endpoint: &str,
    message: &PlannedMessage,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    insert(db, endpoint, std::slice::from_ref(message), now)?;
    let set = webhook_messages::failing_since.eq(Some(to_micros(now)));
    diesel::update(webhook_messages::table.find(&message.id)).set(set).execute(db)?;
    Ok(())
}

/// Forgets messages with later changes of the same user, which wait for this one: see the table.
fn forget_later(db: &mut Db, endpoint: &str, message: &PlannedMessage) -> Result<(), StoreError> {
    let later = webhook_messages::table
        .filter(webhook_messages::endpoint_id.eq(endpoint))
        .filter(webhook_messages::user_id.eq(message.user.as_ref().map(UserId::as_str)))
        .filter(webhook_messages::first_seq.gt(message.last));
    diesel::delete(later).execute(db)?;
    Ok(())
}

fn apply(
    db: &mut Db,
    endpoint: &str,
    end: &AttemptEnd,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let message = &end.message;
    let row = webhook_messages::table.find(&message.id);
    let gone = match &end.fate {
        // It may have been replaced meanwhile by a replay.
        Fate::Over | Fate::FollowedBy(_) | Fate::Shortened(_) | Fate::Split(_) => {
            diesel::delete(row).execute(db)? == 0
        }
        Fate::Stays => {
            let set = webhook_messages::attempts.eq(webhook_messages::attempts + 1);
            diesel::update(row).set(set).execute(db)? == 0
        }
        Fate::Again { step, failing_since, next_at } => {
            let set = (
                webhook_messages::attempts.eq(webhook_messages::attempts + 1),
                webhook_messages::step.eq(i32::try_from(*step).unwrap_or(i32::MAX)),
                webhook_messages::failing_since.eq(Some(to_micros(*failing_since))),
                webhook_messages::next_at.eq(to_micros(*next_at)),
            );
            diesel::update(row).set(set).execute(db)? == 0
        }
    };
    if gone {
        return Ok(());
    }
    match &end.fate {
        Fate::FollowedBy(next) => insert_waiting(db, endpoint, next, now),
        Fate::Shortened(first) => {
            forget_later(db, endpoint, first)?;
            insert_waiting(db, endpoint, first, now)
        }
        Fate::Split(parts) => insert(db, endpoint, parts, now),
        Fate::Again { .. } => forget_later(db, endpoint, message),
        Fate::Over | Fate::Stays => Ok(()),
    }
}

/// Closes an endpoint's entry in the error log.
pub(super) fn no_longer_failing(
    db: &mut Db,
    endpoint: &str,
    why: &'static str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let subject = Subject::Endpoint(endpoint.to_owned());
    incidents::end(db, IncidentCode::WebhookFailing, &subject, 0, why, now)
}

/// Keeps in the error log whether an endpoint fails, before its new health is stored.
fn report(
    db: &mut Db,
    endpoint: &str,
    health: &EndpointHealth,
    is_disabled: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let subject = Subject::Endpoint(endpoint.to_owned());
    if is_disabled || health.failures >= FAILING_AFTER {
        let seen = NewIncident {
            detail: health.last_error.clone(),
            ..NewIncident::new(IncidentCode::WebhookFailing, subject)
        };
        return incidents::open(db, &[(seen, now)]);
    }
    let before = webhook_endpoints::table.find(endpoint).select(webhook_endpoints::failures);
    let before: Option<i32> = before.first(db).optional()?;
    if health.failures == 0 && before.is_some_and(|failures| failures > 0) {
        no_longer_failing(db, endpoint, "a delivery was accepted", now)?;
    }
    Ok(())
}

impl Store {
    /// An endpoint and its messages, in the order of the feed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_state(
        &self,
        id: String,
    ) -> Result<Option<(WebhookEndpoint, Vec<WebhookMessage>)>, StoreError> {
        let found: Option<(EndpointRow, Vec<MessageRow>)> = self
            .read(move |db| {
                let row = webhook_endpoints::table.find(&id).select(EndpointRow::as_select());
                let Some(row) = row.first(db).optional()? else { return Ok(None) };
                let messages = webhook_messages::table
                    .filter(webhook_messages::endpoint_id.eq(&id))
                    .order((webhook_messages::first_seq, webhook_messages::id))
                    .select(MessageRow::as_select())
                    .load(db)?;
                Ok(Some((row, messages)))
            })
            .await?;
        let Some((row, messages)) = found else { return Ok(None) };
        let messages: Result<Vec<_>, _> =
            messages.into_iter().map(MessageRow::into_model).collect();
        Ok(Some((row.into_model(&self.vault)?, messages?)))
    }

    /// Begins messages, and moves the endpoint's position from one change to another. Returns whether
    /// the position was still there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn plan_webhooks(
        &self,
        endpoint: String,
        (from, to): (i64, i64),
        messages: Vec<PlannedMessage>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |db| {
            let there = webhook_endpoints::table
                .find(&endpoint)
                .filter(webhook_endpoints::position.eq(from));
            let set = webhook_endpoints::position.eq(to);
            if diesel::update(there).set(set).execute(db)? == 0 {
                return Ok(false);
            }
            insert(db, &endpoint, &messages, now)?;
            Ok(true)
        })
        .await
    }

    /// Stores the end of attempts: what becomes of the messages and of the endpoint. `released` makes
    /// what has failed due at once; `disabled` says why the endpoint gets nothing any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_webhook_attempts(
        &self,
        endpoint: String,
        ends: Vec<AttemptEnd>,
        health: EndpointHealth,
        released: bool,
        disabled: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            report(db, &endpoint, &health, disabled.is_some(), now)?;
            let set = (
                webhook_endpoints::succeeded_at.eq(health.succeeded_at.map(to_micros)),
                webhook_endpoints::failing_since.eq(health.failing_since.map(to_micros)),
                webhook_endpoints::failures.eq(i32::try_from(health.failures).unwrap_or(i32::MAX)),
                webhook_endpoints::next_at.eq(health.next_at.map(to_micros)),
                webhook_endpoints::last_error.eq(health.last_error),
            );
            let row = webhook_endpoints::table.find(&endpoint);
            if diesel::update(row).set(set).execute(db)? == 0 {
                // It was deleted meanwhile.
                return Ok(());
            }
            if released {
                release(db, &endpoint, now)?;
            }
            for end in &ends {
                apply(db, &endpoint, end, now)?;
            }
            counts::add(db, &endpoint, &ends, now)?;
            deliveries::insert(db, &endpoint, ends, now)?;
            match disabled {
                Some(reason) => disable(db, &endpoint, &reason, now),
                None => Ok(()),
            }
        })
        .await
    }
}
