//! Revoking a grant at the partner, with a new access token if the old one is not accepted.

use std::sync::Arc;

use partner_sdk::{Grant, PartnerError, Session};

use crate::clock::Clock;
use crate::installed::InstalledPartner;
use crate::model::ConnectionId;
use crate::store::Store;
use crate::sync::Tokens;
use crate::sync::ports::{Ledger as _, Refresher as _};

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
        let Some(refresh) = &tokens.refresh else { return Ok(()) };
        let now = self.clock.now();
        let begun = self.store.begin_refresh(self.connection, now).await;
        begun.map_err(|error| PartnerError::Transient(error.to_string().into()))?;
        let renewed = match self.spec.oauth.refresh(&self.session, refresh, now).await {
            Err(PartnerError::Unauthorized(_)) => return Ok(()),
            renewed => renewed?,
        };
        // The disconnect deletes them; if it does not come to that, they are still good.
        let kept = self.store.save_tokens(self.connection, renewed.clone(), now).await;
        kept.map_err(|error| PartnerError::Transient(error.to_string().into()))?;
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
