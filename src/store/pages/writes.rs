//! What pages bring that is new, written together.

use diesel::prelude::*;

use crate::store::StoreError;
use crate::store::changes::{self, NewChange};
use crate::store::cursors::{self, CursorRow};
use crate::store::db::{Db, each};
use crate::store::items::{self, NewLink};
use crate::store::record_rows::{INSERTED, NewRecord};
use crate::store::schema::records;

#[derive(Default)]
pub(super) struct Writes<'a> {
    pub(super) records: Vec<NewRecord<'a>>,
    pub(super) links: Vec<NewLink>,
    pub(super) changes: Vec<NewChange<'a>>,
    pub(super) cursors: Vec<CursorRow<'a>>,
}

impl Writes<'_> {
    pub(super) fn write(self, db: &mut Db) -> Result<(), StoreError> {
        for rows in self.records.chunks(INSERTED) {
            each!(db, |db| diesel::insert_into(records::table).values(rows).execute(db))?;
        }
        items::insert_links(db, &self.links)?;
        changes::append(db, &self.changes)?;
        cursors::set(db, &self.cursors)
    }
}
