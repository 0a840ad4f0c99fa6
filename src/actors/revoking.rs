//! Revoking a grant at the partner, with a new access token if the old one is not accepted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use partner_sdk::{Grant, PartnerError, Session};

use crate::clock::Clock;
use crate::installed::InstalledPartner;
use crate::model::ConnectionId;
use crate::store::{HeldGrant, Store};
use crate::sync::ports::{Ledger as _, Refresher as _};
use crate::sync::{LedgerError, Tokens};

/// What a revocation needs.
pub(super) struct Revoker {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spec: Arc<InstalledPartner>,
    pub(super) session: Session,
    pub(super) connection: ConnectionId,
    pub(super) external_user_id: String,
}

impl Revoker {
    /// Revokes the grant; one that the partner does not know any more is revoked.
    ///
    /// A refused access token may only have expired, and the grant lives on at the partner. So it
    /// is renewed and the revocation is sent once more. Without a refresh token nothing more can be
    /// done, nor needs to be.
    pub(super) async fn revoke(&self, tokens: Tokens) -> Result<(), PartnerError> {
        let first = self.attempt(&tokens).await;
        let Err(PartnerError::Unauthorized(_)) = first else { return first };
        if tokens.refresh.is_none() {
            return Ok(());
        }
        let Self { store, spec, session, connection, .. } = self;
        // The disconnect deletes them; if it does not come to that, they are still good.
        let renewed = renewed(store, spec, session, *connection, &tokens, self.clock.now()).await;
        let renewed = match renewed {
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
    let Some(refresh) = &old.refresh else {
        return Err(PartnerError::Unauthorized("the access token cannot be renewed".into()));
    };
    let transient = |error: LedgerError| PartnerError::Transient(error.to_string().into());
    store.begin_refresh(connection, now).await.map_err(transient)?;
    let mut tokens = spec.oauth.refresh(session, refresh, now).await?;
    // Not every partner repeats the scopes.
    tokens.scopes = tokens.scopes.or_else(|| old.scopes.clone());
    store.save_tokens(connection, tokens.clone(), now).await.map_err(transient)?;
    Ok(tokens)
}

/// Revokes a grant that no connection has. One that the partner does not know any more is revoked.
pub(super) async fn revoke_unstored(
    spec: &InstalledPartner,
    session: Session,
    clock: &dyn Clock,
    grant: HeldGrant,
) -> Result<(), PartnerError> {
    let HeldGrant { external_user_id, mut tokens, .. } = grant;
    for is_last in [false, true] {
        let granted = Grant {
            external_user_id: external_user_id.clone(),
            access_token: tokens.access.token.clone(),
            refresh_token: tokens.refresh.clone(),
            now: clock.now(),
        };
        let with_token = session.with_access_token(tokens.access.clone());
        let revoked = spec.partner.revoke(&with_token, &granted).await;
        let (Err(PartnerError::Unauthorized(_)), Some(refresh)) = (&revoked, &tokens.refresh)
        else {
            return match revoked {
                Err(PartnerError::Unauthorized(_)) => Ok(()),
                revoked => revoked,
            };
        };
        if is_last {
            return revoked;
        }
        // The access token may only have expired.
        tokens = match spec.oauth.refresh(&session, refresh, clock.now()).await {
            Err(PartnerError::Unauthorized(_)) => return Ok(()),
            renewed => renewed?,
        };
    }
    Ok(())
}
