//! Revoking a grant at the partner, with a new access token if the old one is not accepted.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use partner_sdk::{Grant, PartnerError, Session};

use super::connect_messages::Revocation;
use crate::clock::Clock;
use crate::installed::InstalledPartner;
use crate::model::ConnectionId;
use crate::store::{HeldGrant, Store};
use crate::sync::ports::{Ledger as _, Refresher as _};
use crate::sync::{LedgerError, Tokens};

/// How long the partner may take to revoke, with waits for its limits.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a revocation needs.
pub(super) struct Revoker {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spec: Arc<InstalledPartner>,
    pub(super) session: Session,
    pub(super) kept: Kept,
    pub(super) external_user_id: String,
}

/// Where the tokens are, and those that replace them are stored.
pub(super) enum Kept {
    /// With a connection.
    Connection(ConnectionId),
    /// With a grant that was not confirmed, named by this digest.
    Unconfirmed(Vec<u8>, HeldGrant),
}

impl Revoker {
    /// Revokes the grant, within a bounded time; one that the partner does not know any more is revoked.
    pub(super) async fn revoke(self, tokens: Tokens) -> Revocation {
        // A task of its own, like all partner code: it may panic or hang.
        let task = tokio::spawn(async move { self.revoke_renewed(tokens).await });
        let abort = task.abort_handle();
        match tokio::time::timeout(REVOKE_TIMEOUT, task).await {
            Ok(Ok(Ok(()))) => Revocation::Done,
            Ok(Ok(Err(PartnerError::Rejected(why)))) => Revocation::Refused(why.into()),
            Ok(Ok(Err(error))) => Revocation::Failed(error.to_string()),
            Ok(Err(_)) => {
                Revocation::Failed("the partner's code panicked; the log has the place".into())
            }
            Err(_) => {
                abort.abort();
                Revocation::Failed(format!("no answer within {} s", REVOKE_TIMEOUT.as_secs()))
            }
        }
    }

    /// A refused access token may only have expired, and the grant lives on at the partner. So it
    /// is renewed and the revocation is sent once more. Without a refresh token nothing more can be
    /// done, nor needs to be.
    async fn revoke_renewed(&self, tokens: Tokens) -> Result<(), PartnerError> {
        let first = self.attempt(&tokens).await;
        let Err(PartnerError::Unauthorized(_)) = first else { return first };
        if tokens.refresh.is_none() {
            return Ok(());
        }
        // They are deleted when it is revoked; if it does not come to that, they are still good.
        let renewed = match self.renewed(&tokens).await {
            Err(PartnerError::Unauthorized(_)) => return Ok(()),
            renewed => renewed?,
        };
        self.attempt(&renewed).await.map_err(|error| match error {
            PartnerError::Unauthorized(_) => PartnerError::Transient(
                "it does not accept the access token, although it had just been renewed".into(),
            ),
            error => error,
        })
    }

    async fn attempt(&self, tokens: &Tokens) -> Result<(), PartnerError> {
        let grant = Grant {
            external_user_id: self.external_user_id.clone(),
            access_token: tokens.access.token.clone(),
            refresh_token: tokens.refresh.clone(),
            now: self.clock.now(),
        };
        let session = self.session.with_access_token(tokens.access.clone());
        self.spec.partner.revoke(&session, &grant).await
    }

    async fn renewed(&self, old: &Tokens) -> Result<Tokens, PartnerError> {
        let Self { store, spec, session, .. } = self;
        let now = self.clock.now();
        match &self.kept {
            Kept::Connection(connection) => {
                renewed(store, spec, session, *connection, old, now).await
            }
            Kept::Unconfirmed(digest, grant) => {
                let tokens = exchanged(spec, session, old, now).await?;
                let renewed = HeldGrant { tokens: tokens.clone(), ..grant.clone() };
                let kept = store.replace_held_grant(digest.clone(), renewed).await;
                kept.map_err(|error| PartnerError::Transient(error.to_string().into()))?;
                Ok(tokens)
            }
        }
    }
}

/// Gets new tokens outside of a sync, and stores them before their first use.
pub(super) async fn renewed(
    store: &Store,
    spec: &InstalledPartner,
    session: &Session,
    connection: ConnectionId,
    old: &Tokens,
    now: DateTime<Utc>,
) -> Result<Tokens, PartnerError> {
    let transient = |error: LedgerError| PartnerError::Transient(error.to_string().into());
    if old.refresh.is_some() {
        store.begin_refresh(connection, now).await.map_err(transient)?;
    }
    let tokens = exchanged(spec, session, old, now).await?;
    store.save_tokens(connection, tokens.clone(), now).await.map_err(transient)?;
    Ok(tokens)
}

/// New tokens for old ones, which may not be good any more.
async fn exchanged(
    spec: &InstalledPartner,
    session: &Session,
    old: &Tokens,
    now: DateTime<Utc>,
) -> Result<Tokens, PartnerError> {
    let Some(refresh) = &old.refresh else {
        return Err(PartnerError::Unauthorized("the access token cannot be renewed".into()));
    };
    let mut tokens = spec.oauth.refresh(session, refresh, now).await?;
    // Not every partner repeats the scopes.
    tokens.scopes = tokens.scopes.or_else(|| old.scopes.clone());
    Ok(tokens)
}
