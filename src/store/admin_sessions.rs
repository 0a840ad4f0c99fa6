//! Who is signed in to the administrator's pages. The secret of a session is only in its browser.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use crate::store::sql::schema::{admin_sessions, administrators, api_keys};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{AdminRole, KeyScope, Store, StoreError};
use crate::vault::secret_digest;

/// After this time without a request a session is over.
pub(in crate::store) const IDLE: TimeDelta = TimeDelta::minutes(30);

/// A request is noted at most this often.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What a session was begun with.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A key of this id.
    Key(String),
    /// The password of the administrator of this name.
    Password(String),
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct SignedInAs {
    /// The public id of the key, if a key was the proof.
    pub key_id: Option<String>,
    /// The administrator's name, else what the key is for, as its maker wrote it.
    pub label: String,
    /// Whether more than looking is allowed.
    pub may_change: bool,
}

#[derive(Queryable)]
struct Found {
    key_id: Option<String>,
    label: Option<String>,
    scope: Option<String>,
    revoked_at: Option<i64>,
    key_expires_at: Option<i64>,
    administrator: Option<String>,
    role: Option<String>,
    seen_at: i64,
}

impl Found {
    /// Who it is, if the proof still holds.
    fn signed_in(self, now: DateTime<Utc>) -> Result<Option<SignedInAs>, StoreError> {
        if let (Some(label), Some(role)) = (self.administrator, self.role) {
            let may_change = AdminRole::from_name(&role)? == AdminRole::Full;
            return Ok(Some(SignedInAs { key_id: None, label, may_change }));
        }
        let (Some(key_id), Some(scope)) = (self.key_id, self.scope) else { return Ok(None) };
        let scope = KeyScope::from_name(&scope)?;
        let is_over = self.key_expires_at.is_some_and(|at| at <= to_micros(now));
        if !scope.is_admin() || self.revoked_at.is_some() || is_over {
            return Ok(None);
        }
        let label = self.label.unwrap_or_default();
        Ok(Some(SignedInAs { key_id: Some(key_id), label, may_change: scope.may_change() }))
    }
}

impl Store {
    /// Begins a session, until then at the latest, and forgets those that are over. Returns whether it began: not
    /// by a key if there are administrators, and not by the password of one who was removed meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_admin_session(
        &self,
        secret: &SecretString,
        proof: Proof,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let digest = secret_digest(secret.expose_secret());
        self.write(move |db| {
            let over = admin_sessions::expires_at.le(to_micros(now));
            let idle = admin_sessions::seen_at.le(to_micros(now - IDLE));
            diesel::delete(admin_sessions::table.filter(over.or(idle))).execute(db)?;
            let holds = match &proof {
                Proof::Key(_) => {
                    let named = administrators::table.select(administrators::name);
                    named.first::<String>(db).optional()?.is_none()
                }
                Proof::Password(name) => {
                    let set = administrators::last_sign_in_at.eq(Some(to_micros(now)));
                    diesel::update(administrators::table.find(name)).set(set).execute(db)? > 0
                }
            };
            if !holds {
                return Ok(false);
            }
            let (key_id, administrator) = match proof {
                Proof::Key(id) => (Some(id), None),
                Proof::Password(name) => (None, Some(name)),
            };
            diesel::insert_into(admin_sessions::table)
                .values((
                    admin_sessions::digest.eq(digest),
                    admin_sessions::key_id.eq(key_id),
                    admin_sessions::administrator.eq(administrator),
                    admin_sessions::seen_at.eq(to_micros(now)),
                    admin_sessions::expires_at.eq(to_micros(expires_at)),
                ))
                .execute(db)?;
            Ok(true)
        })
        .await
    }

    /// Who is signed in with a session; `None` when it is over, by time or with its key or administrator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn admin_session(
        &self,
        secret: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Option<SignedInAs>, StoreError> {
        let digest = secret_digest(secret.expose_secret());
        let wanted = digest.clone();
        let found: Option<Found> = self
            .read(move |db| {
                let keys = api_keys::table.on(api_keys::id.nullable().eq(admin_sessions::key_id));
                let people = administrators::table
                    .on(administrators::name.nullable().eq(admin_sessions::administrator));
                admin_sessions::table
                    .left_join(keys)
                    .left_join(people)
                    .filter(admin_sessions::digest.eq(wanted))
                    .filter(admin_sessions::expires_at.gt(to_micros(now)))
                    .filter(admin_sessions::seen_at.gt(to_micros(now - IDLE)))
                    .select((
                        admin_sessions::key_id,
                        api_keys::label.nullable(),
                        api_keys::scope.nullable(),
                        api_keys::revoked_at.nullable(),
                        api_keys::expires_at.nullable(),
                        admin_sessions::administrator,
                        administrators::role.nullable(),
                        admin_sessions::seen_at,
                    ))
                    .first(db)
                    .optional()
            })
            .await?;
        let Some(found) = found else { return Ok(None) };
        if now - from_micros(found.seen_at) >= NOTED_EVERY {
            self.note_session(digest, now);
        }
        found.signed_in(now)
    }

    /// Notes that a session is in use. Nobody waits for it.
    fn note_session(&self, digest: Vec<u8>, now: DateTime<Utc>) {
        let store = self.clone();
        tokio::spawn(async move {
            let noted = store.write(move |db| {
                let set = admin_sessions::seen_at.eq(to_micros(now));
                diesel::update(admin_sessions::table.find(digest)).set(set).execute(db)?;
                Ok(())
            });
            // An outage is logged where it begins; the next request brings another try.
            drop(noted.await);
        });
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

    /// Ends all sessions with the same proof.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_admin_sessions_of(&self, who: &SignedInAs) -> Result<(), StoreError> {
        let (key, name) = (who.key_id.clone(), who.label.clone());
        self.write(move |db| {
            match key {
                Some(id) => {
                    let own = admin_sessions::table.filter(admin_sessions::key_id.eq(id));
                    diesel::delete(own).execute(db)?
                }
                None => {
                    let own = admin_sessions::table.filter(admin_sessions::administrator.eq(name));
                    diesel::delete(own).execute(db)?
                }
            };
            Ok(())
        })
        .await
    }
}
