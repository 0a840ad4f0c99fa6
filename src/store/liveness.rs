//! Whether the store answers at all: what the watchdog asks.

use std::time::Duration;

use diesel::RunQueryDsl;

use crate::store::{Store, StoreError};

impl Store {
    /// What of the store gives no answer within this time. An error is an answer: a database that is away
    /// or takes no writes comes back by itself.
    pub async fn hanging(&self, within: Duration) -> Option<&'static str> {
        let read = self
            .readers
            .run_within(within, |db| diesel::sql_query("SELECT 1").execute(db).map(drop));
        match tokio::time::timeout(within, read).await {
            // Its readers have been taken all that time.
            Err(_) | Ok(Err(StoreError::Busy)) => return Some("reading from the database"),
            Ok(_) => {}
        }
        let written = tokio::time::timeout(within, self.write(|_| Ok(()))).await;
        written.is_err().then_some("writing to the database")
    }
}
