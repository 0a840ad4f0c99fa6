//! The store as the ledger of syncs: implements the port that `sync` defines.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::Kind;
use tracing::Instrument;

use crate::model::{ConnectionId, Direction, ItemId, Status};
use crate::store::connections::tokens;
use crate::store::items::push;
use crate::store::sql::db::Db;
use crate::store::sql::schema::connections;
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError, properties, user_keys};
use crate::sync::Tokens;
use crate::sync::items::Fingerprint;
use crate::sync::ports::{Ledger, LedgerError, PageToSave, PushEnded, Saved, Waiting};

/// The pause between two attempts to store tokens that are kept in memory.
const RETRY_UNSAVED: Duration = Duration::from_millis(200);

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        if error.is_outage() { Self::Unavailable(text) } else { Self::Failed(text) }
    }
}

#[async_trait]
impl Ledger for Store {
    async fn save_page(&self, page: PageToSave) -> Result<Saved, LedgerError> {
        self.traces.keep_current(&page.user_id, Some(page.partner));
        let commit = tracing::error_span!("commit", records = page.records.len());
        Ok(self.writer.join(page).instrument(commit).await?)
    }

    async fn begin_refresh(
        &self,
        connection: ConnectionId,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        fail::fail_point!("store::begin_refresh", |_| Err(StoreError::Closed.into()));
        let update = move |db: &mut Db| {
            let begun_at = connections::refresh_begun_at.eq(Some(to_micros(now)));
            diesel::update(connections::table.find(connection)).set(begun_at).execute(db)?;
            Ok(())
        };
        Ok(self.write(update).await?)
    }

    async fn save_tokens(
        &self,
        connection: ConnectionId,
        tokens: Tokens,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let saved = self.write_tokens(connection, &tokens, now).await;
        match &saved {
            Ok(()) => self.unsaved_tokens.forget(connection),
            Err(_) => {
                self.unsaved_tokens.keep(connection, tokens, now);
                self.retry_unsaved();
            }
        }
        Ok(saved?)
    }

    async fn switch_off(
        &self,
        connection: ConnectionId,
        direction: Direction,
        kinds: Vec<Kind>,
        reason: String,
        again_at: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let write = move |db: &mut Db| {
            properties::switch_off(db, connection, direction, &kinds, &reason, again_at)
        };
        Ok(self.write(write).await?)
    }

    async fn switch_on(
        &self,
        connection: ConnectionId,
        direction: Direction,
        kinds: Vec<Kind>,
    ) -> Result<(), LedgerError> {
        let write = move |db: &mut Db| properties::switch_on(db, connection, direction, &kinds);
        Ok(self.write(write).await?)
    }

    async fn waiting(
        &self,
        connection: ConnectionId,
        kinds: Vec<Kind>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Waiting>, LedgerError> {
        let read = move |db: &mut Db| Ok(push::waiting(db, connection, &kinds, now, limit));
        Ok(self.read(read).await??)
    }

    async fn begin_push(
        &self,
        items: Vec<(ItemId, Fingerprint)>,
        again_at: DateTime<Utc>,
    ) -> Result<Vec<ItemId>, LedgerError> {
        Ok(self.write(move |db| push::begin(db, &items, again_at)).await?)
    }

    async fn end_push(&self, ended: PushEnded) -> Result<(), LedgerError> {
        Ok(self.write(move |db| push::end(db, &ended)).await?)
    }

    async fn linked(
        &self,
        connection: ConnectionId,
        source_ids: Vec<String>,
    ) -> Result<HashSet<String>, LedgerError> {
        Ok(self.read(move |db| push::linked(db, connection, &source_ids)).await?)
    }
}

impl Store {
    async fn write_tokens(
        &self,
        connection: ConnectionId,
        tokens: &Tokens,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        fail::fail_point!("store::save_tokens", |_| Err(StoreError::Closed));
        let (vault, tokens) = (Arc::clone(&self.vault), tokens.clone());
        self.write(move |db| {
            let key = user_keys::ensure_for(db, &vault, connection)?;
            let sealed = tokens::seal(&key, connection, &tokens)?;
            let refreshed_at = connections::refreshed_at.eq(Some(to_micros(now)));
            let begun_at = connections::refresh_begun_at.eq(None::<i64>);
            diesel::update(connections::table.find(connection))
                .set((sealed, refreshed_at, begun_at))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// Stores what is kept as soon as the database takes it: the connection's next sync may be half a
    /// minute away, and a crash before it would lose the tokens.
    fn retry_unsaved(&self) {
        if !self.unsaved_tokens.begin_retries() {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            while !store.unsaved_tokens.end_retries() {
                tokio::time::sleep(RETRY_UNSAVED).await;
                for connection in store.unsaved_tokens.connections() {
                    // It is tried again for as long as it takes.
                    store.save_kept(connection).await.unwrap_or_default();
                }
            }
        });
    }

    /// Stores kept tokens, unless those were stored or replaced meanwhile: by a sync, or by a user who
    /// connected again.
    async fn save_kept(&self, connection: ConnectionId) -> Result<(), StoreError> {
        fail::fail_point!("store::save_kept", |_| Err(StoreError::Closed));
        let Some((tokens, came_at)) = self.unsaved_tokens.of(connection) else { return Ok(()) };
        let (vault, unsaved) = (Arc::clone(&self.vault), self.unsaved_tokens.clone());
        self.write(move |db| {
            if !unsaved.has(connection, came_at) {
                return Ok(());
            }
            let key = user_keys::ensure_for(db, &vault, connection)?;
            let sealed = tokens::seal(&key, connection, &tokens)?;
            let refreshing = connections::table
                .filter(connections::id.eq(connection))
                .filter(connections::refresh_begun_at.is_not_null())
                .filter(connections::status.eq(Status::Connected.name()));
            diesel::update(refreshing)
                .set((
                    sealed,
                    connections::refreshed_at.eq(Some(to_micros(came_at))),
                    connections::refresh_begun_at.eq(None::<i64>),
                ))
                .execute(db)?;
            Ok(())
        })
        .await?;
        self.unsaved_tokens.forget_those(connection, came_at);
        tracing::info!(%connection, "new tokens that had to wait are stored now");
        Ok(())
    }

    /// Tries once more to store new tokens that could not be stored when they came. For the end of
    /// the process: what is still not stored then is lost.
    ///
    /// # Errors
    /// When the database does not take them; with the number of connections.
    pub async fn save_last_tokens(&self) -> Result<(), (usize, LedgerError)> {
        let waiting = self.unsaved_tokens.connections();
        for (done, connection) in waiting.iter().enumerate() {
            let Some((tokens, came_at)) = self.unsaved_tokens.of(*connection) else { continue };
            let saved = self.save_tokens(*connection, tokens, came_at).await;
            saved.map_err(|error| (waiting.len() - done, error))?;
        }
        Ok(())
    }
}
