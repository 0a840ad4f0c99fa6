//! Reading the change feed on from a position: what streams need beside pages.

use diesel::prelude::*;

use crate::model::UserId;
use crate::store::change_feed::{Change, ChangesOf, NotAPlace, Place, page, refusal};
use crate::store::sql::db::Db;
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::changes;
use crate::store::{Store, StoreError};

impl Store {
    /// The end of the feed, or its beginning if there are no changes; for a reader that goes on `after`
    /// a place, if that is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn feed_end(
        &self,
        after: Option<Place>,
    ) -> Result<Result<Place, NotAPlace>, StoreError> {
        let name = self.feed.clone();
        self.read(move |db: &mut Db| {
            if let Some(place) = &after
                && let Some(refusal) = refusal(db, place, &name)?
            {
                return Ok(Err(refusal));
            }
            let last = changes::table
                .order(changes::seq.desc())
                .select((changes::seq, changes::at))
                .first::<(i64, i64)>(db)
                .optional()?;
            let (seq, at) = last.unwrap_or_default();
            Ok(Ok(Place { feed: name.to_string(), seq, at }))
        })
        .await
    }

    /// The changes after a number, of all users or of one, in commit order: at most `limit`, and fewer
    /// if they are large.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes_after(
        &self,
        seq: i64,
        user: Option<UserId>,
        limit: i64,
    ) -> Result<Listed<Change>, StoreError> {
        let read = move |db: &mut Db| page(db, seq, ChangesOf::Both, user.as_ref(), limit);
        self.as_they_are(self.read(read).await?)
    }
}
