//! A consistent copy of a SQLite database while the daemon runs, and putting one back.
//!
//! The keys of users go into a file of their own, of which only the newest is kept. So a user who was erased
//! stays erased: what an older copy has of that user cannot be opened, and is deleted when it is put back.
//! Both files say when they were made: with keys from before the copy, whoever came between would be erased.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::store::StoreError;
use crate::store::sql::connect::folder_of;
use crate::store::sql::files;
use crate::store::sql::key_schema::user_keys;
use crate::store::sql::time::to_micros;

/// What a backup has.
#[derive(Clone, Copy, Debug)]
pub struct BackedUp {
    /// The size of the copy in bytes.
    pub bytes: u64,
    /// How many keys of users are in the other file.
    pub user_keys: usize,
}

/// Copies the database to a new file, and the keys of users to another, which is replaced. Blocks; the daemon
/// reads and writes meanwhile.
///
/// # Errors
/// When a file cannot be written, `to` exists, or the copy is damaged.
pub fn back_up(
    database: &Path,
    to: &Path,
    keys: &Path,
    now: DateTime<Utc>,
) -> Result<BackedUp, StoreError> {
    if to.exists() {
        return Err(StoreError::Storage(format!("{} is there already", to.display())));
    }
    if to == keys {
        let text = format!("{}: the copy and the users' keys need a file each", to.display());
        return Err(StoreError::Storage(text));
    }
    // Only its owner can look into them, and they are gone if this fails.
    let work = |file: &Path| {
        let folder = folder_of(file);
        tempfile::tempdir_in(folder).map_err(|error| failed(folder, &error))
    };
    let (copy_work, keys_work) = (work(to)?, work(keys)?);
    let (copy, new_keys) = (copy_work.path().join("copy"), keys_work.path().join("keys"));
    let mut db = open(database)?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(path_of(&copy)).execute(&mut db)?;
    drop(db);

    let mut db = open(&copy)?;
    // What is taken out must not stand in pages that are free.
    db.batch_execute("PRAGMA secure_delete = ON; PRAGMA journal_mode = DELETE;")?;
    diesel::sql_query("ATTACH ? AS keys").bind::<Text, _>(path_of(&new_keys)).execute(&mut db)?;
    for schema in ["main", "keys"] {
        diesel::sql_query(format!("CREATE TABLE {schema}.backup AS SELECT ? AS made_at"))
            .bind::<BigInt, _>(to_micros(now))
            .execute(&mut db)?;
    }
    // An empty key says that there was one.
    db.batch_execute(
        "CREATE TABLE keys.user_keys AS SELECT * FROM main.user_keys;
         UPDATE main.user_keys SET wrapped = X'', previous_wrapped = NULL;
         DETACH keys;",
    )?;
    let count: i64 = user_keys::table.count().get_result(&mut db)?;
    check(&mut db, &copy)?;
    drop(db);
    // In this order: if it ends between them, newer keys open every copy there is.
    for (file, place) in [(&new_keys, keys), (&copy, to)] {
        make_private(file)?;
        put(file, place)?;
    }
    let bytes = fs::metadata(to).map_err(|error| failed(to, &error))?.len();
    Ok(BackedUp { bytes, user_keys: usize::try_from(count).unwrap_or_default() })
}

/// Puts a copy in the place of the database, together with the keys of users. A database that is there is
/// moved aside if `replace` is set, once the copy has been found good; its new name is returned. Blocks.
///
/// # Errors
/// When a file cannot be read or written, the copy is damaged, the keys are older than it, or a database is
/// there that is not to be replaced. Nothing has changed then.
pub fn put_back(
    copy: &Path,
    keys: &Path,
    database: &Path,
    replace: bool,
) -> Result<Option<PathBuf>, StoreError> {
    if database.exists() && !replace {
        let text = format!("{} is there already; `--replace` moves it aside", database.display());
        return Err(StoreError::Storage(text));
    }
    for (file, what) in [(copy, "backup"), (keys, "file of users' keys")] {
        if !file.exists() {
            let text = format!("{}: there is no such {what}", file.display());
            return Err(StoreError::Storage(text));
        }
    }
    let folder = folder_of(database);
    let work = tempfile::tempdir_in(folder).map_err(|error| failed(folder, &error))?;
    let new = work.path().join("new");
    fs::copy(copy, &new).map_err(|error| failed(copy, &error))?;
    make_private(&new)?;
    let mut db = open(&new)?;
    check(&mut db, copy)?;
    diesel::sql_query("ATTACH ? AS keys").bind::<Text, _>(path_of(keys)).execute(&mut db)?;
    if made_at(&mut db, "keys", keys)? < made_at(&mut db, "main", copy)? {
        return Err(StoreError::Storage(format!(
            "{} is older than {}: users who came between would be erased; name the newest with --user-keys",
            keys.display(),
            copy.display()
        )));
    }
    db.batch_execute(
        "UPDATE main.user_keys SET
            master_id = k.master_id, wrapped = k.wrapped, previous_wrapped = k.previous_wrapped
         FROM keys.user_keys AS k WHERE k.user_id = main.user_keys.user_id;
         DROP TABLE main.backup;
         DETACH keys;",
    )?;
    drop(db);
    let aside = files::move_aside(database)?;
    put(&new, database)?;
    Ok(aside)
}

#[derive(QueryableByName)]
struct MadeAt {
    #[diesel(sql_type = BigInt)]
    made_at: i64,
}

/// When a file was made, in microseconds since 1970.
fn made_at(db: &mut SqliteConnection, schema: &str, file: &Path) -> Result<i64, StoreError> {
    let asked = diesel::sql_query(format!("SELECT made_at FROM {schema}.backup"));
    let found: QueryResult<MadeAt> = asked.get_result(db);
    found.map(|found| found.made_at).map_err(|error| {
        let file = file.display();
        StoreError::Storage(format!("{file} was not written by `syncwell backup`: {error}"))
    })
}

/// Gives a file its place, so that after a loss of power it is there as a whole or not at all.
fn put(file: &Path, place: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| {
        let synced = File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|error| failed(path, &error))
    };
    sync(file)?;
    fs::rename(file, place).map_err(|error| failed(place, &error))?;
    sync(folder_of(place))
}

fn open(file: &Path) -> Result<SqliteConnection, StoreError> {
    let mut db = SqliteConnection::establish(&path_of(file))
        .map_err(|error| StoreError::Storage(format!("{}: {error}", file.display())))?;
    db.batch_execute("PRAGMA busy_timeout = 30000;")?;
    Ok(db)
}

#[derive(QueryableByName)]
struct Checked {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

fn check(db: &mut SqliteConnection, file: &Path) -> Result<(), StoreError> {
    let found: Vec<Checked> = diesel::sql_query("PRAGMA integrity_check(1)").load(db)?;
    match found.first() {
        Some(checked) if checked.integrity_check == "ok" => Ok(()),
        other => {
            let what = other.map(|checked| checked.integrity_check.as_str()).unwrap_or_default();
            Err(StoreError::Storage(format!("{} is damaged: {what}", file.display())))
        }
    }
}

fn make_private(file: &Path) -> Result<(), StoreError> {
    let opened = OpenOptions::new().write(true).open(file).map_err(|error| failed(file, &error))?;
    #[cfg(unix)]
    opened
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(|error| failed(file, &error))?;
    Ok(())
}

fn path_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Storage(format!("{}: {error}", path.display()))
}
