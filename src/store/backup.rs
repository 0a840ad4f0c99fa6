//! A consistent copy of a SQLite database while the daemon runs, and putting one back.
//!
//! The keys of users go into a file of their own, of which only the newest is kept. So a user who was erased
//! stays erased: what an older copy has of that user cannot be opened, and is deleted when it is put back.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::store::StoreError;
use crate::store::sql::key_schema::user_keys;

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
pub fn back_up(database: &Path, to: &Path, keys: &Path) -> Result<BackedUp, StoreError> {
    if to.exists() {
        return Err(StoreError::Storage(format!("{} is there already", to.display())));
    }
    let folder = folder(to);
    // Only its owner can look into it, and it is gone if this fails.
    let work = tempfile::tempdir_in(folder).map_err(|error| failed(folder, &error))?;
    let (copy, new_keys) = (work.path().join("copy"), work.path().join("keys"));
    let mut db = open(database)?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(path_of(&copy)).execute(&mut db)?;
    drop(db);

    let mut db = open(&copy)?;
    // What is taken out must not stand in pages that are free.
    db.batch_execute("PRAGMA secure_delete = ON; PRAGMA journal_mode = DELETE;")?;
    diesel::sql_query("ATTACH ? AS keys").bind::<Text, _>(path_of(&new_keys)).execute(&mut db)?;
    // An empty key says that there was one.
    db.batch_execute(
        "CREATE TABLE keys.user_keys AS SELECT * FROM main.user_keys;
         UPDATE main.user_keys SET wrapped = X'', previous_wrapped = NULL;
         DETACH keys;",
    )?;
    let count: i64 = user_keys::table.count().get_result(&mut db)?;
    check(&mut db, &copy)?;
    drop(db);
    for (file, place) in [(&copy, to), (&new_keys, keys)] {
        make_private(file)?;
        let synced = File::open(file).and_then(|file| file.sync_all());
        synced.map_err(|error| failed(file, &error))?;
        fs::rename(file, place).map_err(|error| failed(place, &error))?;
    }
    let bytes = fs::metadata(to).map_err(|error| failed(to, &error))?.len();
    Ok(BackedUp { bytes, user_keys: usize::try_from(count).unwrap_or_default() })
}

/// Puts a copy in the place of the database, which must not be there, together with the keys of users.
/// Blocks.
///
/// # Errors
/// When a file cannot be read or written, or the copy is damaged.
pub fn put_back(copy: &Path, keys: &Path, database: &Path) -> Result<(), StoreError> {
    let folder = folder(database);
    let work = tempfile::tempdir_in(folder).map_err(|error| failed(folder, &error))?;
    let new = work.path().join("new");
    fs::copy(copy, &new).map_err(|error| failed(copy, &error))?;
    make_private(&new)?;
    let mut db = open(&new)?;
    check(&mut db, copy)?;
    if !keys.exists() {
        let text = format!("{}: there is no such file of users' keys", keys.display());
        return Err(StoreError::Storage(text));
    }
    diesel::sql_query("ATTACH ? AS keys").bind::<Text, _>(path_of(keys)).execute(&mut db)?;
    db.batch_execute(
        "UPDATE main.user_keys SET
            master_id = k.master_id, wrapped = k.wrapped, previous_wrapped = k.previous_wrapped
         FROM keys.user_keys AS k WHERE k.user_id = main.user_keys.user_id;
         DETACH keys;",
    )?;
    drop(db);
    let synced = File::open(&new).and_then(|file| file.sync_all());
    synced.map_err(|error| failed(&new, &error))?;
    fs::rename(&new, database).map_err(|error| failed(database, &error))
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

fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn path_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Storage(format!("{}: {error}", path.display()))
}
