//! Connects, changes of settings and disconnects: stops the running sync and lets the session do
//! the rest.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::{Kind, Manifest, PartnerError};
use tokio::sync::oneshot;

use super::PartnerActor;
use crate::actors::connect_messages::{
    BeginConnect, Configure, Confirm, Connect, ConnectFailure, Connected, Disconnect, NotBegun,
    RevokeGrant,
};
use crate::actors::gate::ActorGate;
use crate::actors::messages::{Adopt, Apply, Revoke, SessionError, SyncOne, SyncResult};
use crate::actors::revoking::{Kept, Revoker};
use crate::actors::session::SessionActor;
use crate::limits::Priority;
use crate::model::{Cause, Choice, ConnectEnd, ConnectionId, Direction};
use crate::oauth::not_granted;
use crate::store::{HeldGrant, NewGrant};
use crate::sync::{ActiveTimeout, Tokens};
use crate::telemetry::traces::TraceContext;
use crate::vault::secret_digest;

/// How long a host app waits at most for the link that a connect begins with.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a browser waits at most for its code to be exchanged. Some codes live half a minute.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

impl PartnerActor {
    /// Stops the running sync of a connection and lets none start until the connection is released.
    fn take_over(&mut self, connection: ConnectionId, ctx: &Context<Self>) -> Addr<SessionActor> {
        self.queue.hold(connection);
        self.loading.remove(&connection);
        let live = self.session(connection, ctx);
        live.cancel.cancel();
        live.session.clone()
    }

    /// A session for an interactive user, without a connection yet.
    fn interactive_session(&self, ctx: &Context<Self>) -> partner_sdk::Session {
        let gate = ActorGate {
            partner: ctx.address(),
            connection: None,
            priority: Priority::Interactive,
            timeout: Arc::new(ActiveTimeout::default()),
            cancel: self.work.cancel.clone(),
            metrics: Arc::clone(&self.metrics),
            call: Default::default(),
        };
        let timeout = self.shared.scheduler.call_timeout;
        self.spec.session(self.client.clone(), Arc::new(gate), timeout)
    }

    fn end_take_over(&mut self, connection: ConnectionId) {
        self.queue.release(connection);
        if !self.queue.is_held(connection)
            && let Some(live) = self.live.get_mut(&connection)
        {
            live.cancel = self.work.cancel.child_token();
        }
        self.release_session(connection);
    }
}

impl Handler<BeginConnect> for PartnerActor {
    type Result = ();

    fn handle(&mut self, BeginConnect { reply }: BeginConnect, ctx: &mut Self::Context) {
        let session = self.interactive_session(ctx);
        let spec = Arc::clone(&self.spec);
        self.work.tasks.spawn_local(async move {
            let begun = tokio::time::timeout(BEGIN_TIMEOUT, spec.oauth.authorize(&session)).await;
            let begun = match begun {
                Ok(begun) => begun.map_err(|error| NotBegun {
                    reason: summary(&error),
                    passes: matches!(
                        error,
                        PartnerError::Transient(_) | PartnerError::RateLimited { .. }
                    ),
                }),
                Err(_) => Err(NotBegun {
                    reason: format!(
                        "the partner, or its rate limit, let us wait longer than {} s",
                        BEGIN_TIMEOUT.as_secs()
                    ),
                    passes: true,
                }),
            };
            drop(reply.send(begun));
        });
    }
}

impl Handler<Connect> for PartnerActor {
    type Result = ();

    /// A code may live for only half a minute: it is exchanged at once, beside whatever runs.
    fn handle(&mut self, message: Connect, ctx: &mut Self::Context) {
        let Connect { connection, response, secrets, scopes, choices, confirm, reply } = message;
        // Until it is confirmed it changes nothing.
        let to = match confirm {
            None => Granted::Adopted(self.take_over(connection, ctx)),
            Some((token, until)) => Granted::Held(token, until),
        };
        let store = self.shared.store.clone();
        let session = self.interactive_session(ctx);
        let (spec, now) = (Arc::clone(&self.spec), self.now());
        let manifest = spec.manifest();
        let exchange = self.work.tasks.spawn_local(async move {
            spec.oauth.exchange(&session, &response, secrets, now).await
        });
        let connect = async move {
            let exchanged = match tokio::time::timeout(EXCHANGE_TIMEOUT, exchange).await {
                Ok(Ok(exchanged)) => exchanged.map_err(|error| failure(&error))?,
                Err(_) => {
                    let text = format!(
                        "the partner, or its rate limit, let us wait longer than {} s",
                        EXCHANGE_TIMEOUT.as_secs()
                    );
                    return Err(ConnectFailure { end: ConnectEnd::PartnerUnavailable, text });
                }
                Ok(Err(_)) => {
                    return Err(interrupted("the partner's code panicked; the log has the place"));
                }
            };
            let mut tokens = exchanged.tokens;
            tokens.scopes = tokens.scopes.or(scopes);
            let external_user_id = exchanged.external_user_id;
            match to {
                Granted::Held(token, until) => {
                    let choices = choices.into_iter().map(|it| (it.name, it.value)).collect();
                    let grant = HeldGrant { connection, external_user_id, tokens, choices };
                    store.hold_grant(&token, grant, until).await.map_err(not_stored)?;
                    Ok(Connected { same_account: false, awaits_confirmation: true })
                }
                Granted::Adopted(session) => {
                    let (not_granted, held_as) = (not_granted_of(manifest, &tokens), None);
                    let grant = NewGrant {
                        connection,
                        external_user_id,
                        not_granted,
                        choices,
                        tokens,
                        held_as,
                    };
                    adopt(&session, grant).await
                }
            }
        };
        let done = connect.into_actor(self).map(move |result, actor, ctx| {
            if result.as_ref().is_ok_and(|connected| connected.awaits_confirmation) {
                drop(reply.send(result));
                return;
            }
            actor.end_connect(connection, result, reply, ctx);
        });
        ctx.spawn(done);
    }
}

impl PartnerActor {
    /// Ends what [`PartnerActor::take_over`] began; a connect that succeeded is followed by a first sync.
    fn end_connect(
        &mut self,
        connection: ConnectionId,
        result: Result<Connected, ConnectFailure>,
        reply: oneshot::Sender<Result<Connected, ConnectFailure>>,
        ctx: &mut Context<Self>,
    ) {
        self.end_take_over(connection);
        if result.is_ok() {
            self.ask_for_sync(
                SyncOne { connection, reply: None, trace: TraceContext::default() },
                Cause::Connect,
                Priority::Interactive,
            );
        }
        drop(reply.send(result));
        self.pump(ctx);
    }
}

/// Kinds for which the user granted no scope, if the partner reports them.
fn not_granted_of(manifest: &Manifest, tokens: &Tokens) -> Vec<(Direction, Vec<Kind>, String)> {
    let granted = tokens.scopes.as_deref();
    granted.map(|granted| not_granted(manifest, granted)).unwrap_or_default()
}

/// What becomes of a grant.
enum Granted {
    /// Its connection works with it.
    Adopted(Addr<SessionActor>),
    /// It is kept until the host app confirms it with this token, until this time.
    Held(SecretString, DateTime<Utc>),
}

/// Lets a connection work with a grant.
async fn adopt(session: &Addr<SessionActor>, grant: NewGrant) -> Result<Connected, ConnectFailure> {
    match session.send(Adopt(grant)).await {
        Ok(Ok(same_account)) => Ok(Connected { same_account, awaits_confirmation: false }),
        Ok(Err(error)) => Err(not_stored(error)),
        Err(_) => Err(interrupted("the partner's actor is being restarted")),
    }
}

impl Handler<Confirm> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Confirm, ctx: &mut Self::Context) {
        let Confirm { grant, token, reply } = message;
        let HeldGrant { connection, external_user_id, tokens, choices } = grant;
        let session = self.take_over(connection, ctx);
        let manifest = self.spec.manifest();
        let not_granted = not_granted_of(manifest, &tokens);
        let choices =
            choices.into_iter().map(|(name, value)| Choice::new(manifest, name, value)).collect();
        let held_as = Some(secret_digest(token.expose_secret()));
        let grant =
            NewGrant { connection, external_user_id, not_granted, choices, tokens, held_as };
        let confirmed = async move { adopt(&session, grant).await };
        let done = confirmed.into_actor(self).map(move |result, actor, ctx| {
            actor.end_connect(connection, result, reply, ctx);
        });
        ctx.spawn(done);
    }
}

impl Handler<RevokeGrant> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: RevokeGrant, ctx: &mut Self::Context) {
        let RevokeGrant { digest, grant, reply } = message;
        let tokens = grant.tokens.clone();
        let revoker = Revoker {
            store: self.shared.store.clone(),
            clock: Arc::clone(&self.shared.clock),
            spec: Arc::clone(&self.spec),
            session: self.interactive_session(ctx),
            external_user_id: grant.external_user_id.clone(),
            kept: Kept::Unconfirmed(digest, grant),
        };
        self.work.tasks.spawn_local(async move { drop(reply.send(revoker.revoke(tokens).await)) });
    }
}

fn not_stored(error: impl std::fmt::Display) -> ConnectFailure {
    interrupted(format!("the grant could not be stored: {error}"))
}

fn interrupted(text: impl Into<String>) -> ConnectFailure {
    ConnectFailure { end: ConnectEnd::Interrupted, text: text.into() }
}

fn failure(error: &PartnerError) -> ConnectFailure {
    let end = match error {
        PartnerError::Unauthorized(_) => ConnectEnd::CodeRefused,
        PartnerError::RateLimited { .. }
        | PartnerError::Transient(_)
        | PartnerError::Malformed(_) => ConnectEnd::PartnerUnavailable,
        PartnerError::MissingScope(_) | PartnerError::Rejected(_) | PartnerError::Gone(_) => {
            ConnectEnd::PartnerRefused
        }
    };
    ConnectFailure { end, text: summary(error) }
}

fn summary(error: &PartnerError) -> String {
    match error {
        PartnerError::Unauthorized(_) => {
            "the partner did not accept the code; it may have expired or been used before".into()
        }
        PartnerError::RateLimited { wait: Some(wait), .. } if wait.as_secs() > 0 => {
            let minutes = wait.as_secs().div_ceil(60);
            format!("the partner asked us to make no calls; the next try is in {minutes} min")
        }
        other => other.to_string(),
    }
}

impl Handler<Disconnect> for PartnerActor {
    type Result = ();

    fn handle(&mut self, message: Disconnect, ctx: &mut Self::Context) {
        let Disconnect { connection, reply } = message;
        let session = self.take_over(connection, ctx);
        let revoke =
            async move { session.send(Revoke).await.unwrap_or(Err(SessionError::Restarting)) };
        let done = revoke.into_actor(self).map(move |result, actor, ctx| {
            if result.is_ok() {
                actor.due.remove(connection);
                actor.backoff.remove(connection);
                for waiting in actor.queue.forget(connection) {
                    drop(waiting.send(SyncResult::NotConnected));
                }
            } else {
                // It is still connected, and its sync was stopped.
                actor.back_off(connection, actor.now());
            }
            actor.end_take_over(connection);
            drop(reply.send(result));
            actor.pump(ctx);
        });
        ctx.spawn(done);
    }
}

impl Handler<Configure> for PartnerActor {
    type Result = ();

    /// In the session's turn: a running sync would still move the cursors that are reset.
    fn handle(&mut self, message: Configure, ctx: &mut Self::Context) {
        let Configure { connection, choices, reply } = message;
        let session = self.take_over(connection, ctx);
        let reread = choices.iter().any(|choice| !choice.feeds_to_reread.is_empty());
        let pushes =
            choices.iter().any(|choice| Direction::Push.kind_of_property(&choice.name).is_some());
        let apply = async move {
            session.send(Apply(choices)).await.unwrap_or(Err(SessionError::Restarting))
        };
        let done = apply.into_actor(self).map(move |result, actor, ctx| {
            actor.end_take_over(connection);
            if pushes && !reread && result.is_ok() {
                let asked = SyncOne { connection, reply: None, trace: TraceContext::default() };
                actor.ask_for_sync(asked, Cause::Push, Priority::Push);
            }
            if reread && result.is_ok() {
                actor.ask_for_sync(
                    SyncOne { connection, reply: None, trace: TraceContext::default() },
                    Cause::Request,
                    Priority::Scheduled,
                );
            }
            drop(reply.send(result));
            actor.pump(ctx);
        });
        ctx.spawn(done);
    }
}
