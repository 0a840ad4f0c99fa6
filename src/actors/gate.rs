//! A sync's access to its partner's rate limits.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use async_trait::async_trait;
use partner_sdk::{CallKind, Gate, LimitScope, PartnerError, Permit};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::PartnerActor;
use super::messages::{Acquire, Granted, Limited, NotPermitted};
use crate::limits::Priority;
use crate::model::ConnectionId;
use crate::sync::ActiveTimeout;

/// Asks the partner actor for a permit before every call.
pub(super) struct ActorGate {
    pub(super) partner: Addr<PartnerActor>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) priority: Priority,
    pub(super) timeout: Arc<ActiveTimeout>,
    /// Cancels the wait for a permit.
    pub(super) cancel: CancellationToken,
}

#[async_trait]
impl Gate for ActorGate {
    async fn permit(&self, call: CallKind) -> Result<Permit, PartnerError> {
        let (grant, granted) = oneshot::channel();
        let priority =
            if self.timeout.is_backfilling() { Priority::Backfill } else { self.priority };
        let connection = self.connection;
        let began = Instant::now();
        self.partner.do_send(Acquire { connection, call, priority, grant });
        tokio::select! {
            granted = self.timeout.waiting(granted) => {
                let restarted =
                    |_| PartnerError::Transient("its actor is being restarted".into());
                match granted.map_err(restarted)? {
                    Ok(Granted { permit, waited_for }) => {
                        let waited = waited_for.as_deref().map(|limit| (limit, began.elapsed()));
                        self.timeout.permitted(waited);
                        Ok(permit)
                    }
                    Err(NotPermitted { waiting_for, wait }) => {
                        self.timeout.not_permitted(waiting_for, began.elapsed());
                        Err(PartnerError::RateLimited { scope: LimitScope::App, wait: Some(wait) })
                    }
                }
            }
            // A call that was not made can be abandoned, whatever it was for.
            () = self.cancel.cancelled() => {
                Err(PartnerError::Transient("the sync was stopped before the call".into()))
            }
        }
    }

    async fn wait_for_room(&self, room: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        self.timeout.waiting(room).await;
    }

    fn limited(&self, call: CallKind, scope: LimitScope, wait: Option<Duration>) {
        self.partner.do_send(Limited { connection: self.connection, call, scope, wait });
    }
}
