//! The check that the vault's key is the one that the database was sealed with.

use diesel::prelude::*;

use crate::store::StoreError;
use crate::store::sql::connect;
use crate::store::sql::db::Db;
use crate::store::sql::migrations;
use crate::store::sql::schema::vault_keys;
use crate::vault::{AssociatedData, Vault};

const PROBE: &str = "vault_keys.probe";

/// Stores the key's id at the first start, and refuses another key at later starts.
pub(in crate::store) fn check(db: &mut Db, vault: &Vault) -> Result<(), StoreError> {
    let given = vault.key_id();
    let associated = AssociatedData { column: PROBE, row: &given };
    let known: Option<(String, Vec<u8>)> = vault_keys::table
        .select((vault_keys::id, vault_keys::probe_sealed))
        .first(db)
        .optional()?;
    match known {
        Some((stored, probe)) if stored == given => {
            vault.open(associated, &probe).map(drop).map_err(StoreError::from)
        }
        Some((stored, _)) => Err(StoreError::OtherKey { stored, given }),
        None => {
            let probe = vault.seal(associated, "syncwell")?;
            diesel::insert_into(vault_keys::table)
                .values((vault_keys::id.eq(&given), vault_keys::probe_sealed.eq(probe)))
                .execute(db)?;
            Ok(())
        }
    }
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
    if !connect::database_exists(url)? {
        return Ok(None);
    }
    let mut db = connect::open(url)?;
    if migrations::has_none(&mut db)? {
        return Ok(None);
    }
    Ok(vault_keys::table.select(vault_keys::id).first(&mut db).optional()?)
}
