//! One daemon per database. Two would use each other's refresh tokens and push twice, and each would
//! count the partner's limits alone.
//!
//! On SQLite the lock is a file beside the database. On PostgreSQL it belongs to the connection that
//! writes: whoever writes has it, also after the server was away.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Integer, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use crate::clock::{Clock, SystemClock};
use crate::settings;
use crate::store::StoreError;
use crate::store::sql::connect::Address;
use crate::store::sql::db::Db;
use crate::store::sql::postgres::PgDb;

/// How long to wait for another daemon to end: a restart overlaps with what it replaces.
const WAIT: Duration = Duration::from_secs(5);

const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Identifies the lock among the advisory locks of a PostgreSQL database. Each schema has its own.
macro_rules! lock_id {
    () => {
        "5997242, hashtext(current_schema())"
    };
}

/// Held by the one daemon of a database.
pub struct DatabaseLock {
    lock: Lock,
    /// The connection that has it, on a server.
    db: Option<Db>,
}

/// What must be kept to keep the lock.
#[derive(Debug)]
pub(in crate::store) enum Lock {
    /// Released when the file is closed.
    File(#[expect(dead_code, reason = "only kept open")] File),
    /// Released with the connection.
    Session(SessionLock),
}

impl Lock {
    /// Takes the lock again on a new connection of the writer.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another daemon has taken it meanwhile.
    pub(in crate::store) fn move_to(&mut self, db: &mut Db) -> Result<(), StoreError> {
        match self {
            Self::File(_) => Ok(()),
            Self::Session(lock) => lock.take(db),
        }
    }
}

impl std::fmt::Debug for DatabaseLock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lock.fmt(formatter)
    }
}

impl DatabaseLock {
    /// Takes the lock for this process. If another has it, waits a few seconds for its end. Blocks.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another daemon has it, or the database cannot be opened.
    pub fn acquire(settings: &settings::Database) -> Result<Self, StoreError> {
        let address = Address::parse(&settings.url)?;
        let holder = Holder { process: std::process::id(), since: SystemClock::new().now() };
        match &address {
            Address::Sqlite(path) => {
                let file = wait_for(|| lock_file(path, &address, &holder))?;
                Ok(Self { lock: Lock::File(file), db: None })
            }
            Address::Postgres(_) => {
                let mut db = address.open()?;
                let mut lock = SessionLock { address, holder, backend: 0 };
                wait_for(|| lock.take(&mut db))?;
                Ok(Self { lock: Lock::Session(lock), db: Some(db) })
            }
        }
    }

    pub(in crate::store) fn into_parts(self) -> (Option<Db>, Lock) {
        (self.db, self.lock)
    }
}

/// Tries again while another daemon has the lock.
fn wait_for<T>(mut take: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let began = Instant::now();
    loop {
        match take() {
            Err(StoreError::InUse { .. }) if began.elapsed() < WAIT => {
                #[expect(clippy::disallowed_methods, reason = "on a blocking thread")]
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            taken => return taken,
        }
    }
}

/// Who has the lock, for the messages of others.
#[derive(Clone, Debug)]
struct Holder {
    process: u32,
    since: DateTime<Utc>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.since.format("%Y-%m-%d %H:%M:%S UTC");
        write!(formatter, "process {} since {since}", self.process)
    }
}

fn lock_file(database: &Path, address: &Address, holder: &Holder) -> Result<File, StoreError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |error: &dyn std::fmt::Display| StoreError::Open {
        url: address.to_string(),
        reason: format!("its lock file {}: {error}", path.display()),
    };
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut by = String::new();
            drop(file.read_to_string(&mut by));
            return Err(StoreError::InUse { url: address.to_string(), by: by.trim().to_owned() });
        }
        Err(std::fs::TryLockError::Error(error)) => return Err(failed(&error)),
    }
    let write = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{holder}"))
        .and_then(|()| file.flush());
    // A full disk is no reason not to start: only the name of the holder is missing.
    drop(write);
    Ok(file)
}

/// The lock of a connection to PostgreSQL, which ends with the connection.
#[derive(Debug)]
pub(in crate::store) struct SessionLock {
    address: Address,
    holder: Holder,
    /// The server's process of the connection that last had it.
    backend: i32,
}

impl SessionLock {
    /// Takes the lock on a new connection.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another daemon has it.
    pub(in crate::store) fn take(&mut self, db: &mut Db) -> Result<(), StoreError> {
        let Db::Postgres(db) = db else { return Ok(()) };
        let Taken { taken, backend } = take(db, &self.holder)?;
        if taken {
            self.backend = backend;
            return Ok(());
        }
        let Some(other) = holder(db)? else { return self.take_again(db) };
        if other.backend == self.backend {
            // Our own last connection, of whose end the server does not know yet.
            end(db, other.backend)?;
            return self.take_again(db);
        }
        Err(self.in_use(other.name))
    }

    /// Once more: it has become free meanwhile.
    fn take_again(&mut self, db: &mut PgDb) -> Result<(), StoreError> {
        let Taken { taken, backend } = take(db, &self.holder)?;
        if !taken {
            return Err(self.in_use("one that has only begun".to_owned()));
        }
        self.backend = backend;
        Ok(())
    }

    fn in_use(&self, by: String) -> StoreError {
        StoreError::InUse { url: self.address.to_string(), by }
    }
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Bool)]
    taken: bool,
    #[diesel(sql_type = Integer)]
    backend: i32,
}

fn take(db: &mut PgDb, holder: &Holder) -> QueryResult<Taken> {
    let name = format!("syncwell serve, {holder}");
    diesel::sql_query("SELECT set_config('application_name', $1, false)")
        .bind::<Text, _>(name)
        .execute(db)?;
    diesel::sql_query(concat!(
        "SELECT pg_try_advisory_lock(",
        lock_id!(),
        ") AS taken, pg_backend_pid() AS backend"
    ))
    .get_result(db)
}

#[derive(QueryableByName)]
struct Other {
    #[diesel(sql_type = Integer)]
    backend: i32,
    #[diesel(sql_type = Text)]
    name: String,
}

/// Who has the lock. The server shows locks with two numbers as `classid` and `objid`, the latter
/// without its sign.
fn holder(db: &mut PgDb) -> QueryResult<Option<Other>> {
    let found = diesel::sql_query(
        "SELECT a.pid AS backend, coalesce(nullif(a.application_name, ''), 'unknown') \
            || coalesce(', from ' || host(a.client_addr), '') AS name \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = 5997242 \
            AND l.objid::bigint = (hashtext(current_schema())::bigint & 4294967295) \
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    Ok(found.load::<Other>(db)?.into_iter().next())
}

fn end(db: &mut PgDb, backend: i32) -> QueryResult<()> {
    diesel::sql_query("SELECT pg_terminate_backend($1, 2000)")
        .bind::<Integer, _>(backend)
        .execute(db)
        .map(drop)
}
