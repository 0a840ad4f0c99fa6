//! Administrators: a digest of the password, the sealed secret of the second factor, digests of recovery codes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::SecretString;

use crate::store::sql::schema::{admin_sessions, administrators, recovery_codes};
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};
use crate::vault::{AssociatedData, secret_digest};

pub(in crate::store) const SECRET: &str = "administrators.totp_secret";

/// What an administrator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminRole {
    /// Everything.
    Full,
    /// See everything, and change nothing.
    ReadOnly,
}

impl AdminRole {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read-only",
        }
    }

    pub(in crate::store) fn from_name(name: &str) -> Result<Self, StoreError> {
        let known = [Self::Full, Self::ReadOnly].into_iter().find(|role| role.name() == name);
        known.ok_or(StoreError::Corrupt("administrator's role"))
    }
}

/// An administrator as listed.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// The name.
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// Whether a second factor is asked for.
    pub has_second_factor: bool,
    /// How many recovery codes are not used yet.
    pub recovery_codes: i64,
    /// How many browsers are signed in.
    pub sessions: i64,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When somebody last signed in so.
    pub last_sign_in_at: Option<DateTime<Utc>>,
}

/// What is checked at a sign-in.
#[derive(Debug)]
pub struct Credentials {
    /// The digest of the password.
    pub password: String,
    /// The secret of the second factor.
    pub totp_secret: Option<SecretString>,
}

impl Store {
    /// Adds an administrator. Returns whether the name was free. Whoever signed in with a key is signed out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_administrator(
        &self,
        name: String,
        password: String,
        role: AdminRole,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.write(move |db| {
            let named = administrators::table.find(&name).select(administrators::name);
            if named.first::<String>(db).optional()?.is_some() {
                return Ok(false);
            }
            diesel::insert_into(administrators::table)
                .values((
                    administrators::name.eq(&name),
                    administrators::password_hash.eq(&password),
                    administrators::role.eq(role.name()),
                    administrators::created_at.eq(to_micros(now)),
                ))
                .execute(db)?;
            let by_key = admin_sessions::table.filter(admin_sessions::key_id.is_not_null());
            diesel::delete(by_key).execute(db)?;
            Ok(true)
        })
        .await
    }

    /// All administrators, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn administrators(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<Administrator>, StoreError> {
        type Row = (String, String, Option<Vec<u8>>, i64, Option<i64>);
        let (rows, codes, sessions): (Vec<Row>, Vec<String>, Vec<Option<String>>) = self
            .read(move |db| {
                let rows = administrators::table
                    .order(administrators::name)
                    .select((
                        administrators::name,
                        administrators::role,
                        administrators::totp_secret,
                        administrators::created_at,
                        administrators::last_sign_in_at,
                    ))
                    .load(db)?;
                let codes = recovery_codes::table.select(recovery_codes::administrator).load(db)?;
                let sessions = admin_sessions::table
                    .filter(admin_sessions::expires_at.gt(to_micros(now)))
                    .filter(
                        admin_sessions::seen_at.gt(to_micros(now - super::admin_sessions::IDLE)),
                    )
                    .select(admin_sessions::administrator)
                    .load(db)?;
                Ok((rows, codes, sessions))
            })
            .await?;
        let count = |found: usize| i64::try_from(found).unwrap_or(i64::MAX);
        let administrator = |(name, role, secret, created_at, last): Row| {
            Ok(Administrator {
                role: AdminRole::from_name(&role)?,
                has_second_factor: secret.is_some(),
                recovery_codes: count(codes.iter().filter(|of| **of == name).count()),
                sessions: count(sessions.iter().flatten().filter(|of| **of == name).count()),
                created_at: from_micros(created_at),
                last_sign_in_at: last.map(from_micros),
                name,
            })
        };
        rows.into_iter().map(administrator).collect()
    }

    /// Whether there is an administrator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_administrators(&self) -> Result<bool, StoreError> {
        let first = |db: &mut _| {
            administrators::table.select(administrators::name).first::<String>(db).optional()
        };
        Ok(self.read(first).await?.is_some())
    }

    /// What is checked when somebody of this name signs in.
    ///
    /// # Errors
    /// When the database fails, or the secret cannot be opened.
    pub async fn credentials(&self, name: String) -> Result<Option<Credentials>, StoreError> {
        let row = name.clone();
        let found: Option<(String, Option<Vec<u8>>)> = self
            .read(move |db| {
                administrators::table
                    .find(name)
                    .select((administrators::password_hash, administrators::totp_secret))
                    .first(db)
                    .optional()
            })
            .await?;
        let Some((password, sealed)) = found else { return Ok(None) };
        let place = AssociatedData { column: SECRET, row: &row };
        let totp_secret = sealed.map(|sealed| self.vault.open(place, &sealed)).transpose()?;
        Ok(Some(Credentials { password, totp_secret }))
    }

    /// Removes an administrator and signs him out. Returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_administrator(&self, name: String) -> Result<bool, StoreError> {
        self.write(move |db| Ok(diesel::delete(administrators::table.find(name)).execute(db)? > 0))
            .await
    }

    /// Changes a password and ends all sessions of its owner. Returns whether there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_password(&self, name: String, password: String) -> Result<bool, StoreError> {
        self.write(move |db| {
            let set = administrators::password_hash.eq(password);
            let changed = diesel::update(administrators::table.find(&name)).set(set).execute(db)?;
            let own = admin_sessions::table.filter(admin_sessions::administrator.eq(name));
            diesel::delete(own).execute(db)?;
            Ok(changed > 0)
        })
        .await
    }

    /// Sets or takes away a second factor with its recovery codes, as they are compared. Ends all sessions of its
    /// owner. Returns whether there is one.
    ///
    /// # Errors
    /// When the database fails, or the secret cannot be sealed.
    pub async fn set_second_factor(
        &self,
        name: String,
        secret: Option<SecretString>,
        codes: &[String],
    ) -> Result<bool, StoreError> {
        use partner_sdk::secrecy::ExposeSecret;
        let place = AssociatedData { column: SECRET, row: &name };
        let seal = |secret: SecretString| self.vault.seal(place, secret.expose_secret());
        let sealed = secret.map(seal).transpose()?;
        let digests: Vec<_> = codes.iter().map(|code| code_digest(&name, code)).collect();
        self.write(move |db| {
            let set =
                (administrators::totp_secret.eq(sealed), administrators::totp_used_step.eq(0));
            let changed = diesel::update(administrators::table.find(&name)).set(set).execute(db)?;
            let before = recovery_codes::table.filter(recovery_codes::administrator.eq(&name));
            diesel::delete(before).execute(db)?;
            if changed > 0 {
                for digest in digests {
                    let of = recovery_codes::administrator.eq(&name);
                    diesel::insert_into(recovery_codes::table)
                        .values((recovery_codes::digest.eq(digest), of))
                        .execute(db)?;
                }
            }
            let own = admin_sessions::table.filter(admin_sessions::administrator.eq(&name));
            diesel::delete(own).execute(db)?;
            Ok(changed > 0)
        })
        .await
    }

    /// Takes the code of a time step, unless it or a later one was taken before. Returns whether it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_code(&self, name: String, step: i64) -> Result<bool, StoreError> {
        self.write(move |db| {
            let unused = administrators::table
                .filter(administrators::name.eq(name))
                .filter(administrators::totp_used_step.lt(step));
            let set = administrators::totp_used_step.eq(step);
            Ok(diesel::update(unused).set(set).execute(db)? > 0)
        })
        .await
    }

    /// Takes a recovery code, as it is compared. Returns whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_recovery_code(&self, name: &str, code: &str) -> Result<bool, StoreError> {
        let digest = code_digest(name, code);
        self.write(
            move |db| Ok(diesel::delete(recovery_codes::table.find(digest)).execute(db)? > 0),
        )
        .await
    }
}

fn code_digest(name: &str, code: &str) -> Vec<u8> {
    secret_digest(&format!("recovery code of {name}: {code}"))
}
