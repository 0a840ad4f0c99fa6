//! The check that the vault's master key is the one that the database was sealed with, and the data keys
//! of the installation, which it unwraps.

use diesel::connection::TransactionManager as _;
use diesel::prelude::*;

use crate::store::StoreError;
use crate::store::sql::connect;
use crate::store::sql::db::Db;
use crate::store::sql::key_schema::{data_keys, key_work, vault_keys};
use crate::store::sql::migrations;
use crate::vault::{AssociatedData, DataKey, Vault};

const PROBE: &str = "vault_keys.probe";
const WRAPPED: &str = "data_keys.wrapped";

/// What a data key is for: what is stored …
pub(in crate::store) const VALUES: &str = "values";

/// … or what is derived for addresses.
const DERIVED: &str = "derived";

/// Checks the master key, stores its id at the first start, and returns a vault with the data keys.
pub(in crate::store) fn unlock(db: &mut Db, vault: &Vault) -> Result<Vault, StoreError> {
    if let Some(unlocked) = stored_keys(db, vault)? {
        return Ok(unlocked);
    }
    // Two processes may start with a new database.
    db.begin_write()?;
    let made = make_missing(db, vault);
    match made {
        Ok(()) => Db::commit_transaction(db)?,
        Err(error) => {
            Db::rollback_transaction(db)?;
            return Err(error);
        }
    }
    stored_keys(db, vault)?.ok_or(StoreError::Corrupt("data key"))
}

/// The vault with the keys that are stored; `None` if something has to be written first.
fn stored_keys(db: &mut Db, vault: &Vault) -> Result<Option<Vault>, StoreError> {
    let Some(stored) = checked(db, vault)? else { return Ok(None) };
    if stored != vault.key_id() && !is_asked(db)? {
        return Ok(None);
    }
    unwrap_all(db, vault)
}

fn unwrap_all(db: &mut Db, vault: &Vault) -> Result<Option<Vault>, StoreError> {
    let rows: Vec<(String, String, Vec<u8>)> = data_keys::table
        .order(data_keys::number.desc())
        .select((data_keys::id, data_keys::purpose, data_keys::wrapped))
        .load(db)?;
    let (mut values, mut derived) = (Vec::new(), None);
    for (id, purpose, wrapped) in rows {
        let key = vault.unwrap_key(AssociatedData { column: WRAPPED, row: &id }, &wrapped)?;
        if purpose == VALUES {
            values.push(key);
        } else {
            derived = Some(key);
        }
    }
    let derived = derived.filter(|_| !values.is_empty());
    Ok(derived.map(|derived| vault.with_data_keys(values, &derived)))
}

/// The id of the master key that the database names, once that key has opened the probe. `None` if it
/// names none.
fn checked(db: &mut Db, vault: &Vault) -> Result<Option<String>, StoreError> {
    let known: Option<(String, Vec<u8>)> = vault_keys::table
        .select((vault_keys::id, vault_keys::probe_sealed))
        .first(db)
        .optional()?;
    let Some((stored, probe)) = known else { return Ok(None) };
    let given = vault.key_id();
    if stored != given && !vault.old_key_ids().contains(&stored) {
        return Err(StoreError::OtherKey { stored, given });
    }
    vault.open(AssociatedData { column: PROBE, row: &stored }, &probe)?;
    Ok(Some(stored))
}

fn make_missing(db: &mut Db, vault: &Vault) -> Result<(), StoreError> {
    let stored = match checked(db, vault)? {
        Some(stored) => stored,
        None => {
            set_master(db, vault)?;
            vault.key_id()
        }
    };
    if unwrap_all(db, vault)?.is_none() {
        insert(db, vault, DERIVED, 0, &vault.deriving_of(&stored)?)?;
        insert(db, vault, VALUES, 1, &DataKey::generate()?)?;
    }
    if stored != vault.key_id() {
        diesel::update(key_work::table).set(key_work::asked.eq(true)).execute(db)?;
    }
    Ok(())
}

/// Whether sealing again is under way or asked for.
fn is_asked(db: &mut Db) -> QueryResult<bool> {
    let (asked, step): (bool, Option<i32>) =
        key_work::table.select((key_work::asked, key_work::step)).first(db)?;
    Ok(asked || step.is_some())
}

/// Names the master key in use as the one of the database.
pub(in crate::store) fn set_master(db: &mut Db, vault: &Vault) -> Result<(), StoreError> {
    let id = vault.key_id();
    let wrapped_probe = vault.probe(AssociatedData { column: PROBE, row: &id })?;
    diesel::delete(vault_keys::table).execute(db)?;
    diesel::insert_into(vault_keys::table)
        .values((vault_keys::id.eq(&id), vault_keys::probe_sealed.eq(wrapped_probe)))
        .execute(db)?;
    Ok(())
}

fn insert(
    db: &mut Db,
    vault: &Vault,
    purpose: &str,
    number: i64,
    key: &DataKey,
) -> Result<(), StoreError> {
    let id = key.name();
    let wrapped = vault.wrap(AssociatedData { column: WRAPPED, row: &id }, key)?;
    diesel::insert_into(data_keys::table)
        .values((
            data_keys::id.eq(&id),
            data_keys::purpose.eq(purpose),
            data_keys::number.eq(number),
            data_keys::master_id.eq(vault.key_id()),
            data_keys::wrapped.eq(wrapped),
        ))
        .execute(db)?;
    Ok(())
}

/// Makes another data key that seals from now on, once the vault has it.
pub(in crate::store) fn renew(db: &mut Db, vault: &Vault) -> Result<DataKey, StoreError> {
    let newest: Option<i64> = data_keys::table
        .order(data_keys::number.desc())
        .select(data_keys::number)
        .first(db)
        .optional()?;
    let key = DataKey::generate()?;
    insert(db, vault, VALUES, newest.unwrap_or_default() + 1, &key)?;
    Ok(key)
}

/// The newest data key, if the vault seals with another one.
pub(in crate::store) fn unknown_newest(
    db: &mut Db,
    vault: &Vault,
) -> Result<Option<DataKey>, StoreError> {
    let (id, wrapped): (String, Vec<u8>) = data_keys::table
        .filter(data_keys::purpose.eq(VALUES))
        .order(data_keys::number.desc())
        .select((data_keys::id, data_keys::wrapped))
        .first(db)?;
    if vault.sealing_key().as_deref() == Some(id.as_str()) {
        return Ok(None);
    }
    Ok(Some(vault.unwrap_key(AssociatedData { column: WRAPPED, row: &id }, &wrapped)?))
}

/// Wraps the data keys of the installation with the master key in use.
pub(in crate::store) fn wrap_again(db: &mut Db, vault: &Vault) -> Result<(), StoreError> {
    let rows: Vec<(String, Vec<u8>)> = data_keys::table
        .filter(data_keys::master_id.ne(vault.key_id()))
        .select((data_keys::id, data_keys::wrapped))
        .load(db)?;
    for (id, wrapped) in rows {
        let place = AssociatedData { column: WRAPPED, row: &id };
        let wrapped = vault.wrap(place, &vault.unwrap_key(place, &wrapped)?)?;
        diesel::update(data_keys::table.find(&id))
            .set((data_keys::master_id.eq(vault.key_id()), data_keys::wrapped.eq(wrapped)))
            .execute(db)?;
    }
    Ok(())
}

/// Deletes the data keys that only open.
pub(in crate::store) fn delete_old(db: &mut Db) -> QueryResult<()> {
    let ids: Vec<String> = data_keys::table
        .filter(data_keys::purpose.eq(VALUES))
        .order(data_keys::number.desc())
        .select(data_keys::id)
        .load(db)?;
    let old: Vec<&String> = ids.iter().skip(1).collect();
    diesel::delete(data_keys::table.filter(data_keys::id.eq_any(old))).execute(db)?;
    Ok(())
}

/// Writes what is there already, to see whether the database takes writes.
pub(in crate::store) fn rewrite(db: &mut Db) -> Result<(), StoreError> {
    diesel::update(vault_keys::table).set(vault_keys::id.eq(vault_keys::id)).execute(db)?;
    Ok(())
}

/// The id of the key a database is sealed with; `None` if the database does not exist yet. Blocks.
///
/// # Errors
/// When the database exists but cannot be opened.
pub fn sealed_with(url: &str) -> Result<Option<String>, StoreError> {
    match opened(url)? {
        Some(mut db) => Ok(vault_keys::table.select(vault_keys::id).first(&mut db).optional()?),
        None => Ok(None),
    }
}

/// The vault with the data keys of a database that has some; as it is, without. Blocks.
///
/// # Errors
/// When the database cannot be opened, or was sealed with another key.
pub fn with_stored_keys(url: &str, vault: Vault) -> Result<Vault, StoreError> {
    let Some(mut db) = opened(url)? else { return Ok(vault) };
    // A database of a version before has no such table yet.
    let unlocked = match checked(&mut db, &vault)? {
        Some(_) => unwrap_all(&mut db, &vault).unwrap_or_default(),
        None => None,
    };
    Ok(unlocked.unwrap_or(vault))
}

fn opened(url: &str) -> Result<Option<Db>, StoreError> {
    if !connect::database_exists(url)? {
        return Ok(None);
    }
    let mut db = connect::open(url)?;
    Ok((!migrations::has_none(&mut db)?).then_some(db))
}
