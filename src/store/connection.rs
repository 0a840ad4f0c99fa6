//! Opening the database and bringing its tables up to date.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreError;

/// A connection to the database.
pub(super) type Db = SqliteConnection;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How long a reader may be waited for.
const READER_WAIT: Duration = Duration::from_secs(10);

/// WAL lets readers read while the writer writes; `NORMAL` keeps every commit across a kill of the
/// process, and `FULL` (chosen) also across a loss of power.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
     PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

/// The file of a `sqlite:` address.
///
/// # Errors
/// When the address is not one.
pub fn database_file(url: &str) -> Result<&Path, StoreError> {
    path(url).map(Path::new)
}

fn path(url: &str) -> Result<&str, StoreError> {
    let refuse =
        |reason: &str| StoreError::Url { url: without_password(url), reason: reason.into() };
    match url.split_once(':') {
        Some(("sqlite", ":memory:")) => {
            Err(refuse("a database in memory is lost at every stop; name a file"))
        }
        Some(("sqlite", path)) if !path.is_empty() => Ok(path.strip_prefix("//").unwrap_or(path)),
        Some(("postgres" | "postgresql", _)) => {
            Err(refuse("this version stores in SQLite only; use sqlite:PATH"))
        }
        _ => Err(refuse("use sqlite:PATH, e.g. sqlite:/var/lib/syncwell/syncwell.db")),
    }
}

fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Fails only for addresses that cannot have a password.
            parsed.set_password(Some("***")).unwrap_or_default();
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

pub(super) fn open(url: &str) -> Result<Db, StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError::Open {
        url: without_password(url),
        reason: error.to_string(),
    };
    create_private(database_file(url)?).map_err(|error| failed(&error))?;
    let mut db = Db::establish(path(url)?).map_err(|error| failed(&error))?;
    db.batch_execute(PRAGMAS).map_err(|error| failed(&error))?;
    Ok(db)
}

/// Whether there is a database already. Blocks.
///
/// # Errors
/// When the address is not one.
pub fn database_exists(url: &str) -> Result<bool, StoreError> {
    Ok(database_file(url)?.exists())
}

/// Makes a new database file readable for its owner alone: records are not encrypted.
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

#[derive(Debug)]
struct Pragmas;

impl CustomizeConnection<Db, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, db: &mut Db) -> Result<(), diesel::r2d2::Error> {
        db.batch_execute(PRAGMAS).map_err(diesel::r2d2::Error::QueryError)
    }
}

pub(super) fn pool(url: &str, size: u32) -> Result<Pool<ConnectionManager<Db>>, StoreError> {
    Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(1))
        .connection_timeout(READER_WAIT)
        .connection_customizer(Box::new(Pragmas))
        .build(ConnectionManager::new(path(url)?))
        .map_err(|error| StoreError::Open { url: without_password(url), reason: error.to_string() })
}

/// The migrations this program knows, oldest first.
pub fn known_migrations() -> Vec<String> {
    let all = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).unwrap_or_default();
    let names: BTreeSet<String> = all.iter().map(|all| all.name().version().to_string()).collect();
    names.into_iter().collect()
}

/// The migrations a database has, oldest first. Blocks.
///
/// # Errors
/// When the database cannot be opened.
pub fn applied_migrations(url: &str) -> Result<Vec<String>, StoreError> {
    applied(&mut open(url)?)
}

fn applied(db: &mut Db) -> Result<Vec<String>, StoreError> {
    let applied =
        db.applied_migrations().map_err(|error| StoreError::Migration(error.to_string()))?;
    let names: BTreeSet<String> = applied.iter().map(ToString::to_string).collect();
    Ok(names.into_iter().collect())
}

pub(super) fn migrate(db: &mut Db) -> Result<(), StoreError> {
    let known = known_migrations();
    if let Some(newer) = applied(db)?.into_iter().find(|name| !known.contains(name)) {
        return Err(StoreError::Newer(newer));
    }
    db.run_pending_migrations(MIGRATIONS)
        .map(drop)
        .map_err(|error| StoreError::Migration(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_go_up_down_and_up_and_leave_the_same_tables() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let mut db = open(&url).unwrap();
        let tables = |db: &mut Db| {
            use diesel::prelude::*;
            #[derive(QueryableByName, PartialEq, Debug)]
            struct Row {
                #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
                sql: Option<String>,
            }
            let query = "SELECT sql FROM sqlite_master WHERE name NOT LIKE '\\_\\_%' ESCAPE '\\' ORDER BY name";
            diesel::sql_query(query).load::<Row>(db).unwrap()
        };
        migrate(&mut db).unwrap();
        let up = tables(&mut db);
        db.revert_all_migrations(MIGRATIONS).unwrap();
        assert!(
            tables(&mut db).len() < 4,
            "only SQLite's own tables are left: {:?}",
            tables(&mut db)
        );
        migrate(&mut db).unwrap();
        assert_eq!(tables(&mut db), up);
    }

    #[test]
    fn both_databases_have_the_same_migrations() {
        let names = |folder: &str| {
            let entries = std::fs::read_dir(format!("migrations/{folder}")).unwrap();
            let names: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names
        };
        assert_eq!(names("sqlite"), names("postgresql"));
    }

    #[test]
    fn a_newer_database_is_refused_with_the_migration_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let mut db = open(&url).unwrap();
        migrate(&mut db).unwrap();
        db.batch_execute(
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000')",
        )
        .unwrap();
        let error = migrate(&mut db).unwrap_err().to_string();
        assert!(error.contains("29991231000000"), "{error}");
    }

    #[test]
    fn addresses_that_cannot_be_opened_say_what_to_write_and_hide_the_password() {
        for (url, expected) in [
            ("mysql://x", "use sqlite:PATH"),
            ("syncwell.db", "use sqlite:PATH"),
            ("sqlite:", "use sqlite:PATH"),
            ("sqlite::memory:", "name a file"),
            ("postgres://ann:hush@db/x", "SQLite only"),
        ] {
            let Err(error) = open(url) else { panic!("{url}") };
            let error = error.to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{error}");
        }
        let Err(error) = open("sqlite:/no/such/folder/a.db") else { panic!() };
        assert!(error.to_string().contains("/no/such/folder/a.db"), "{error}");
    }
}
