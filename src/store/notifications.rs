//! What partners announce: stored in one statement for all that arrive together, and answered after its
//! commit.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::model::{ConnectionId, Status};
use crate::scheduler::Trust;
use crate::store::sql::db::Db;
use crate::store::sql::rows::{Column, Rows};
use crate::store::sql::schema::{connections, delivered_data, subscriptions};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::sql::writer::BatchWrite;
use crate::store::{Store, StoreError, delivered};

/// A notification.
#[derive(Debug)]
pub struct Notified {
    /// The partner.
    pub partner: &'static str,
    /// The partner's ids of the users it is about.
    pub accounts: Vec<String>,
    /// The data it brought, if it did.
    pub delivered: Vec<delivered::Delivered>,
    /// When it came.
    pub at: DateTime<Utc>,
}

/// A connection whose notifications are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// The connection.
    pub connection: ConnectionId,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Store {
    /// Stores that a partner announced something: the connections are due. Returns those that are
    /// connected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notified(&self, notified: Notified) -> Result<Vec<ConnectionId>, StoreError> {
        self.writer.join(notified).await
    }

    /// At most `limit` connections of a partner whose notifications are missing, first those for which
    /// they have been missing longest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unheard(
        &self,
        partner: &'static str,
        limit: i64,
    ) -> Result<Vec<Unheard>, StoreError> {
        let rows: Vec<(ConnectionId, i64)> = self
            .read(move |db| {
                connections::table
                    .filter(connections::partner.eq(partner))
                    .filter(connections::unheard_since.is_not_null())
                    .order(connections::unheard_since)
                    .limit(limit)
                    .select((connections::id, connections::unheard_since.assume_not_null()))
                    .load(db)
            })
            .await?;
        let unheard = |(connection, since)| Unheard { connection, since: from_micros(since) };
        Ok(rows.into_iter().map(unheard).collect())
    }
}

impl BatchWrite for Notified {
    type Outcome = Vec<ConnectionId>;

    fn store(db: &mut Db, units: &[Self]) -> Result<Vec<Self::Outcome>, StoreError> {
        fail::fail_point!("store::notified");
        // A row twice would be updated by either of the two.
        let mut latest: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for unit in units {
            for account in &unit.accounts {
                let at = latest.entry((unit.partner, account)).or_insert(i64::MIN);
                *at = (*at).max(to_micros(unit.at));
            }
        }
        let rows: Vec<_> =
            latest.into_iter().map(|((partner, account), at)| (partner, account, at)).collect();
        let columns = [Column::Text("partner"), Column::Text("account"), Column::Integer("at")];
        let rows = Rows::new(db, &columns, &rows)?;
        let update = format!(
            "UPDATE connections SET notified_at = n.at, next_poll_at = \
             CASE WHEN next_poll_at < n.at THEN next_poll_at ELSE n.at END \
             FROM {} WHERE connections.partner = n.partner \
             AND connections.external_user_id = n.account AND connections.status = '{}' \
             RETURNING connections.id AS id, connections.partner AS partner, \
             connections.external_user_id AS account",
            rows.table,
            Status::Connected.name()
        );
        #[derive(QueryableByName)]
        struct Due {
            #[diesel(sql_type = BigInt)]
            id: ConnectionId,
            #[diesel(sql_type = Text)]
            partner: String,
            #[diesel(sql_type = Text)]
            account: String,
        }
        let due: Vec<Due> = diesel::sql_query(update).bind::<Text, _>(rows.json).load(db)?;
        let mut of_account: HashMap<(&str, &str), Vec<ConnectionId>> = HashMap::new();
        for Due { id, partner, account } in &due {
            of_account.entry((partner, account)).or_default().push(*id);
        }
        let mut outcomes = Vec::with_capacity(units.len());
        for unit in units {
            let known = |account: &str| {
                of_account.get(&(unit.partner, account)).cloned().unwrap_or_default()
            };
            for one in &unit.delivered {
                for connection in known(&one.account) {
                    delivered::keep(db, connection, one, unit.at)?;
                }
            }
            let mut ids: Vec<ConnectionId> =
                unit.accounts.iter().flat_map(|account| known(account)).collect();
            ids.sort_unstable();
            ids.dedup();
            outcomes.push(ids);
        }
        Ok(outcomes)
    }
}

/// What is known about a connection's notifications, as it is stored.
pub(in crate::store) fn trust_text(trust: &Trust) -> Result<String, StoreError> {
    serde_json::to_string(trust).map_err(|_| StoreError::Corrupt("trust"))
}

/// Forgets everything about a connection's notifications: it ended, or belongs to another account.
pub(in crate::store) fn forget(db: &mut Db, id: ConnectionId) -> QueryResult<()> {
    diesel::update(connections::table.find(id))
        .set((
            connections::notified_at.eq(None::<i64>),
            connections::trust.eq(None::<String>),
            connections::unheard_since.eq(None::<i64>),
            connections::subscribed_at.eq(None::<i64>),
            connections::delivered_at.eq(None::<i64>),
        ))
        .execute(db)?;
    diesel::delete(subscriptions::table.filter(subscriptions::connection_id.eq(id))).execute(db)?;
    diesel::delete(delivered_data::table.filter(delivered_data::connection_id.eq(id)))
        .execute(db)?;
    Ok(())
}
