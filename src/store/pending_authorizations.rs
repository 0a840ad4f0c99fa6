//! Pending authorizations: from "authorize" until the browser comes back. How a connect ended is kept
//! until the link would have expired: browsers repeat the callback.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use crate::model::{AuthorizationSecrets, ConnectionId, LineOutcome, UserId};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, oauth_attempts};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError};
use crate::vault::AssociatedData;
use crate::vault::secret_digest;

const VERIFIER: &str = "oauth_attempts.verifier";
const REQUEST_SECRET: &str = "oauth_attempts.request_secret";

/// An authorization that begins.
#[derive(Debug)]
pub struct NewPendingAuthorization {
    /// The unguessable `state` or request token that identifies the browser when it comes back.
    pub state: SecretString,
    /// The connection it is for.
    pub connection: ConnectionId,
    /// Where the browser is sent at the end.
    pub return_url: Option<String>,
    /// The secrets kept until then.
    pub secrets: AuthorizationSecrets,
    /// A browser that comes back after this is too late.
    pub expires_at: DateTime<Utc>,
}

/// An authorization whose browser has come back.
#[derive(Debug)]
pub struct PendingAuthorization {
    /// The connection it is for.
    pub connection: ConnectionId,
    /// The user it is for.
    pub user_id: UserId,
    /// The partner it was begun with.
    pub partner: String,
    /// Where the browser is sent at the end.
    pub return_url: Option<String>,
    /// The secrets kept until then.
    pub secrets: AuthorizationSecrets,
}

/// What a returning browser is answered from.
#[derive(Debug)]
pub enum TakenAuthorization {
    /// It is the first to come back: its code is to be exchanged.
    First(PendingAuthorization),
    /// It has come back before, with the same parameters, and the connect ended like this.
    Again {
        /// Where the browser is sent.
        return_url: Option<String>,
        /// How the connect ended.
        ended: LineOutcome,
    },
}

impl Store {
    /// Stores an authorization that begins, and deletes expired ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_authorization(
        &self,
        pending: NewPendingAuthorization,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let state_digest = secret_digest(pending.state.expose_secret());
        let row = hex(&state_digest);
        let seal = |column, secret: &Option<SecretString>| {
            let associated = AssociatedData { column, row: &row };
            let secret = secret.as_ref();
            secret.map(|text| self.vault.seal(associated, text.expose_secret())).transpose()
        };
        let verifier = seal(VERIFIER, &pending.secrets.verifier)?;
        let request_secret = seal(REQUEST_SECRET, &pending.secrets.request_secret)?;
        self.write(move |db| {
            diesel::delete(
                oauth_attempts::table.filter(oauth_attempts::expires_at.lt(to_micros(now))),
            )
            .execute(db)?;
            diesel::insert_into(oauth_attempts::table)
                .values((
                    oauth_attempts::state_digest.eq(state_digest),
                    oauth_attempts::connection_id.eq(pending.connection),
                    oauth_attempts::return_url.eq(pending.return_url),
                    oauth_attempts::verifier_sealed.eq(verifier),
                    oauth_attempts::request_secret_sealed.eq(request_secret),
                    oauth_attempts::expires_at.eq(to_micros(pending.expires_at)),
                ))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// Takes the authorization of a `state` that was begun with `partner`. `brought` is what the
    /// browser brought back. `None` if there is none, if it has expired, or if it was taken with
    /// something else. Coming back to another partner's address leaves it as it is: whoever has the
    /// link could otherwise use it up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_authorization(
        &self,
        state: &SecretString,
        partner: String,
        brought: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<Option<TakenAuthorization>, StoreError> {
        let state_digest = secret_digest(state.expose_secret());
        let row = hex(&state_digest);
        let found = self.write(move |db| take(db, &state_digest, &partner, brought, now)).await?;
        let Some(found) = found else { return Ok(None) };
        if found.taken_at.is_some() {
            let (return_url, ended) = (found.return_url.clone(), found.ended());
            return Ok(Some(TakenAuthorization::Again { return_url, ended }));
        }
        let open = |column, sealed: Option<Vec<u8>>| {
            let associated = AssociatedData { column, row: &row };
            sealed.map(|sealed| self.vault.open(associated, &sealed)).transpose()
        };
        let secrets = AuthorizationSecrets {
            verifier: open(VERIFIER, found.verifier_sealed)?,
            request_secret: open(REQUEST_SECRET, found.request_secret_sealed)?,
        };
        Ok(Some(TakenAuthorization::First(PendingAuthorization {
            connection: found.connection_id,
            user_id: found.user_id,
            partner: found.partner,
            return_url: found.return_url,
            secrets,
        })))
    }

    /// Stores how the connect of a `state` ended, for browsers that come back once more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_authorization(
        &self,
        state: &SecretString,
        ended: LineOutcome,
    ) -> Result<(), StoreError> {
        let state_digest = secret_digest(state.expose_secret());
        self.write(move |db| {
            diesel::update(oauth_attempts::table.find(state_digest))
                .set(oauth_attempts::outcome.eq(Some(ended.name())))
                .execute(db)?;
            Ok(())
        })
        .await
    }
}

#[derive(Queryable)]
struct Attempt {
    connection_id: ConnectionId,
    return_url: Option<String>,
    verifier_sealed: Option<Vec<u8>>,
    request_secret_sealed: Option<Vec<u8>>,
    answer_digest: Option<Vec<u8>>,
    taken_at: Option<i64>,
    outcome: Option<String>,
    user_id: UserId,
    partner: String,
    connected_at: Option<i64>,
}

impl Attempt {
    /// How it ended. If the process ended during the exchange, the connection says whether the
    /// grant was stored.
    fn ended(&self) -> LineOutcome {
        let is_connected = self.connected_at >= self.taken_at;
        let seen = if is_connected { LineOutcome::Connected } else { LineOutcome::Failed };
        self.outcome.as_deref().and_then(LineOutcome::from_name).unwrap_or(seen)
    }
}

/// Finds an authorization and, if it was not taken yet, takes it and destroys its secrets.
fn take(
    db: &mut Db,
    state_digest: &[u8],
    partner: &str,
    brought: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<Option<Attempt>, StoreError> {
    let found: Option<Attempt> = oauth_attempts::table
        .inner_join(connections::table.on(connections::id.eq(oauth_attempts::connection_id)))
        .filter(oauth_attempts::state_digest.eq(state_digest))
        .filter(oauth_attempts::expires_at.ge(to_micros(now)))
        .filter(connections::partner.eq(partner))
        .select((
            oauth_attempts::connection_id,
            oauth_attempts::return_url,
            oauth_attempts::verifier_sealed,
            oauth_attempts::request_secret_sealed,
            oauth_attempts::answer_digest,
            oauth_attempts::taken_at,
            oauth_attempts::outcome,
            connections::user_id,
            connections::partner,
            connections::connected_at,
        ))
        .first(db)
        .optional()?;
    let Some(found) = found else { return Ok(None) };
    let attempt = oauth_attempts::table.find(state_digest);
    if found.taken_at.is_some() {
        return Ok(Some(found).filter(|found| found.answer_digest.as_ref() == Some(&brought)));
    }
    diesel::update(attempt)
        .set((
            oauth_attempts::verifier_sealed.eq(None::<Vec<u8>>),
            oauth_attempts::request_secret_sealed.eq(None::<Vec<u8>>),
            oauth_attempts::answer_digest.eq(Some(brought)),
            oauth_attempts::taken_at.eq(Some(to_micros(now))),
        ))
        .execute(db)?;
    Ok(Some(found))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
