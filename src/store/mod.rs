//! The only place that knows tables.
//!
//! One thread writes (`writer.rs`) and commits what has gathered in one transaction; readers have
//! connections of their own. An answer to a write comes after its commit, so whatever was
//! acknowledged survives a kill. Nothing here blocks an arbiter: reads run on blocking threads.

mod attempts;
mod buckets;
mod changes;
mod connection;
mod connections;
mod cursors;
mod db;
mod digest;
mod error;
mod finish;
mod former;
mod items;
mod jobs;
mod keys;
mod ledger;
mod marks;
mod migrations;
mod own_records;
mod pages;
mod postgres;
mod properties;
mod pushes;
mod record_rows;
mod records;
mod rows;
mod schema;
mod syncs;
#[cfg(test)]
mod testing;
mod time;
mod tokens;
mod writer;

use std::sync::Arc;

use diesel::QueryResult;
use diesel::r2d2::Pool;

pub use self::attempts::{Attempt, NewAttempt};
pub use self::changes::Change;
use self::connection::Address;
pub use self::connection::{database_exists, database_file, shown_address};
pub use self::connections::Grant;
use self::db::Db;
pub use self::error::StoreError;
pub use self::finish::Finish;
pub use self::keys::{ApiKey, KeyScope, NewKey, sealed_with};
pub use self::migrations::{applied_migrations, known_migrations};
pub use self::own_records::{OwnRecord, Taken, Tie, Written};
pub use self::records::{RecordFilter, StoredRecord};
pub use self::syncs::{StoredLine, SyncLine};
use self::writer::Writer;
use crate::settings;
use crate::vault::Vault;

/// The repository. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    readers: Pool<Address>,
    writer: Arc<Writer>,
    vault: Arc<Vault>,
}

impl Store {
    /// Opens the database, brings its tables up to date and checks that `vault` opens what is in
    /// it. Blocks.
    ///
    /// # Errors
    /// When the database cannot be opened, is newer than this program, or was sealed with another
    /// key.
    pub fn open(settings: &settings::Database, vault: Arc<Vault>) -> Result<Self, StoreError> {
        let address = Address::parse(&settings.url)?;
        let mut first = address.open()?;
        migrations::migrate(&mut first)?;
        let readers = connection::pool(&address, settings.readers)?;
        keys::check_vault(&mut first, &vault)?;
        Ok(Self { readers, writer: Arc::new(Writer::start(first)?), vault })
    }

    /// Runs `query` on a reader, on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        let read = move || {
            let mut reader = readers.get().map_err(|_| StoreError::Busy)?;
            query(&mut reader).map_err(StoreError::from)
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `unit` in the writer's next transaction and answers after its commit. If it fails, it
    /// alone is undone.
    async fn write<T: Send + 'static>(
        &self,
        unit: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(unit).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        use diesel::RunQueryDsl;
        self.read(|db| diesel::sql_query("SELECT 1").execute(db)).await.map(drop)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}
