//! What the host app does with endpoints: creates, changes, replays and deletes them.

use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use partner_sdk::secrecy::SecretString;

use super::{
    EndpointChange, EndpointRow, NewEndpoint, SECRET, URL, WebhookEndpoint, messages, patterns,
    seal,
};
use crate::store::sql::schema::{changes, webhook_deliveries, webhook_endpoints, webhook_messages};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError};

/// How many attempts one statement deletes.
const DELETED_AT_ONCE: i64 = 1_000;

impl Store {
    /// Creates an endpoint, which gets what happens from now on. Returns whether there was room: there
    /// may be at most `most`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_webhook_endpoint(
        &self,
        new: NewEndpoint,
        most: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let url = seal(&self.vault, URL, &new.id, &new.url)?;
        let secret = seal(&self.vault, SECRET, &new.id, &new.secret)?;
        let events = patterns(&new.events)?;
        self.write(move |db| {
            let known: i64 = webhook_endpoints::table.count().get_result(db)?;
            if known >= most {
                return Ok(false);
            }
            let end: Option<i64> = changes::table.select(max(changes::seq)).first(db)?;
            diesel::insert_into(webhook_endpoints::table)
                .values((
                    webhook_endpoints::id.eq(new.id),
                    webhook_endpoints::url_sealed.eq(url),
                    webhook_endpoints::secret_sealed.eq(secret),
                    webhook_endpoints::events.eq(events),
                    webhook_endpoints::user_prefix.eq(new.user_prefix),
                    webhook_endpoints::description.eq(new.description),
                    webhook_endpoints::created_at.eq(to_micros(now)),
                    webhook_endpoints::position.eq(end.unwrap_or(0)),
                    webhook_endpoints::failures.eq(0),
                ))
                .execute(db)?;
            Ok(true)
        })
        .await
    }

    /// All endpoints, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StoreError> {
        let rows: Vec<EndpointRow> = self
            .read(|db| {
                webhook_endpoints::table
                    .order((webhook_endpoints::created_at, webhook_endpoints::id))
                    .select(EndpointRow::as_select())
                    .load(db)
            })
            .await?;
        rows.into_iter().map(|row| row.into_model(&self.vault)).collect()
    }

    /// The ids of the endpoints that get events.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn enabled_webhook_endpoints(&self) -> Result<Vec<String>, StoreError> {
        self.read(|db| {
            webhook_endpoints::table
                .filter(webhook_endpoints::disabled_at.is_null())
                .order(webhook_endpoints::id)
                .select(webhook_endpoints::id)
                .load(db)
        })
        .await
    }

    /// One endpoint.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhook_endpoint(
        &self,
        id: String,
    ) -> Result<Option<WebhookEndpoint>, StoreError> {
        let row: Option<EndpointRow> = self
            .read(move |db| {
                let found = webhook_endpoints::table.find(id).select(EndpointRow::as_select());
                found.first(db).optional()
            })
            .await?;
        row.map(|row| row.into_model(&self.vault)).transpose()
    }

    /// Changes an endpoint. Returns whether there is one of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_webhook_endpoint(
        &self,
        id: String,
        change: EndpointChange,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let url = change.url.map(|url| seal(&self.vault, URL, &id, &url)).transpose()?;
        let events = change.events.as_deref().map(patterns).transpose()?;
        self.write(move |db| {
            let endpoint = webhook_endpoints::table.find(&id);
            let disabled: Option<Option<i64>> =
                endpoint.select(webhook_endpoints::disabled_at).first(db).optional()?;
            let Some(disabled) = disabled else { return Ok(false) };
            if let Some(url) = url {
                // What was wrong with the old address says nothing about this one.
                let set = (
                    webhook_endpoints::url_sealed.eq(url),
                    webhook_endpoints::failing_since.eq(None::<i64>),
                    webhook_endpoints::failures.eq(0),
                    webhook_endpoints::next_at.eq(None::<i64>),
                    webhook_endpoints::last_error.eq(None::<String>),
                );
                diesel::update(endpoint).set(set).execute(db)?;
                messages::release(db, &id, now)?;
                messages::no_longer_failing(db, &id, "it has another address", now)?;
            }
            if let Some(events) = events {
                let set = webhook_endpoints::events.eq(events);
                diesel::update(endpoint).set(set).execute(db)?;
            }
            if let Some(prefix) = change.user_prefix {
                let set = webhook_endpoints::user_prefix.eq(prefix);
                diesel::update(endpoint).set(set).execute(db)?;
            }
            if let Some(description) = change.description {
                let set = webhook_endpoints::description.eq(description);
                diesel::update(endpoint).set(set).execute(db)?;
            }
            match change.enabled {
                Some(true) if disabled.is_some() => {
                    let set = (
                        webhook_endpoints::disabled_at.eq(None::<i64>),
                        webhook_endpoints::disabled_reason.eq(None::<String>),
                        webhook_endpoints::failing_since.eq(None::<i64>),
                        webhook_endpoints::failures.eq(0),
                        webhook_endpoints::next_at.eq(None::<i64>),
                    );
                    diesel::update(endpoint).set(set).execute(db)?;
                    messages::release(db, &id, now)?;
                    messages::no_longer_failing(db, &id, "it was enabled again", now)?;
                }
                Some(false) if disabled.is_none() => {
                    messages::disable(db, &id, "disabled by a request", now)?;
                    messages::no_longer_failing(db, &id, "it was disabled by a request", now)?;
                }
                _ => {}
            }
            Ok(true)
        })
        .await
    }

    /// Gives an endpoint a new secret; the one before signs as well until then. Returns whether there
    /// is an endpoint of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_webhook_secret(
        &self,
        id: String,
        secret: SecretString,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let sealed = seal(&self.vault, SECRET, &id, &secret)?;
        self.write(move |db| {
            let set = (
                webhook_endpoints::previous_secret_sealed
                    .eq(webhook_endpoints::secret_sealed.nullable()),
                webhook_endpoints::previous_until.eq(Some(to_micros(until))),
                webhook_endpoints::secret_sealed.eq(sealed),
            );
            let endpoint = webhook_endpoints::table.find(id);
            Ok(diesel::update(endpoint).set(set).execute(db)? > 0)
        })
        .await
    }

    /// Makes an endpoint get everything after a change again. Returns whether there is an endpoint of
    /// that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replay_webhooks(&self, id: String, after: i64) -> Result<bool, StoreError> {
        self.write(move |db| {
            let endpoint = webhook_endpoints::table.find(&id);
            let position: Option<i64> =
                endpoint.select(webhook_endpoints::position).first(db).optional()?;
            let Some(position) = position else { return Ok(false) };
            if after < position {
                let set = webhook_endpoints::position.eq(after);
                diesel::update(endpoint).set(set).execute(db)?;
                // What they say comes again.
                let later = webhook_messages::table
                    .filter(webhook_messages::endpoint_id.eq(&id))
                    .filter(webhook_messages::first_seq.gt(after));
                diesel::delete(later).execute(db)?;
            }
            Ok(true)
        })
        .await
    }

    /// Deletes an endpoint. Returns whether there was one of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_webhook_endpoint(
        &self,
        id: String,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let of = id.clone();
        self.write(move |db| messages::disable(db, &of, "being deleted", now)).await?;
        loop {
            let of = id.clone();
            let deleted = self.write(move |db| {
                let some = webhook_deliveries::table
                    .filter(webhook_deliveries::endpoint_id.eq(of))
                    .order(webhook_deliveries::id)
                    .limit(DELETED_AT_ONCE)
                    .select(webhook_deliveries::id);
                let ids: Vec<i64> = some.load(db)?;
                let some = webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(ids));
                Ok(diesel::delete(some).execute(db)?)
            });
            if deleted.await? == 0 {
                break;
            }
        }
        self.write(move |db| {
            let of = webhook_messages::endpoint_id.eq(&id);
            diesel::delete(webhook_messages::table.filter(of)).execute(db)?;
            let of = webhook_deliveries::endpoint_id.eq(&id);
            diesel::delete(webhook_deliveries::table.filter(of)).execute(db)?;
            messages::no_longer_failing(db, &id, "it was deleted", now)?;
            Ok(diesel::delete(webhook_endpoints::table.find(id)).execute(db)? > 0)
        })
        .await
    }
}
