//! The address of the database, and connecting to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::sqlite::SqliteConnection;

use crate::store::StoreError;
use crate::store::sql::db::Db;
use crate::store::sql::files::Files;
use crate::store::sql::health::Health;
use crate::store::sql::outage::Outage;
use crate::store::sql::postgres::{Options, PgDb, Refusal};

/// WAL lets readers read while the writer writes; `NORMAL` keeps every commit across a kill of the
/// process, and `FULL` (used here) also across a loss of power.
/// The cache of each connection may grow to 16 MB, and the log to about 64 MB before it is written
/// back: with SQLite's defaults, 2 and 4 MB, the writer did little else. What is deleted is overwritten: it
/// may be what somebody measured.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 16384; PRAGMA secure_delete = ON;";

/// Where the database is.
#[derive(Clone, Debug)]
pub(in crate::store) enum Address {
    Sqlite(PathBuf),
    Postgres(Box<Options>),
}

impl std::fmt::Display for Address {
    /// Without a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(options) => options.fmt(formatter),
        }
    }
}

impl Address {
    pub(in crate::store) fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse =
            |reason: &str| StoreError::Url { url: without_secrets(url), reason: reason.into() };
        match url.split_once(':') {
            Some(("sqlite", ":memory:")) => {
                Err(refuse("a database in memory is lost at every stop; name a file"))
            }
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => {
                let options = Options::parse(url).map_err(|reason| refuse(&reason))?;
                Ok(Self::Postgres(Box::new(options)))
            }
            _ => Err(refuse(
                "use sqlite:PATH, e.g. sqlite:/var/lib/syncwell/syncwell.db, \
                 or postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            )),
        }
    }

    pub(in crate::store) fn open(&self) -> Result<Db, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Open {
            url: self.to_string(),
            reason: error.to_string(),
        };
        match self {
            Self::Sqlite(path) => {
                create_private(path).map_err(|error| failed(&error))?;
                let mut db = SqliteConnection::establish(&path.to_string_lossy())
                    .map_err(|error| failed(&error))?;
                db.batch_execute(PRAGMAS).map_err(|error| failed(&error))?;
                Ok(Db::Sqlite(db))
            }
            Self::Postgres(options) => {
                let refused = |Refusal { reason, passes }| {
                    let url = self.to_string();
                    if passes {
                        StoreError::Unreachable { url, reason }
                    } else {
                        StoreError::Open { url, reason }
                    }
                };
                PgDb::connect(options).map(Db::Postgres).map_err(refused)
            }
        }
    }
}

/// A string that may not be a valid address, without what may be a password.
fn without_secrets(url: &str) -> String {
    let address = url.split_once('?').map_or(url, |(address, _)| address);
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => address.to_owned(),
    }
}

pub(in crate::store) fn open(url: &str) -> Result<Db, StoreError> {
    Address::parse(url)?.open()
}

/// The address of the database without its password, for messages.
///
/// # Errors
/// When the address is not valid.
pub fn shown_address(url: &str) -> Result<String, StoreError> {
    Ok(Address::parse(url)?.to_string())
}

/// The file of the database; `None` if it is not in a file.
///
/// # Errors
/// When the address is not valid.
pub fn database_file(url: &str) -> Result<Option<PathBuf>, StoreError> {
    match Address::parse(url)? {
        Address::Sqlite(path) => Ok(Some(path)),
        Address::Postgres(_) => Ok(None),
    }
}

/// The folder of a file.
pub fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Whether the database exists; one on a server counts as existing.
///
/// # Errors
/// When the address is not valid.
pub fn database_exists(url: &str) -> Result<bool, StoreError> {
    Ok(database_file(url)?.is_none_or(|path| path.exists()))
}

/// Creates a new database file that only its owner can read: records are not encrypted.
fn create_private(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Whether a connection is usable; sends nothing to the server.
pub(in crate::store) fn is_alive(db: &mut Db) -> bool {
    match db {
        Db::Postgres(db) => db.is_alive(),
        Db::Sqlite(db) => !db.is_broken(),
    }
}

/// Makes connections, and records whether the database can be reached and used.
#[derive(Clone, Debug)]
pub(in crate::store) struct Connector {
    address: Address,
    pub(in crate::store) outage: Arc<Outage>,
    pub(in crate::store) health: Arc<Health>,
    files: Arc<OnceLock<Files>>,
}

impl Connector {
    pub(in crate::store) fn new(address: Address) -> Self {
        let outage = Arc::new(Outage::new(address.to_string()));
        Self { address, outage, health: Arc::default(), files: Arc::default() }
    }

    /// Remembers which files the database has. Call it once there is a connection.
    pub(in crate::store) fn remember_files(&self) {
        if let Address::Sqlite(path) = &self.address {
            self.files.get_or_init(|| Files::of(path));
        }
    }

    /// Empties the log of a SQLite database, which may still have what was deleted. Where others read or write
    /// just then it stays until its next turn. Blocks.
    pub(in crate::store) fn empty_the_log(&self) {
        let emptied = self.connect().and_then(|mut db| match &mut db {
            Db::Sqlite(db) => Ok(db.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?),
            Db::Postgres(_) => Ok(()),
        });
        if let Err(error) = emptied {
            tracing::debug!(%error, "the log of the database was not emptied");
        }
    }

    /// Whether the files are still those that were opened.
    ///
    /// # Errors
    /// [`StoreError::Moved`] if they are not.
    pub(in crate::store) fn check_files(&self) -> Result<(), StoreError> {
        self.files.get().map_or(Ok(()), Files::check)
    }
}

impl ManageConnection for Connector {
    type Connection = Db;
    type Error = StoreError;

    fn connect(&self) -> Result<Db, StoreError> {
        // Otherwise a new, empty file would take the place of one that was moved.
        self.check_files()?;
        let connected = self.address.open();
        match &connected {
            Ok(_) => self.outage.is_over(),
            Err(StoreError::Unreachable { reason, .. } | StoreError::Open { reason, .. }) => {
                self.outage.goes_on(reason);
            }
            Err(_) => {}
        }
        connected
    }

    fn is_valid(&self, db: &mut Db) -> Result<(), StoreError> {
        if is_alive(db) { Ok(()) } else { Err(StoreError::Closed) }
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        match db {
            Db::Postgres(db) => db.is_broken(),
            Db::Sqlite(db) => db.is_broken(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_be_opened_say_what_to_write_and_hide_the_password() {
        for (url, expected) in [
            ("mysql://x", "use sqlite:PATH"),
            ("mysql://ann:hush@db/x", "or postgres://"),
            ("syncwell.db", "use sqlite:PATH"),
            ("sqlite:", "use sqlite:PATH"),
            ("sqlite::memory:", "name a file"),
            ("postgres://ann:hush@db/x?sslmode=yes", "verify-full"),
            ("postgres://ann:hush@db/x?colour=hush", "unknown option `colour`"),
            ("postgres://ann:hush@db:port/x", "postgres://db:port/x"),
        ] {
            let Err(error) = open(url) else { panic!("{url}") };
            let error = error.to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{error}");
        }
        let Err(error) = open("sqlite:/no/such/folder/a.db") else { panic!() };
        assert!(error.to_string().contains("/no/such/folder/a.db"), "{error}");
    }
}
