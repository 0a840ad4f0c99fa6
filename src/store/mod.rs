//! The database: the only module that knows tables.
//!
//! Where to look:
//! - One table or aggregate: the file or folder of its name. Connections are read and written in
//!   `connections/`, records in `records/`, sync items in `items/`; so are `admin_sessions.rs`, `api_keys/`,
//!   `change_feed.rs`, `connect_links.rs`, `cursors.rs`, `delivered.rs`, `incidents/`, `minutes.rs`,
//!   `notifications.rs`, `pending_authorizations.rs`, `properties.rs`, `rate_limits.rs`,
//!   `resume_points.rs`, `subscriptions.rs`, `timeline.rs`, `user_keys.rs`, `users/` and
//!   `vault_key.rs`. `key_work/` seals again what older keys sealed.
//! - Events out: `webhooks/` has the endpoints, the messages under way and the attempts.
//! - The administrator's pauses are in `pauses.rs`; what is counted for pages is kept in `kept.rs`.
//! - Streams read the feed with `feed_position.rs`; `retention.rs` deletes what is old.
//! - One sync, across tables: `sync_jobs.rs` loads what it starts from, `pages/` stores a page,
//!   `outbox.rs` enqueues changes for push, `sync_end.rs` stores how it ended. `ledger.rs`
//!   implements the port of `sync` with them.
//! - Executing SQL: `sql/`. Reads go through `sql/readers.rs`, writes through `sql/writer.rs`;
//!   `sql/schema.rs` lists the tables.
//!
//! One thread writes and commits what has gathered in one transaction; readers have connections of
//! their own. A write is answered after its commit, so whatever was acknowledged survives a kill.
//! Nothing here blocks an arbiter: reads run on blocking threads.

mod admin_sessions;
mod administrators;
mod api_keys;
pub(in crate::store) mod audit;
#[cfg(test)]
mod audit_tests;
mod backup;
#[cfg(test)]
mod batch_tests;
mod change_feed;
mod connect_links;
mod connections;
mod counted;
mod cursors;
mod delivered;
mod error;
mod feed_position;
mod incidents;
mod items;
mod kept;
mod key_work;
mod ledger;
mod liveness;
#[cfg(test)]
mod liveness_tests;
mod minutes;
#[cfg(test)]
mod notification_tests;
mod notifications;
mod outbox;
mod pages;
mod pauses;
mod pending_authorizations;
mod properties;
mod rate_limits;
mod records;
mod resume_points;
mod retention;
mod sql;
mod stream_tokens;
mod subscriptions;
mod sync_end;
mod sync_jobs;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;
mod unconfirmed;
mod user_keys;
mod users;
mod vault_key;
mod webhooks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::{QueryResult, RunQueryDsl};
use tokio::sync::watch;

pub use self::admin_sessions::{Proof, SignedInAs};
pub use self::administrators::{AdminRole, Administrator, Credentials};
use self::api_keys::cache::KeyCache;
use self::api_keys::uses::KeyUses;
pub use self::api_keys::{ApiKey, KeyScope, KnownKey, NewKey, Revoked};
pub use self::audit::{AuditEntry, Verified};
pub use self::backup::{BackedUp, back_up, put_back};
pub use self::change_feed::{Change, ChangeOf, ChangesOf, NotAPlace, Place};
pub use self::connect_links::{ConnectLink, NewConnectLink};
use self::connections::unsaved::UnsavedTokens;
pub use self::connections::{
    ConnectionCounts, ConnectionFilter, CountedConnections, Furthest, NewGrant,
};
pub use self::counted::Counted;
pub use self::delivered::Delivered;
pub use self::error::StoreError;
pub use self::incidents::IncidentFilter;
use self::kept::Kept;
pub use self::key_work::{KeyWork, Rest};
pub use self::notifications::{Notified, Unheard};
pub use self::pending_authorizations::{
    ConnectReturn, NewPendingAuthorization, PendingAuthorization, TakenAuthorization,
};
pub use self::records::host::{AppIdConflict, OtherKind, OwnRecord, Put, Written};
pub use self::records::links::Link;
pub use self::records::{RecordFilter, RecordSource, StoredRecord};
use self::sql::connect::{Address, Connector};
pub use self::sql::connect::{database_exists, database_file, folder_of, shown_address};
use self::sql::db::Db;
pub use self::sql::listed::Listed;
pub use self::sql::lock::DatabaseLock;
use self::sql::migrations;
pub use self::sql::migrations::{applied_migrations, known_migrations};
use self::sql::readers::Readers;
use self::sql::writer::Writer;
use self::sql::writer_connection::WriterConnection;
pub use self::stream_tokens::is_stream_token;
pub use self::subscriptions::{APPLICATION, Subscription};
pub use self::sync_end::SyncEnd;
pub use self::timeline::{Note, StoredLine, SyncLine};
pub use self::unconfirmed::{CONFIRM_WITHIN, ExpiredGrant, HeldGrant};
pub use self::users::{
    COUNTED, Erased, MOST_POINTS, PartnerCopy, Point, PointFilter, Points, PointsOf, RecordChange,
    RecordCount, RecordCounts, Unfinished, UserFilter,
};
pub use self::vault_key::{sealed_with, with_stored_keys};
pub use self::webhooks::{
    AttemptEnd, Delivery, DeliveryCount, EndpointChange, EndpointHealth, FAILING_AFTER, Fate,
    FeedLine, NewDelivery, NewEndpoint, PlannedMessage, Waiting, Wanted, WebhookEndpoint,
    WebhookMessage,
};
use crate::audit::Chain;
use crate::incidents::IncidentGroup;
use crate::settings;
use crate::telemetry::metrics::StoreMetrics;
use crate::telemetry::traces::Remembered;
use crate::vault::Vault;

/// The pause between two attempts to reach the database at startup.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);

/// How long to wait for a write that is made to see whether writes succeed.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// The repository. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    readers: Readers,
    writer: Arc<Writer>,
    vault: Arc<Vault>,
    audit_chain: Arc<Chain>,
    /// The name of the change feed.
    feed: Arc<str>,
    /// Changes with each commit that appended to it.
    feed_moved: watch::Sender<u64>,
    key_cache: KeyCache,
    key_uses: KeyUses,
    unsaved_tokens: UnsavedTokens,
    connector: Connector,
    metrics: StoreMetrics,
    traces: Remembered,
    kept_connections: Kept<String, ConnectionCounts>,
    kept_groups: Kept<(), Vec<IncidentGroup>>,
}

impl Store {
    /// What seals its secrets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Opens the database, migrates its tables and checks that `vault` opens its sealed values.
    /// Blocks.
    ///
    /// # Errors
    /// When the database cannot be opened, is newer than this program, or was sealed with another
    /// key.
    pub fn open(settings: &settings::Database, vault: Arc<Vault>) -> Result<Self, StoreError> {
        let address = Address::parse(&settings.url)?;
        let mut first = address.open()?;
        if migrations::are_pending(&mut first, &address)? {
            // The tables must not change while a daemon uses them.
            drop(first);
            return Self::open_locked(settings, vault, DatabaseLock::acquire(settings)?);
        }
        Self::start(settings, address, vault, |connector| WriterConnection::new(connector, first))
    }

    /// The same for the one daemon of the database, which keeps the lock until its last write.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open_locked(
        settings: &settings::Database,
        vault: Arc<Vault>,
        lock: DatabaseLock,
    ) -> Result<Self, StoreError> {
        let address = Address::parse(&settings.url)?;
        let (first, lock) = lock.into_parts();
        let mut first = first.map_or_else(|| address.open(), Ok)?;
        migrations::migrate(&mut first, &address)?;
        Self::start(settings, address, vault, |connector| {
            WriterConnection::locked(connector, first, lock)
        })
    }

    fn start(
        settings: &settings::Database,
        address: Address,
        vault: Arc<Vault>,
        writer: impl FnOnce(Connector) -> WriterConnection,
    ) -> Result<Self, StoreError> {
        let connector = Connector::new(address);
        let metrics = StoreMetrics::default();
        let readers = Readers::new(&connector, settings.readers, metrics.clone())?;
        let mut writer = writer(connector.clone());
        let vault = Arc::new(vault_key::unlock(writer.ready()?, &vault)?);
        let audit_chain = Arc::new(Chain::new(&vault));
        let feed = change_feed::name(writer.ready()?)?.into();
        connector.remember_files();
        let feed_moved = watch::Sender::new(0);
        let writer = Writer::start(writer, feed_moved.clone(), metrics.clone())?;
        Ok(Self {
            readers,
            writer: Arc::new(writer),
            vault,
            audit_chain,
            feed,
            feed_moved,
            key_cache: KeyCache::default(),
            key_uses: KeyUses::default(),
            unsaved_tokens: UnsavedTokens::default(),
            connector,
            metrics,
            traces: Remembered::default(),
            kept_connections: Kept::default(),
            kept_groups: Kept::default(),
        })
    }

    /// What is counted of it.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// What led to the latest changes.
    pub fn traces(&self) -> &Remembered {
        &self.traces
    }

    /// How many of its connections for reading are in use, and how many there are.
    pub fn readers_used(&self) -> (usize, usize) {
        self.readers.used()
    }

    /// Runs `query` on a reader, on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Db) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(query).await
    }

    /// Runs `unit` in the writer's next transaction and returns after the commit. If the unit
    /// fails, only the unit is rolled back.
    async fn write<T: Send + 'static>(
        &self,
        unit: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(unit).await
    }

    /// Whether the database can be read and written. Makes a write if none was made lately, at most
    /// one a second, and waits for it for a second.
    ///
    /// # Errors
    /// What it cannot do.
    pub async fn readiness(&self) -> Result<(), Unready> {
        let ping = |db: &mut Db| diesel::sql_query("SELECT 1").execute(db).map(drop);
        match self.readers.run_soon(ping).await {
            Ok(()) => {}
            Err(StoreError::Unreachable { .. }) => return Err(Unready::Unreachable),
            Err(_) => return Err(Unready::Silent),
        }
        self.connector.check_files().map_err(|_| Unready::Moved)?;
        let health = &self.connector.health;
        if health.begin_probe() {
            let (store, ended) = (self.clone(), Arc::clone(health));
            let probe = tokio::spawn(async move {
                drop(store.write(vault_key::rewrite).await);
                ended.probed();
            });
            drop(tokio::time::timeout(PROBE_WAIT, probe).await);
        }
        match (health.writes(), health.reads()) {
            (false, _) => Err(Unready::NotWritable),
            (true, false) => Err(Unready::PartlyUnreadable),
            (true, true) => Ok(()),
        }
    }
}

/// What a database that is not ready cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// It cannot be reached.
    Unreachable,
    /// It does not answer in time.
    Silent,
    /// Its files are not where they were when it was opened.
    Moved,
    /// It takes no writes.
    NotWritable,
    /// Some of what was asked for lately could not be read.
    PartlyUnreadable,
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
}

/// Waits for a database that cannot be reached yet, at most as long as the settings say. If it has
/// to wait, calls `tell` once with the error and the longest wait.
///
/// # Errors
/// When it cannot be reached in that time, or cannot be used.
pub async fn await_database(
    settings: &settings::Database,
    tell: impl FnOnce(&StoreError, Duration),
) -> Result<(), StoreError> {
    let address = Address::parse(&settings.url)?;
    if matches!(address, Address::Sqlite(_)) {
        return Ok(());
    }
    let (began, wait) = (Instant::now(), settings.wait);
    let mut tell = Some(tell);
    loop {
        let address = address.clone();
        let Err(error) = blocking(move || address.open()).await else { return Ok(()) };
        let left = wait.saturating_sub(began.elapsed());
        if !matches!(error, StoreError::Unreachable { .. }) || left.is_zero() {
            return Err(error);
        }
        if let Some(tell) = tell.take() {
            tell(&error, wait);
        }
        tokio::time::sleep(left.min(BETWEEN_ATTEMPTS)).await;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}
