//! The actor of one connection. Its mailbox serialises everything done to the connection; it exists
//! only while something is being done.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::PartnerActor;
use super::connect_messages::Revocation;
use super::gate::ActorGate;
use super::listening::{announced, cause_of, looks_wide};
use super::messages::{Adopt, Apply, NextSync, Revoke, RunSync, SessionError, SyncEnded};
use super::revoking::{Kept, Revoker};
use super::shared::Shared;
use super::subscribing;
use crate::incidents::observe;
use crate::installed::InstalledPartner;
use crate::limits::{Priority, longest_wait};
use crate::model::{Cause, Connection, ConnectionId, FailureCode, SyncOutcome};
use crate::store::{StoreError, SyncEnd, SyncLine};
use crate::sync::{self, ActiveTimeout, Announced, Failure, Report, SyncContext};
use crate::telemetry::metrics::PartnerMetrics;

/// See the module.
pub(super) struct SessionActor {
    pub(super) connection: ConnectionId,
    pub(super) partner: Addr<PartnerActor>,
    pub(super) spec: Arc<InstalledPartner>,
    pub(super) shared: Shared,
    pub(super) client: reqwest::Client,
    pub(super) tasks: TaskTracker,
    pub(super) metrics: Arc<PartnerMetrics>,
}

impl Actor for SessionActor {
    type Context = Context<Self>;
}

impl SessionActor {
    pub(super) fn gated(
        &self,
        priority: Priority,
        timeout: &Arc<ActiveTimeout>,
        cancel: &CancellationToken,
    ) -> partner_sdk::Session {
        let gate = ActorGate {
            partner: self.partner.clone(),
            connection: Some(self.connection),
            priority,
            timeout: Arc::clone(timeout),
            cancel: cancel.clone(),
            metrics: Arc::clone(&self.metrics),
            call: Default::default(),
        };
        self.spec.session(self.client.clone(), Arc::new(gate), self.shared.scheduler.call_timeout)
    }

    /// Runs `work` as a task that its generation tracks; until it ends, nothing else is done to
    /// this connection.
    pub(super) fn alone<T: 'static>(
        &self,
        work: impl Future<Output = Result<T, SessionError>> + 'static,
    ) -> AtomicResponse<Self, Result<T, SessionError>> {
        let task = self.tasks.spawn_local(work);
        let ended = async move { task.await.unwrap_or(Err(SessionError::Panicked)) };
        AtomicResponse::new(Box::pin(ended.into_actor(self)))
    }
}

impl Handler<RunSync> for SessionActor {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, message: RunSync, _: &mut Self::Context) -> Self::Result {
        let RunSync { mut job, cause, priority, cancel, timeout, trace } = message;
        // Of the highest level, so that no filter leaves it out.
        let id = Uuid::now_v7();
        let span = tracing::error_span!("sync", sync.id = %id, connection.id = self.connection.0);
        trace.lead_to(&span);
        let cause = cause_of(cause, &job.connection);
        let with = SyncContext {
            partner: Arc::clone(&self.spec.partner),
            session: self.gated(priority, &timeout, &cancel),
            ledger: Arc::new(self.shared.store.clone()),
            refresher: Arc::new(self.spec.oauth.clone()),
            clock: Arc::clone(&self.shared.clock),
            timeout,
            cancel,
            page_timeout: self.shared.scheduler.page_timeout,
            late_calls: TimeDelta::from_std(self.shared.scheduler.late_calls).unwrap_or_default(),
            backfill: self.spec.backfill,
            exercise_energy: self.shared.records.exercise_energy,
            retry_switched_off: self.shared.scheduler.retry_switched_off,
            cause,
            is_asked: matches!(cause, Cause::Connect | Cause::Request),
            is_requested: cause == Cause::Request,
            looks_wide: looks_wide(cause, &job.connection, self.shared.now()),
            polls: polls(cause, &job.connection, self.shared.now()),
        };
        let (shared, spec, partner) =
            (self.shared.clone(), Arc::clone(&self.spec), self.partner.clone());
        let connection = self.connection;
        let started_at = shared.now();
        let began = Instant::now();
        let settled = async move {
            // Boxed: spawn moves the future; keep it small.
            let run = AssertUnwindSafe(Box::pin(sync::run(&with, &mut job))).catch_unwind();
            let report = run.await.unwrap_or_else(|_| panicked());
            let announced = announced(&shared, &spec, &job);
            finish(&shared, &spec, report, &job.connection, announced, cause, started_at).await
        };
        let settled = self.tasks.spawn_local(settled.instrument(span.clone()));
        let retry_at = started_at + TimeDelta::seconds(60);
        let ended = async move {
            let ended = settled.await;
            let (report, next) =
                ended.unwrap_or_else(|_| (panicked(), NextSync::Unstored(retry_at)));
            partner.do_send(SyncEnded {
                connection,
                report,
                next,
                duration: began.elapsed(),
                cause,
                span,
            });
        };
        AtomicResponse::new(Box::pin(ended.into_actor(self)))
    }
}

/// Whether a sync polls every feed: when it was requested, or when the poll is due.
fn polls(cause: Cause, connection: &Connection, now: DateTime<Utc>) -> bool {
    match cause {
        Cause::Connect | Cause::Request | Cause::Notification => true,
        // What waits to be pushed does not wait for what is to be read.
        Cause::Push => false,
        _ => connection.next_poll_at.is_none_or(|at| at <= now + TimeDelta::seconds(1)),
    }
}

fn panicked() -> Report {
    let failure = Failure {
        code: FailureCode::Panic,
        message: "the sync panicked; the log has the place".into(),
        outcome: SyncOutcome::Failed,
        wait: None,
        waiting_for: None,
    };
    Report { error: Some(failure), ..Report::default() }
}

/// Settles a sync in the store and notifies other partners' actors of what it left for them to
/// push. Returns the report and when the connection is due next.
async fn finish(
    shared: &Shared,
    spec: &InstalledPartner,
    mut report: Report,
    connection: &Connection,
    announced: Option<Announced>,
    cause: Cause,
    started_at: DateTime<Utc>,
) -> (Report, NextSync) {
    let now = shared.now();
    let wait = report.worst().map(|failure| failure.wait.unwrap_or(spec.manifest().retry_wait));
    let limited_until = wait.map(|wait| now + longest_wait(wait));
    let (policy, jitter) = (&shared.policy, shared.scheduler.jitter);
    let mut settlement =
        sync::settle(connection, &report, limited_until, now, policy, jitter, rand::random());
    let spreading = (&**policy, jitter, rand::random());
    sync::relax(&mut settlement, connection, &report, announced, now, spreading);
    let outcome = report.outcome();
    let summary = report.summary();
    tracing::debug!(
        partner.name = spec.name(),
        connection.id = connection.id.0,
        cause = cause.name(),
        outcome = outcome.name(),
        "sync ended"
    );
    if outcome == SyncOutcome::Failed {
        tracing::warn!(
            partner.name = spec.name(),
            connection.id = connection.id.0,
            failures = settlement.failures,
            summary,
            "sync failed"
        );
    }
    if outcome == SyncOutcome::NeedsReconnect {
        tracing::warn!(
            partner.name = spec.name(),
            connection.id = connection.id.0,
            reason = report.worst().map(|failure| failure.message.as_str()),
            "the user must connect again"
        );
    }
    let next_poll_at = settlement.next_poll_at;
    let failed = matches!(outcome, SyncOutcome::Failed | SyncOutcome::Limited);
    let pushed = report.push.is_some();
    let observed = observe(&report, settlement.status)
        .of_notifications(connection.trust.as_ref(), settlement.trust.as_ref());
    let push_not_before = (failed || pushed).then_some(settlement.push_not_before);
    shared.directory.notify_enqueued(&report.enqueued);
    let line = SyncLine {
        connection: connection.id,
        user_id: connection.user_id.clone(),
        partner: connection.partner.clone(),
        cause,
        outcome: outcome.into(),
        summary,
        detail: serde_json::to_string(&report).unwrap_or_else(|_| "null".into()),
        // The change that lost a conflict is kept on a line of its own.
        stands_apart: report.has_conflicts(),
        started_at,
        finished_at: now,
    };
    // An interrupted sync that had brought nothing leaves no line: what interrupted it has one.
    let resume_points = report.resume_points();
    if outcome == SyncOutcome::Interrupted && !report.had_data() && resume_points.is_empty() {
        return (report, NextSync::Unstored(now));
    }
    let stored = async {
        let (connection, cursors) = (connection.id, report.cursors());
        let wide_looks = report.wide_looks();
        let finish = SyncEnd {
            connection,
            settlement,
            cursors,
            wide_looks,
            resume_points,
            line,
            push_not_before,
            observed,
        };
        let next_push_at = shared.store.finish_sync(finish).await?;
        if outcome == SyncOutcome::Ended {
            shared.store.end_partner(spec.name(), now).await?;
        }
        Ok::<_, StoreError>(next_push_at)
    };
    let next_push_at = stored.await;
    let next_push_at = match next_push_at {
        Ok(next_push_at) => next_push_at,
        Err(error) => {
            tracing::error!(partner.name = spec.name(), connection.id = connection.id.0, %error, "a sync's end was not stored");
            report.error = Some(Failure {
                code: FailureCode::Store,
                message: "the end of the sync could not be stored".into(),
                outcome: SyncOutcome::Failed,
                wait: None,
                waiting_for: None,
            });
            return (report, NextSync::Unstored(now + TimeDelta::seconds(30)));
        }
    };
    (report, NextSync::Stored([next_poll_at, next_push_at].into_iter().flatten().min()))
}

impl Handler<Adopt> for SessionActor {
    type Result = AtomicResponse<Self, Result<bool, SessionError>>;

    fn handle(&mut self, Adopt(grant): Adopt, _: &mut Self::Context) -> Self::Result {
        let (shared, name, id) = (self.shared.clone(), self.spec.name(), self.connection.0);
        let adopt = async move {
            let now = shared.now();
            let adopted = shared.store.adopt(grant, now).await?;
            tracing::info!(partner.name = name, connection.id = id, "a user has connected");
            Ok(adopted)
        };
        self.alone(adopt)
    }
}

impl Handler<Apply> for SessionActor {
    type Result = AtomicResponse<Self, Result<(), SessionError>>;

    fn handle(&mut self, Apply(choices): Apply, _: &mut Self::Context) -> Self::Result {
        let (shared, connection) = (self.shared.clone(), self.connection);
        self.alone(async move {
            let chosen = shared.store.choose(connection, choices, shared.now());
            chosen.await.map_err(SessionError::from)
        })
    }
}

impl Handler<Revoke> for SessionActor {
    type Result = AtomicResponse<Self, Result<Revocation, SessionError>>;

    fn handle(&mut self, _: Revoke, _: &mut Self::Context) -> Self::Result {
        let (shared, spec, connection) =
            (self.shared.clone(), Arc::clone(&self.spec), self.connection);
        let timeout = Arc::new(ActiveTimeout::default());
        let session = self.gated(Priority::Interactive, &timeout, &CancellationToken::new());
        let revoke = async move {
            let revocation = revoke_at_partner(&shared, &spec, session, connection).await;
            shared.store.disconnect(connection, shared.now()).await.map_err(SessionError::from)?;
            tracing::info!(
                partner.name = spec.name(),
                connection.id = connection.0,
                revoked = matches!(revocation, Revocation::Done),
                "a user has disconnected"
            );
            Ok(revocation)
        };
        self.alone(revoke)
    }
}

async fn revoke_at_partner(
    shared: &Shared,
    spec: &Arc<InstalledPartner>,
    session: partner_sdk::Session,
    connection: ConnectionId,
) -> Revocation {
    let tokens = match shared.store.tokens(connection).await {
        Ok(Some(tokens)) => tokens,
        Ok(None) => return Revocation::Done,
        Err(error) => return Revocation::Failed(error.to_string()),
    };
    let known = shared.store.connection_by_id(connection).await.ok().flatten();
    if let Some(known) = &known
        && shared.store.shares_account(known).await.unwrap_or(false)
    {
        // Some partners revoke the access of the account, not of the token.
        let reason = "another user is connected to the same account, whose access must stay";
        return Revocation::Failed(reason.into());
    }
    subscribing::end(shared, spec, &session, connection, &tokens).await;
    let external_user_id = known.and_then(|known| known.external_user_id).unwrap_or_default();
    let revoker = Revoker {
        store: shared.store.clone(),
        clock: Arc::clone(&shared.clock),
        spec: Arc::clone(spec),
        session,
        kept: Kept::Connection(connection),
        external_user_id,
    };
    revoker.revoke(tokens).await
}
