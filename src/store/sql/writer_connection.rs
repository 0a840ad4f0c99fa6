//! The writer's connection, replaced when it is lost.

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::ManageConnection;

use crate::store::StoreError;
use crate::store::sql::connect::{Connector, is_alive};
use crate::store::sql::db::Db;
use crate::store::sql::health::Health;
use crate::store::sql::lock::Lock;
use crate::store::sql::outage::Outage;
use crate::store::sql::readers::OUTAGE_TIMEOUT;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection that is usable whenever the database is reachable.
pub(in crate::store) struct WriterConnection {
    connector: Connector,
    db: Db,
    /// What a daemon must have to write, until its last write.
    lock: Option<Lock>,
}

impl WriterConnection {
    pub(in crate::store) fn new(connector: Connector, db: Db) -> Self {
        Self { connector, db, lock: None }
    }

    /// The connection of the one daemon of a database.
    pub(in crate::store) fn locked(connector: Connector, db: Db, lock: Lock) -> Self {
        Self { connector, db, lock: Some(lock) }
    }

    pub(in crate::store) fn outage(&self) -> Arc<Outage> {
        Arc::clone(&self.connector.outage)
    }

    pub(in crate::store) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.connector.health)
    }

    /// Returns the connection. Waits while the database is away: the longer it has been away, the
    /// shorter.
    pub(in crate::store) fn ready(&mut self) -> Result<&mut Db, StoreError> {
        self.connector.check_files()?;
        if !is_alive(&mut self.db) {
            self.db = self.again()?;
        }
        Ok(&mut self.db)
    }

    fn again(&mut self) -> Result<Db, StoreError> {
        loop {
            let connected = self.connector.connect().and_then(|mut db| match &mut self.lock {
                Some(lock) => lock.move_to(&mut db).map(|()| db),
                None => Ok(db),
            });
            let Err(StoreError::Unreachable { .. }) = &connected else { return connected };
            if self.connector.outage.lasts().is_none_or(|lasts| lasts > OUTAGE_TIMEOUT) {
                return connected;
            }
            #[expect(clippy::disallowed_methods, reason = "the writer has a thread of its own")]
            std::thread::sleep(PAUSE);
        }
    }
}
