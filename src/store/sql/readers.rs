//! The connections that read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::r2d2::{NopErrorHandler, Pool};
use tokio::sync::Semaphore;

use crate::store::StoreError;
use crate::store::sql::connect::Connector;
use crate::store::sql::db::Db;
use crate::store::sql::health::Health;
use crate::store::sql::outage::Outage;
use crate::telemetry::metrics::StoreMetrics;

/// How long to wait for a connection: for a free one, or for the database.
pub(in crate::store) const OUTAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The wait when the database has been away for longer than that already.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// The least wait for a new connection, however long the wait for a slot took.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// The connections that read.
#[derive(Clone)]
pub(in crate::store) struct Readers {
    pool: Pool<Connector>,
    /// One permit per connection. Waiting for one is first come, first served, and occupies no
    /// thread.
    places: Arc<Semaphore>,
    outage: Arc<Outage>,
    health: Arc<Health>,
    metrics: StoreMetrics,
    size: usize,
}

impl Readers {
    pub(in crate::store) fn new(
        connector: &Connector,
        size: u32,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let size = size.max(1);
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            .connection_timeout(OUTAGE_TIMEOUT)
            // Reported by `Outage`, once.
            .error_handler(Box::new(NopErrorHandler))
            .build(connector.clone());
        let (outage, health) = (Arc::clone(&connector.outage), Arc::clone(&connector.health));
        let size = size as usize;
        let places = Arc::new(Semaphore::new(size));
        match pool {
            Ok(pool) => Ok(Self { pool, places, outage, health, metrics, size }),
            Err(_) => Err(outage.error().unwrap_or(StoreError::Busy)),
        }
    }

    /// Runs `query` on a blocking thread.
    pub(in crate::store) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let is_old = self.outage.lasts().is_some_and(|lasts| lasts > OUTAGE_TIMEOUT);
        self.run_within(if is_old { SHORT_WAIT } else { OUTAGE_TIMEOUT }, query).await
    }

    /// Like [`Readers::run`], for callers that do not want to wait for the database.
    pub(in crate::store) async fn run_soon<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run_within(SHORT_WAIT, query).await
    }

    /// Runs a query that waits for a free connection for this long.
    pub(in crate::store) async fn run_within<T: Send + 'static>(
        &self,
        wait: Duration,
        query: impl FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let place = tokio::time::timeout(wait, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(self.busy()) };
        let readers = self.clone();
        crate::store::blocking(move || {
            let left = wait.saturating_sub(began.elapsed()).max(LEAST_WAIT);
            let mut reader = readers.pool.get_timeout(left).map_err(|_| readers.busy())?;
            let waited = began.elapsed();
            let found = query(&mut reader).map_err(StoreError::from);
            readers.metrics.read(waited, began.elapsed().saturating_sub(waited));
            // Dropped together: whoever holds a permit finds a free connection.
            drop((reader, place));
            readers.health.read(&found);
            found
        })
        .await
    }

    /// How many connections read now, and how many there are.
    pub(in crate::store) fn used(&self) -> (usize, usize) {
        (self.size.saturating_sub(self.places.available_permits()), self.size)
    }

    fn busy(&self) -> StoreError {
        self.outage.error().unwrap_or(StoreError::Busy)
    }
}
