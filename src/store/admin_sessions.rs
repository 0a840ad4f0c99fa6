//! Who is signed in to the administrator's pages. The secret of a session is only in its browser.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use crate::store::sql::schema::{admin_sessions, api_keys};
use crate::store::sql::time::to_micros;
use crate::store::{KeyScope, Store, StoreError};
use crate::vault::secret_digest;

/// The key that somebody signed in with.
#[derive(Clone, Debug)]
pub struct SignedInKey {
    /// Its public id.
    pub id: String,
    /// What it is for, as its maker wrote it.
    pub label: String,
}

impl Store {
    /// Begins a session that was proven by a key, until then, and forgets those that are over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_admin_session(
        &self,
        secret: &SecretString,
        key_id: String,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let digest = secret_digest(secret.expose_secret());
        self.write(move |db| {
            let over = admin_sessions::expires_at.le(to_micros(now));
            diesel::delete(admin_sessions::table.filter(over)).execute(db)?;
            diesel::insert_into(admin_sessions::table)
                .values((
                    admin_sessions::digest.eq(digest),
                    admin_sessions::key_id.eq(key_id),
                    admin_sessions::expires_at.eq(to_micros(expires_at)),
                ))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// The key of a session; `None` when the session is over or its key was revoked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn admin_session(
        &self,
        secret: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Option<SignedInKey>, StoreError> {
        let digest = secret_digest(secret.expose_secret());
        let found: Option<(String, String)> = self
            .read(move |db| {
                admin_sessions::table
                    .inner_join(api_keys::table.on(api_keys::id.eq(admin_sessions::key_id)))
                    .filter(admin_sessions::digest.eq(digest))
                    .filter(admin_sessions::expires_at.gt(to_micros(now)))
                    .filter(api_keys::revoked_at.is_null())
                    .filter(api_keys::scope.eq(KeyScope::Admin.name()))
                    .select((api_keys::id, api_keys::label))
                    .first(db)
                    .optional()
            })
            .await?;
        Ok(found.map(|(id, label)| SignedInKey { id, label }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_admin_session(&self, secret: &SecretString) -> Result<(), StoreError> {
        let digest = secret_digest(secret.expose_secret());
        self.write(move |db| {
            diesel::delete(admin_sessions::table.find(digest)).execute(db)?;
            Ok(())
        })
        .await
    }
}
