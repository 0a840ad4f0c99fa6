//! Numbers of everything, for metrics: counted in the background, never for a request.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::store::sql::schema::{connections, incidents, webhook_endpoints, webhook_messages};
use crate::store::{FAILING_AFTER, Store, StoreError};

/// How many there are.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Connections by partner and status.
    pub connections: Vec<(String, String, i64)>,
    /// Open incidents by code.
    pub incidents: Vec<(String, i64)>,
    /// Messages to webhook endpoints that are not over.
    pub webhook_messages: i64,
    /// Webhook endpoints that work, that are failing, and that are disabled.
    pub webhook_endpoints: [i64; 3],
}

impl Store {
    /// Counts connections, open incidents, and webhook endpoints with their messages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counted(&self) -> Result<Counted, StoreError> {
        self.read(|db| {
            // An index has both columns.
            let connections = connections::table
                .group_by((connections::status, connections::partner))
                .select((connections::partner, connections::status, count_star()))
                .load(db)?;
            let incidents = incidents::table
                .filter(incidents::closed_at.is_null())
                .group_by(incidents::code)
                .select((incidents::code, count_star()))
                .load(db)?;
            let webhook_messages = webhook_messages::table.select(count_star()).first(db)?;
            let endpoints: Vec<(bool, i32)> = webhook_endpoints::table
                .select((webhook_endpoints::disabled_at.is_not_null(), webhook_endpoints::failures))
                .load(db)?;
            let mut webhook_endpoints = [0; 3];
            for (is_disabled, failures) in endpoints {
                let is_failing = u32::try_from(failures).is_ok_and(|it| it >= FAILING_AFTER);
                let [working, failing, disabled] = &mut webhook_endpoints;
                let count = match (is_disabled, is_failing) {
                    (true, _) => disabled,
                    (_, true) => failing,
                    _ => working,
                };
                *count += 1;
            }
            Ok(Counted { connections, incidents, webhook_messages, webhook_endpoints })
        })
        .await
    }
}
