//! A sync's access to its partner's rate limits.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::Addr;
use async_trait::async_trait;
use partner_sdk::{CallKind, Gate, LimitScope, PartnerError, Permit};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::Span;
use tracing::field::Empty;

use super::PartnerActor;
use super::messages::{Acquire, Granted, Limited, NotPermitted};
use crate::limits::Priority;
use crate::model::ConnectionId;
use crate::sync::ActiveTimeout;
use crate::telemetry::metrics::PartnerMetrics;

/// Asks the partner actor for a permit before every call.
pub(super) struct ActorGate {
    pub(super) partner: Addr<PartnerActor>,
    pub(super) connection: Option<ConnectionId>,
    pub(super) priority: Priority,
    pub(super) timeout: Arc<ActiveTimeout>,
    /// Cancels the wait for a permit.
    pub(super) cancel: CancellationToken,
    /// Counts the calls.
    pub(super) metrics: Arc<PartnerMetrics>,
    /// The call that is being made, in a trace.
    pub(super) call: Mutex<Option<Span>>,
}

impl ActorGate {
    fn begin_call(&self) {
        let span = tracing::error_span!(
            "partner call",
            otel.kind = "client",
            http.response.status_code = Empty
        );
        *self.call.lock().unwrap_or_else(PoisonError::into_inner) = Some(span);
    }
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
                        self.begin_call();
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

    fn answered(&self, status: Option<u16>, took: Duration) {
        self.metrics.called(status, took);
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(call), Some(status)) = (call, status) {
            call.record("http.response.status_code", i64::from(status));
        }
    }

    fn limited(&self, call: CallKind, scope: LimitScope, wait: Option<Duration>) {
        let (connection, span) = (self.connection, Span::current());
        self.partner.do_send(Limited { connection, call, scope, wait, span });
    }
}
