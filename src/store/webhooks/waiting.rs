//! What endpoints have still to get.

use chrono::{DateTime, Utc};
use diesel::dsl::{count, count_star, max, min};
use diesel::prelude::*;

use crate::model::ChangeKind;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{changes, webhook_messages};
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

/// How far ahead of an endpoint's position the feed is looked at.
const LOOKED_AT: i64 = 10_000;

/// What waits for an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Messages that were begun and not delivered yet.
    pub messages: i64,
    /// Users whose message has failed, so that what follows of them waits.
    pub users: i64,
    /// Changes for the endpoint that are in no message yet, as far as they were counted.
    pub changes: i64,
    /// Whether there may be more of them.
    pub more: bool,
    /// When the oldest that waits happened.
    pub oldest_at: Option<DateTime<Utc>>,
    /// When the first of the messages is to be tried.
    pub next_at: Option<DateTime<Utc>>,
}

/// Which changes an endpoint gets.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The endpoint.
    pub endpoint: String,
    /// The change up to which all were sent or stand in messages.
    pub position: i64,
    /// What it gets.
    pub changes: Vec<ChangeKind>,
    /// The beginning of the ids of users whose changes it gets.
    pub user_prefix: Option<String>,
}

impl Store {
    /// What waits for each of these endpoints.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks_waiting(
        &self,
        endpoints: Vec<Wanted>,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.read(move |db| {
            let end: Option<i64> = changes::table.select(max(changes::seq)).first(db)?;
            endpoints.iter().map(|wanted| waiting(db, wanted, end.unwrap_or(0))).collect()
        })
        .await
    }
}

fn waiting(db: &mut Db, wanted: &Wanted, end: i64) -> QueryResult<Waiting> {
    let begun = webhook_messages::table.filter(webhook_messages::endpoint_id.eq(&wanted.endpoint));
    let (messages, users, first, next_at): (i64, i64, Option<i64>, Option<i64>) = begun
        .select((
            count_star(),
            count(webhook_messages::failing_since),
            min(webhook_messages::first_seq),
            min(webhook_messages::next_at),
        ))
        .first(db)?;
    let last = wanted.position.saturating_add(LOOKED_AT);
    let mut ahead = changes::table
        .filter(changes::seq.gt(wanted.position))
        .filter(changes::seq.le(last))
        .filter(changes::change.eq_any(&wanted.changes))
        .into_boxed();
    if let Some(prefix) = &wanted.user_prefix {
        // Ids are compared byte by byte: those that begin so are a range.
        let after = format!("{prefix}{}", char::MAX);
        ahead = ahead.filter(changes::user_id.ge(prefix)).filter(changes::user_id.lt(after));
    }
    let (ahead, next): (i64, Option<i64>) =
        ahead.select((count_star(), min(changes::seq))).first(db)?;
    let oldest = first.into_iter().chain(next).min();
    let oldest_at: Option<i64> = match oldest {
        None => None,
        Some(seq) => {
            let kept = changes::table.filter(changes::seq.ge(seq)).order(changes::seq);
            kept.select(changes::at).first(db).optional()?
        }
    };
    Ok(Waiting {
        messages,
        users,
        changes: ahead,
        more: end > last,
        oldest_at: oldest_at.map(from_micros),
        next_at: next_at.map(from_micros),
    })
}
