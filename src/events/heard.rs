//! Whether webhook endpoints were sent what stands in the feed up to a line.

use super::Events;
use super::types::Filter;
use crate::model::{ChangeKind, UserId};
use crate::store::{Store, StoreError};

impl Events {
    /// Whether each endpoint that works, and gets changes of this kind of this user, was sent those up to
    /// the line `seq`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn were_sent(
        &self,
        store: &Store,
        user: &UserId,
        change: ChangeKind,
        seq: i64,
    ) -> Result<bool, StoreError> {
        for id in store.enabled_webhook_endpoints().await? {
            let Some((endpoint, messages)) = store.webhook_state(id).await? else { continue };
            let filter = Filter::new(&endpoint.events, endpoint.user_prefix.clone());
            if endpoint.health.failures > 0 || !filter.lets_through(change, user) {
                continue;
            }
            let is_under_way = messages.iter().map(|message| &message.planned).any(|planned| {
                planned.first <= seq && planned.user.as_ref().is_none_or(|of| of == user)
            });
            if endpoint.position < seq || is_under_way {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
