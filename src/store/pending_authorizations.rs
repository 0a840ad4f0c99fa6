//! Pending authorizations: from "authorize" until the browser comes back. How a connect ended is kept
//! until the link would have expired: browsers repeat the callback.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use crate::model::{AuthorizationSecrets, ConnectEnd, ConnectionId, UserId};
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, oauth_attempts};
use crate::store::sql::time::to_micros;
use crate::store::{Store, StoreError, user_keys};
use crate::vault::{AssociatedData, UserKey, hex, secret_digest};

pub(in crate::store) const VERIFIER: &str = "oauth_attempts.verifier";
pub(in crate::store) const REQUEST_SECRET: &str = "oauth_attempts.request_secret";

/// Where a browser that comes back from a partner ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectReturn {
    /// The host app's address for it.
    pub url: Option<String>,
    /// The id of the connect page's link, if the connect was begun there: the user is shown how it ended
    /// before going back.
    pub connect_link: Option<String>,
    /// The language of the user, if one was chosen.
    pub language: Option<String>,
    /// Whether the host app confirms that it was the user who came back.
    pub confirm: bool,
}

/// An authorization that begins.
#[derive(Debug)]
pub struct NewPendingAuthorization {
    /// The unguessable `state` or request token that identifies the browser when it comes back.
    pub state: SecretString,
    /// The connection it is for.
    pub connection: ConnectionId,
    /// Where the browser ends.
    pub back: ConnectReturn,
    /// What the user chose for the connection: names and values of properties.
    pub choices: Vec<(String, String)>,
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
    /// Where the browser ends.
    pub back: ConnectReturn,
    /// What the user chose for the connection: names and values of properties.
    pub choices: Vec<(String, String)>,
    /// The secrets kept until then.
    pub secrets: AuthorizationSecrets,
}

/// How long an authorization that has expired is still known, so that its browser can be sent back.
const KNOWN_AFTER: TimeDelta = TimeDelta::days(1);

/// What a returning browser is answered from.
#[derive(Debug)]
pub enum TakenAuthorization {
    /// It is the first to come back: its code is to be exchanged.
    First(PendingAuthorization),
    /// It has come back before, with the same parameters, and the connect ended like this.
    Again {
        /// Where the browser ends.
        back: ConnectReturn,
        /// How the connect ended.
        ended: ConnectEnd,
    },
    /// It has come back before with something else: nothing is exchanged.
    Otherwise {
        /// Where the browser would end.
        back: ConnectReturn,
    },
}

impl Store {
    /// Stores an authorization that begins, and deletes those that expired long ago.
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
        let choices = serde_json::to_string(&pending.choices);
        let choices = choices.map_err(|_| StoreError::Corrupt("choices"))?;
        let vault = Arc::clone(&self.vault);
        self.write(move |db| {
            let key = user_keys::ensure_for(db, &vault, pending.connection)?;
            let seal = |column, secret: &Option<SecretString>| {
                let associated = AssociatedData { column, row: &row };
                let secret = secret.as_ref();
                secret.map(|text| key.current.seal(associated, text.expose_secret())).transpose()
            };
            let verifier = seal(VERIFIER, &pending.secrets.verifier)?;
            let request_secret = seal(REQUEST_SECRET, &pending.secrets.request_secret)?;
            let long_ago = oauth_attempts::expires_at.lt(to_micros(now - KNOWN_AFTER));
            diesel::delete(oauth_attempts::table.filter(long_ago)).execute(db)?;
            diesel::insert_into(oauth_attempts::table)
                .values((
                    oauth_attempts::state_digest.eq(state_digest),
                    oauth_attempts::connection_id.eq(pending.connection),
                    oauth_attempts::return_url.eq(pending.back.url),
                    oauth_attempts::connect_link.eq(pending.back.connect_link),
                    oauth_attempts::language.eq(pending.back.language),
                    oauth_attempts::confirm.eq(pending.back.confirm),
                    oauth_attempts::verifier_sealed.eq(verifier),
                    oauth_attempts::request_secret_sealed.eq(request_secret),
                    oauth_attempts::expires_at.eq(to_micros(pending.expires_at)),
                    oauth_attempts::choices.eq(choices),
                ))
                .execute(db)?;
            Ok(())
        })
        .await
    }

    /// Takes the authorization of a `state` that was begun with `partner`. `brought` is what the
    /// browser brought back. `None` if there is none. Coming back to another partner's address leaves it as it is: whoever has the
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
        let (row, same) = (hex(&state_digest), brought.clone());
        let vault = Arc::clone(&self.vault);
        let found = self
            .write(move |db| {
                let found = take(db, &state_digest, &partner, brought, now)?;
                let Some(found) = found else { return Ok(None) };
                let key = user_keys::of_one(db, &vault, &found.user_id)?;
                Ok(Some((found, key)))
            })
            .await?;
        let Some((found, key)) = found else { return Ok(None) };
        let (back, known) = (found.back(), &found.answer_digest);
        if found.taken_at.is_some() && known.as_ref() != Some(&same) {
            return Ok(Some(TakenAuthorization::Otherwise { back }));
        }
        if found.taken_at.is_some() || found.expires_at < to_micros(now) {
            let ended = found.ended();
            return Ok(Some(TakenAuthorization::Again { back, ended }));
        }
        let open = |column, sealed: Option<Vec<u8>>| {
            let associated = AssociatedData { column, row: &row };
            let open =
                |sealed: Vec<u8>| UserKey::open(key.as_ref(), &self.vault, associated, &sealed);
            sealed.map(open).transpose()
        };
        let secrets = AuthorizationSecrets {
            verifier: open(VERIFIER, found.verifier_sealed)?,
            request_secret: open(REQUEST_SECRET, found.request_secret_sealed)?,
        };
        let choices = found.choices.as_deref().map(serde_json::from_str).transpose();
        Ok(Some(TakenAuthorization::First(PendingAuthorization {
            choices: choices.map_err(|_| StoreError::Corrupt("choices"))?.unwrap_or_default(),
            connection: found.connection_id,
            user_id: found.user_id,
            partner: found.partner,
            back,
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
        ended: ConnectEnd,
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
    expires_at: i64,
    outcome: Option<String>,
    choices: Option<String>,
    connect_link: Option<String>,
    language: Option<String>,
    confirm: bool,
    user_id: UserId,
    partner: String,
    connected_at: Option<i64>,
}

impl Attempt {
    fn back(&self) -> ConnectReturn {
        ConnectReturn {
            url: self.return_url.clone(),
            connect_link: self.connect_link.clone(),
            language: self.language.clone(),
            confirm: self.confirm,
        }
    }

    /// How it ended. If the process ended during the exchange, the connection says whether the
    /// grant was stored.
    fn ended(&self) -> ConnectEnd {
        let seen = match self.taken_at {
            None => ConnectEnd::LinkExpired,
            taken_at if self.connected_at >= taken_at => ConnectEnd::Connected,
            Some(_) => ConnectEnd::Interrupted,
        };
        self.outcome.as_deref().and_then(ConnectEnd::from_name).unwrap_or(seen)
    }
}

/// Finds an authorization and, if it was not taken yet and has not expired, takes it and destroys its
/// secrets.
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
        .filter(connections::partner.eq(partner))
        .select((
            oauth_attempts::connection_id,
            oauth_attempts::return_url,
            oauth_attempts::verifier_sealed,
            oauth_attempts::request_secret_sealed,
            oauth_attempts::answer_digest,
            oauth_attempts::taken_at,
            oauth_attempts::expires_at,
            oauth_attempts::outcome,
            oauth_attempts::choices,
            oauth_attempts::connect_link,
            oauth_attempts::language,
            oauth_attempts::confirm,
            connections::user_id,
            connections::partner,
            connections::connected_at,
        ))
        .first(db)
        .optional()?;
    let Some(found) = found else { return Ok(None) };
    let attempt = oauth_attempts::table.find(state_digest);
    if found.taken_at.is_some() || found.expires_at < to_micros(now) {
        return Ok(Some(found));
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
