//! What partners were asked to announce: one row for each connection with a subscription of its own, and
//! one for the application where it has one as a whole.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use crate::model::{ConnectionId, Status};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, subscriptions};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};
use crate::vault::AssociatedData;

/// Stands for the application in place of a connection's id.
pub const APPLICATION: ConnectionId = ConnectionId(0);

/// How many rows one statement looks at.
const BATCH: i64 = 500;

pub(in crate::store) const STATE: &str = "subscriptions.state";
pub(in crate::store) const ISSUED: &str = "subscriptions.issued_secret";

/// A subscription, or the attempt at one.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The connection; [`APPLICATION`] for the application as a whole.
    pub connection: ConnectionId,
    /// A digest of the address that the partner was given, and of the secret beside it.
    pub url_digest: Vec<u8>,
    /// What the partner's code needs to know later.
    pub state: Option<SecretString>,
    /// The secret that the partner signs with, if it issued one.
    pub issued_secret: Option<SecretString>,
    /// Since when it is in place; `None` if it is not.
    pub subscribed_at: Option<DateTime<Utc>>,
    /// When the partner ends it.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last checked.
    pub checked_at: DateTime<Utc>,
    /// When it is checked next.
    pub next_check_at: DateTime<Utc>,
    /// Checks that failed in a row.
    pub failures: u32,
    /// Why the last one failed.
    pub error: Option<String>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = subscriptions, treat_none_as_null = true)]
struct Row {
    connection_id: ConnectionId,
    partner: String,
    url_digest: Vec<u8>,
    state_sealed: Option<Vec<u8>>,
    issued_secret_sealed: Option<Vec<u8>>,
    subscribed_at: Option<i64>,
    expires_at: Option<i64>,
    checked_at: i64,
    next_check_at: i64,
    failures: i32,
    error: Option<String>,
}

/// Where the secrets of a subscription are sealed for.
pub(in crate::store) fn place(partner: &str, connection: ConnectionId) -> String {
    format!("{partner}/{connection}")
}

impl Store {
    fn seal_subscription(&self, partner: &str, it: Subscription) -> Result<Row, StoreError> {
        let row = place(partner, it.connection);
        let seal = |column, secret: Option<SecretString>| {
            let place = AssociatedData { column, row: &row };
            secret.map(|secret| self.vault.seal(place, secret.expose_secret())).transpose()
        };
        Ok(Row {
            connection_id: it.connection,
            partner: partner.to_owned(),
            url_digest: it.url_digest,
            state_sealed: seal(STATE, it.state)?,
            issued_secret_sealed: seal(ISSUED, it.issued_secret)?,
            subscribed_at: it.subscribed_at.map(to_micros),
            expires_at: it.expires_at.map(to_micros),
            checked_at: to_micros(it.checked_at),
            next_check_at: to_micros(it.next_check_at),
            failures: i32::try_from(it.failures).unwrap_or(i32::MAX),
            error: it.error,
        })
    }

    fn open_subscription(&self, it: Row) -> Result<Subscription, StoreError> {
        let row = place(&it.partner, it.connection_id);
        let open = |column, sealed: Option<Vec<u8>>| {
            let place = AssociatedData { column, row: &row };
            sealed.map(|sealed| self.vault.open(place, &sealed)).transpose()
        };
        Ok(Subscription {
            connection: it.connection_id,
            url_digest: it.url_digest,
            state: open(STATE, it.state_sealed)?,
            issued_secret: open(ISSUED, it.issued_secret_sealed)?,
            subscribed_at: it.subscribed_at.map(from_micros),
            expires_at: it.expires_at.map(from_micros),
            checked_at: from_micros(it.checked_at),
            next_check_at: from_micros(it.next_check_at),
            failures: u32::try_from(it.failures).unwrap_or_default(),
            error: it.error,
        })
    }

    /// The subscription of a connection at a partner, or of the application, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn subscription(
        &self,
        partner: &'static str,
        connection: ConnectionId,
    ) -> Result<Option<Subscription>, StoreError> {
        let row: Option<Row> = self
            .read(move |db| {
                subscriptions::table
                    .find((connection, partner))
                    .select(Row::as_select())
                    .first(db)
                    .optional()
            })
            .await?;
        row.map(|row| self.open_subscription(row)).transpose()
    }

    /// Why the subscriptions of these connections are not in place, by connection.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn subscription_errors(
        &self,
        ids: Vec<ConnectionId>,
    ) -> Result<Vec<(ConnectionId, Option<String>)>, StoreError> {
        self.read(move |db| {
            subscriptions::table
                .filter(subscriptions::connection_id.eq_any(ids))
                .select((subscriptions::connection_id, subscriptions::error))
                .load(db)
        })
        .await
    }

    /// Stores a subscription, or the attempt at one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_subscription(
        &self,
        partner: &'static str,
        subscription: Subscription,
    ) -> Result<(), StoreError> {
        let row = self.seal_subscription(partner, subscription)?;
        self.write(move |db| {
            // A connection that was ended meanwhile gets none.
            let (id, since) = (row.connection_id, row.subscribed_at);
            if id != APPLICATION {
                let connected = connections::table
                    .find(id)
                    .filter(connections::status.eq(Status::Connected.name()));
                let changed = diesel::update(connected)
                    .set(connections::subscribed_at.eq(since))
                    .execute(db)?;
                if changed == 0 {
                    return Ok(());
                }
            }
            let known = subscriptions::table.find((id, partner));
            if diesel::update(known).set(&row).execute(db)? == 0 {
                diesel::insert_into(subscriptions::table).values(&row).execute(db)?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets a subscription that was ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_subscription(
        &self,
        partner: &'static str,
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            diesel::delete(subscriptions::table.find((connection, partner))).execute(db)?;
            diesel::update(connections::table.find(connection))
                .set(connections::subscribed_at.eq(None::<i64>))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// The next of a partner's subscriptions that are due to be checked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn subscriptions_due(
        &self,
        partner: &'static str,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<ConnectionId>, StoreError> {
        self.read(move |db| {
            subscriptions::table
                .filter(subscriptions::partner.eq(partner))
                .filter(subscriptions::next_check_at.le(to_micros(now)))
                .order((subscriptions::next_check_at, subscriptions::connection_id))
                .limit(limit)
                .select(subscriptions::connection_id)
                .load(db)
        })
        .await
    }

    /// Makes the subscriptions due whose address or secret is not this one any more, and those that
    /// failed; adds those that connected connections lack if `adds`. Looks at a few at a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn review_subscriptions(
        &self,
        partner: &'static str,
        url_digest: Vec<u8>,
        adds: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut after = ConnectionId(i64::MIN);
        loop {
            let of_partner = self
                .read(move |db| {
                    subscriptions::table
                        .filter(subscriptions::partner.eq(partner))
                        .filter(subscriptions::connection_id.gt(after))
                        .order(subscriptions::connection_id)
                        .limit(BATCH)
                        .select((
                            subscriptions::connection_id,
                            subscriptions::url_digest,
                            subscriptions::error.is_not_null(),
                        ))
                        .load::<(ConnectionId, Vec<u8>, bool)>(db)
                })
                .await?;
            let Some((last, ..)) = of_partner.last() else { break };
            after = *last;
            let (mut other, mut failed) = (Vec::new(), Vec::new());
            for (id, digest, has_failed) in of_partner {
                match (digest == url_digest, has_failed) {
                    (false, _) => other.push(id),
                    // Perhaps the settings were mended for it.
                    (true, true) => failed.push(id),
                    (true, false) => {}
                }
            }
            if !other.is_empty() {
                self.write(move |db| make_due(db, partner, &other, now)).await?;
            }
            if !failed.is_empty() {
                self.put_off_subscriptions(partner, failed, now).await?;
            }
        }
        if adds { self.add_subscriptions(partner, now).await } else { Ok(()) }
    }

    async fn add_subscriptions(
        &self,
        partner: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut after = ConnectionId(i64::MIN);
        loop {
            let lacking: Vec<ConnectionId> = self
                .read(move |db| {
                    connections::table
                        .left_join(
                            subscriptions::table.on(subscriptions::connection_id
                                .eq(connections::id)
                                .and(subscriptions::partner.eq(partner))),
                        )
                        .filter(connections::partner.eq(partner))
                        .filter(connections::status.eq(Status::Connected.name()))
                        .filter(connections::id.gt(after))
                        .filter(subscriptions::connection_id.nullable().is_null())
                        .order(connections::id)
                        .limit(BATCH)
                        .select(connections::id)
                        .load(db)
                })
                .await?;
            let Some(last) = lacking.last() else { return Ok(()) };
            after = *last;
            self.write(move |db| {
                for connection in lacking {
                    let row = Row::wanted(connection, partner, now);
                    // One may have been added by a connect meanwhile.
                    let known = subscriptions::table.find((connection, partner));
                    if diesel::select(diesel::dsl::exists(known)).get_result(db)? {
                        continue;
                    }
                    diesel::insert_into(subscriptions::table).values(&row).execute(db)?;
                }
                Ok(())
            })
            .await?;
        }
    }

    /// Lets these be checked at another time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_off_subscriptions(
        &self,
        partner: &'static str,
        ids: Vec<ConnectionId>,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            let rows = subscriptions::table
                .filter(subscriptions::partner.eq(partner))
                .filter(subscriptions::connection_id.eq_any(ids));
            diesel::update(rows).set(subscriptions::next_check_at.eq(to_micros(at))).execute(db)?;
            Ok(())
        })
        .await
    }
}

impl Row {
    /// A subscription that was not tried yet.
    fn wanted(connection_id: ConnectionId, partner: &str, now: DateTime<Utc>) -> Self {
        Self {
            connection_id,
            partner: partner.to_owned(),
            url_digest: Vec::new(),
            state_sealed: None,
            issued_secret_sealed: None,
            subscribed_at: None,
            expires_at: None,
            checked_at: to_micros(now),
            next_check_at: to_micros(now),
            failures: 0,
            error: None,
        }
    }
}

fn make_due(
    db: &mut Db,
    partner: &str,
    ids: &[ConnectionId],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = subscriptions::table
        .filter(subscriptions::partner.eq(partner))
        .filter(subscriptions::connection_id.eq_any(ids));
    diesel::update(rows)
        .set((subscriptions::next_check_at.eq(to_micros(now)), subscriptions::failures.eq(0)))
        .execute(db)?;
    // What was subscribed with another address does not arrive.
    diesel::update(connections::table.filter(connections::id.eq_any(ids)))
        .set(connections::subscribed_at.eq(None::<i64>))
        .execute(db)?;
    Ok(())
}
