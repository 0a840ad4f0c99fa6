//! The batches of what there is little of: second factors of administrators, and grants that wait to be
//! confirmed.

use diesel::prelude::*;

use super::Work;
use super::reseal::{Found, of_all};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{administrators, unconfirmed_grants};
use crate::store::{administrators as people, unconfirmed};
use crate::vault::{AssociatedData, Vault, hex};

/// How many rows one batch has.
const ROWS: i64 = 100;

/// Second factors, by the name of the administrator.
pub(super) fn second_factors(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    let rows: Vec<(String, Option<Vec<u8>>)> = administrators::table
        .filter(administrators::name.gt(after))
        .order(administrators::name)
        .limit(ROWS)
        .select((administrators::name, administrators::totp_secret))
        .load(db)?;
    let Some((last, _)) = rows.last() else { return Ok(None) };
    let (last, count) = (last.clone(), rows.len());
    for (name, secret) in rows {
        let Some(secret) = secret else { continue };
        let place = AssociatedData { column: people::SECRET, row: &name };
        let sealed = of_all(vault, place, secret)?;
        diesel::update(administrators::table.find(&name))
            .set(administrators::totp_secret.eq(Some(sealed)))
            .execute(db)?;
    }
    Ok(Some((last, count)))
}

/// Grants that wait to be confirmed, all at once: they live for minutes.
pub(super) fn held_grants(db: &mut Db, vault: &Vault, _: &Work, after: &str) -> Found {
    if !after.is_empty() {
        return Ok(None);
    }
    let rows: Vec<(Vec<u8>, Vec<u8>)> = unconfirmed_grants::table
        .select((unconfirmed_grants::token_digest, unconfirmed_grants::grant_sealed))
        .load(db)?;
    let count = rows.len();
    for (digest, sealed) in rows {
        let place = AssociatedData { column: unconfirmed::COLUMN, row: &hex(&digest) };
        let sealed = of_all(vault, place, sealed)?;
        diesel::update(unconfirmed_grants::table.find(digest))
            .set(unconfirmed_grants::grant_sealed.eq(sealed))
            .execute(db)?;
    }
    Ok(Some(("all".to_owned(), count)))
}
