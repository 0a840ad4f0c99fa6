//! Webhook endpoints. They read the change feed, each from its position on; no event is copied.

mod counts;
mod deliveries;
mod feed;
mod managing;
mod messages;
#[cfg(test)]
mod tests;
mod waiting;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

pub use self::counts::DeliveryCount;
pub use self::deliveries::{Delivery, NewDelivery};
pub use self::feed::FeedLine;
pub use self::messages::{
    AttemptEnd, EndpointHealth, FAILING_AFTER, Fate, PlannedMessage, WebhookMessage,
};
pub use self::waiting::{Waiting, Wanted};
use crate::store::StoreError;
use crate::store::sql::schema::webhook_endpoints;
use crate::store::sql::time::from_micros;
use crate::vault::{AssociatedData, Vault};

/// A secret stays sealed for this place when it becomes the previous one.
pub(in crate::store) const SECRET: &str = "webhook_endpoints.secret";
pub(in crate::store) const URL: &str = "webhook_endpoints.url";

/// Where events are sent.
#[derive(Clone, Debug)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: String,
    /// Its address; the query may hold a secret.
    pub url: SecretString,
    /// The secret that signs.
    pub secret: SecretString,
    /// The one before, and until when it signs as well.
    pub previous_secret: Option<(SecretString, DateTime<Utc>)>,
    /// Patterns of the types of events it gets.
    pub events: Vec<String>,
    /// The beginning of the ids of users whose events it gets.
    pub user_prefix: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The change up to which all were sent or stand in messages.
    pub position: i64,
    /// How well it works.
    pub health: EndpointHealth,
    /// When and why it was disabled.
    pub disabled: Option<(DateTime<Utc>, String)>,
}

/// An endpoint to create.
#[derive(Debug)]
pub struct NewEndpoint {
    /// Its id.
    pub id: String,
    /// Its address.
    pub url: SecretString,
    /// Its secret.
    pub secret: SecretString,
    /// Patterns of the types of events it gets.
    pub events: Vec<String>,
    /// The beginning of the ids of users whose events it gets.
    pub user_prefix: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// What to change of an endpoint; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct EndpointChange {
    /// The address.
    pub url: Option<SecretString>,
    /// The patterns.
    pub events: Option<Vec<String>>,
    /// The beginning of the ids of users, or none.
    pub user_prefix: Option<Option<String>>,
    /// What it is for, or nothing.
    pub description: Option<Option<String>>,
    /// Whether it gets events. Enabled again, it goes on where it stopped.
    pub enabled: Option<bool>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = webhook_endpoints)]
struct EndpointRow {
    id: String,
    url_sealed: Vec<u8>,
    secret_sealed: Vec<u8>,
    previous_secret_sealed: Option<Vec<u8>>,
    previous_until: Option<i64>,
    events: String,
    user_prefix: Option<String>,
    description: Option<String>,
    created_at: i64,
    position: i64,
    succeeded_at: Option<i64>,
    failing_since: Option<i64>,
    failures: i32,
    next_at: Option<i64>,
    last_error: Option<String>,
    disabled_at: Option<i64>,
    disabled_reason: Option<String>,
}

impl EndpointRow {
    fn into_model(self, vault: &Vault) -> Result<WebhookEndpoint, StoreError> {
        let open =
            |column, sealed: &[u8]| vault.open(AssociatedData { column, row: &self.id }, sealed);
        let previous = self.previous_secret_sealed.as_deref().zip(self.previous_until);
        let previous_secret = previous.map(|(sealed, until)| {
            Ok::<_, StoreError>((open(SECRET, sealed)?, from_micros(until)))
        });
        Ok(WebhookEndpoint {
            url: open(URL, &self.url_sealed)?,
            secret: open(SECRET, &self.secret_sealed)?,
            previous_secret: previous_secret.transpose()?,
            events: serde_json::from_str(&self.events)
                .map_err(|_| StoreError::Corrupt("events"))?,
            user_prefix: self.user_prefix,
            description: self.description,
            created_at: from_micros(self.created_at),
            position: self.position,
            health: EndpointHealth {
                succeeded_at: self.succeeded_at.map(from_micros),
                failing_since: self.failing_since.map(from_micros),
                failures: u32::try_from(self.failures).unwrap_or_default(),
                next_at: self.next_at.map(from_micros),
                last_error: self.last_error,
            },
            disabled: self
                .disabled_at
                .map(|at| (from_micros(at), self.disabled_reason.unwrap_or_default())),
            id: self.id,
        })
    }
}

fn patterns(events: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(events).map_err(|_| StoreError::Corrupt("events"))
}

fn seal(
    vault: &Vault,
    column: &'static str,
    row: &str,
    secret: &SecretString,
) -> Result<Vec<u8>, StoreError> {
    Ok(vault.seal(AssociatedData { column, row }, secret.expose_secret())?)
}
