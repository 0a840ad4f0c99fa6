//! Sealing again what is sealed with older keys, in small batches: after an update from a version without
//! data keys, after a new master key, and when new data keys are asked for. How far it is stands in the
//! database and is written with each batch, so that it goes on where it was after a kill.

mod reseal;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::store::sql::db::Db;
use crate::store::sql::key_schema::{key_work, vault_keys};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError, vault_key};
use crate::vault::{DataKey, Vault};

/// The parts of the work, in their order.
const STEPS: [Step; 13] = [
    Step::Installation,
    Step::Rows(reseal::users_without),
    Step::Rows(reseal::users),
    Step::Rows(reseal::subscriptions),
    Step::Rows(reseal::delivered),
    Step::Rows(reseal::endpoints),
    Step::Rows(reseal::second_factors),
    // Others may have sealed with the key before and not written yet, or read and not opened yet.
    Step::Settle,
    Step::Rows(reseal::subscriptions),
    Step::Rows(reseal::delivered),
    Step::Rows(reseal::endpoints),
    Step::Rows(reseal::second_factors),
    Step::Rows(reseal::previous_keys),
];

/// The step after which rows were counted already.
const SETTLED: usize = 7;

/// Seals a batch of rows again. Gets the position of the last batch; returns the one to go on from and
/// how many rows there were, or `None` if there were none.
type Batch = fn(&mut Db, &Vault, &Work, &str) -> Result<Option<(String, usize)>, StoreError>;

enum Step {
    /// The keys of the installation.
    Installation,
    /// Rows of one kind.
    Rows(Batch),
    /// A rest.
    Settle,
}

/// The row of the work.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = key_work)]
struct Work {
    asked: bool,
    asked_renew: bool,
    renew: bool,
    step: Option<i32>,
    position: String,
    done: i64,
    total: i64,
    began_at: Option<i64>,
    finished_at: Option<i64>,
    not_needed: Option<String>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyWork {
    /// Whether it is to begin, or to begin once more when it has ended.
    pub is_asked: bool,
    /// Whether it is under way.
    pub is_running: bool,
    /// Whether all data keys are replaced.
    pub renews: bool,
    /// How many rows were looked at.
    pub done: i64,
    /// How many rows there are, about.
    pub total: i64,
    /// When it began.
    pub began_at: Option<DateTime<Utc>>,
    /// When it ended last.
    pub finished_at: Option<DateTime<Utc>>,
    /// The master keys that are not needed any more since it ended last.
    pub not_needed: Vec<String>,
    /// The master key in use, and what the database still needs besides.
    pub master: String,
    /// The master key that the database names: another one than the one in use until all is wrapped.
    pub stored_master: String,
}

/// When the next batch may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There is nothing to do.
    Idle,
    /// After others had their turn.
    Short,
    /// When whatever others began has ended.
    Long,
}

/// What a batch means for the vault, after the commit.
enum Effect {
    Nothing,
    Renewed(DataKey),
    Finished(KeyWork),
}

impl Store {
    /// Asks for new data keys; the daemon makes them and seals all values again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_for_new_keys(&self) -> Result<(), StoreError> {
        self.write(|db| {
            diesel::update(key_work::table)
                .set((key_work::asked.eq(true), key_work::asked_renew.eq(true)))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// How far sealing again is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_work(&self) -> Result<KeyWork, StoreError> {
        let master = self.vault.key_id();
        self.read(move |db| {
            let work: Work = key_work::table.select(Work::as_select()).first(db)?;
            let stored = vault_keys::table.select(vault_keys::id).first(db)?;
            Ok(work.into_model(master, stored))
        })
        .await
    }

    /// Does a batch of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn work_on_keys(&self, now: DateTime<Utc>) -> Result<Rest, StoreError> {
        let work = self.key_work().await?;
        if !work.is_asked && !work.is_running {
            return Ok(Rest::Idle);
        }
        let vault = Arc::clone(&self.vault);
        let (rest, effect) = self.write(move |db| batch(db, &vault, now)).await?;
        match effect {
            Effect::Nothing => {}
            Effect::Renewed(key) => {
                self.vault.renew(key);
                tracing::info!("made new data keys; everything is sealed again with them now");
            }
            Effect::Finished(work) => {
                self.vault.forget_old();
                let not_needed = work.not_needed.join(", ");
                tracing::info!(
                    rows = work.done,
                    key = work.master,
                    "everything is sealed with the keys in use"
                );
                if !not_needed.is_empty() {
                    tracing::info!(
                        not_needed,
                        "these keys are not needed any more and can be destroyed"
                    );
                }
            }
        }
        Ok(rest)
    }
}

impl Work {
    fn into_model(self, master: String, stored_master: String) -> KeyWork {
        let not_needed = self.not_needed.unwrap_or_default();
        KeyWork {
            is_asked: self.asked,
            is_running: self.step.is_some(),
            renews: self.renew,
            done: self.done,
            total: self.total,
            began_at: self.began_at.map(from_micros),
            finished_at: self.finished_at.map(from_micros),
            not_needed: not_needed.split_whitespace().map(str::to_owned).collect(),
            master,
            stored_master,
        }
    }
}

fn batch(db: &mut Db, vault: &Vault, now: DateTime<Utc>) -> Result<(Rest, Effect), StoreError> {
    let work: Work = key_work::table.select(Work::as_select()).first(db)?;
    let Some(step) = work.step else { return begin(db, &work, now) };
    let place = usize::try_from(step).unwrap_or_default();
    if let Some(key) = vault_key::unknown_newest(db, vault)? {
        // The commit that made it seemed to fail. Nothing may be sealed with the one before any more.
        return Ok((Rest::Short, Effect::Renewed(key)));
    }
    let mut effect = Effect::Nothing;
    let mut rest = Rest::Short;
    match STEPS.get(place) {
        None => return finish(db, vault, work, now),
        Some(Step::Installation) => {
            vault_key::wrap_again(db, vault)?;
            if work.renew {
                effect = Effect::Renewed(vault_key::renew(db, vault)?);
            }
        }
        Some(Step::Settle) => rest = Rest::Long,
        Some(Step::Rows(rows)) => {
            if let Some((position, count)) = rows(db, vault, &work, &work.position)? {
                let count = if place < SETTLED { count } else { 0 };
                let done = work.done + i64::try_from(count).unwrap_or_default();
                diesel::update(key_work::table)
                    .set((key_work::position.eq(position), key_work::done.eq(done)))
                    .execute(db)?;
                return Ok((rest, effect));
            }
        }
    }
    diesel::update(key_work::table)
        .set((key_work::step.eq(Some(step + 1)), key_work::position.eq("")))
        .execute(db)?;
    Ok((rest, effect))
}

fn begin(db: &mut Db, work: &Work, now: DateTime<Utc>) -> Result<(Rest, Effect), StoreError> {
    if !work.asked {
        return Ok((Rest::Idle, Effect::Nothing));
    }
    diesel::update(key_work::table)
        .set((
            key_work::asked.eq(false),
            key_work::asked_renew.eq(false),
            key_work::renew.eq(work.asked_renew),
            key_work::step.eq(Some(0)),
            key_work::position.eq(""),
            key_work::done.eq(0),
            key_work::total.eq(reseal::count(db)?),
            key_work::began_at.eq(Some(to_micros(now))),
        ))
        .execute(db)?;
    Ok((Rest::Short, Effect::Nothing))
}

fn finish(
    db: &mut Db,
    vault: &Vault,
    mut work: Work,
    now: DateTime<Utc>,
) -> Result<(Rest, Effect), StoreError> {
    vault_key::delete_old(db)?;
    let before: String = vault_keys::table.select(vault_keys::id).first(db)?;
    if before != vault.key_id() {
        work.not_needed = Some(before);
        vault_key::set_master(db, vault)?;
    }
    work.finished_at = Some(to_micros(now));
    diesel::update(key_work::table)
        .set((
            key_work::step.eq(None::<i32>),
            key_work::finished_at.eq(work.finished_at),
            key_work::not_needed.eq(&work.not_needed),
        ))
        .execute(db)?;
    work.step = None;
    let stored = vault.key_id();
    Ok((Rest::Short, Effect::Finished(work.into_model(vault.key_id(), stored))))
}
