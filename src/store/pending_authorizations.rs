//! Pending authorizations: from "authorize" until the browser comes back.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use crate::model::{AuthorizationSecrets, ConnectionId, UserId};
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

    /// Takes the authorization of a `state`, once; `None` if there is none or it has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_authorization(
        &self,
        state: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Option<PendingAuthorization>, StoreError> {
        type Row = (ConnectionId, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>, UserId, String);
        let state_digest = secret_digest(state.expose_secret());
        let row = hex(&state_digest);
        let found: Option<Row> = self
            .write(move |db| {
                let found = oauth_attempts::table
                    .inner_join(
                        connections::table.on(connections::id.eq(oauth_attempts::connection_id)),
                    )
                    .filter(oauth_attempts::state_digest.eq(&state_digest))
                    .filter(oauth_attempts::expires_at.ge(to_micros(now)))
                    .select((
                        oauth_attempts::connection_id,
                        oauth_attempts::return_url,
                        oauth_attempts::verifier_sealed,
                        oauth_attempts::request_secret_sealed,
                        connections::user_id,
                        connections::partner,
                    ))
                    .first(db)
                    .optional()?;
                diesel::delete(oauth_attempts::table.find(&state_digest)).execute(db)?;
                Ok(found)
            })
            .await?;
        let Some((connection, return_url, verifier, request_secret, user_id, partner)) = found
        else {
            return Ok(None);
        };
        let open = |column, sealed: Option<Vec<u8>>| {
            let associated = AssociatedData { column, row: &row };
            sealed.map(|sealed| self.vault.open(associated, &sealed)).transpose()
        };
        let secrets = AuthorizationSecrets {
            verifier: open(VERIFIER, verifier)?,
            request_secret: open(REQUEST_SECRET, request_secret)?,
        };
        Ok(Some(PendingAuthorization { connection, user_id, partner, return_url, secrets }))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
