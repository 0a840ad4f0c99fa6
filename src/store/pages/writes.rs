//! The new rows of several pages, written together.

use diesel::prelude::*;

use crate::store::StoreError;
use crate::store::change_feed::{self, NewChange};
use crate::store::cursors::{self, CursorRow};
use crate::store::items::{self, NewLink};
use crate::store::records::rows::{INSERTED, NewRecord};
use crate::store::sql::db::{Db, each};
use crate::store::sql::schema::records;

#[derive(Default)]
pub(in crate::store) struct Writes<'a> {
    pub(in crate::store) records: Vec<NewRecord<'a>>,
    pub(in crate::store) links: Vec<NewLink>,
    pub(in crate::store) changes: Vec<NewChange<'a>>,
    pub(in crate::store) cursors: Vec<CursorRow<'a>>,
}

impl Writes<'_> {
    pub(in crate::store) fn write(self, db: &mut Db) -> Result<(), StoreError> {
        for rows in self.records.chunks(INSERTED) {
            each!(db, |db| diesel::insert_into(records::table).values(rows).execute(db))?;
        }
        items::insert_links(db, &self.links)?;
        change_feed::append(db, &self.changes)?;
        cursors::set(db, &self.cursors)
    }
}
