//! What the actors say to each other, and what others may say to them.

use std::time::Duration;

use actix::Message;
use chrono::{DateTime, Utc};
use partner_sdk::{CallKind, LimitReading, LimitScope, Permit};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::stats::{ActorTree, PartnerTree};
use crate::limits::{Made, Priority};
use crate::model::{AuthorizationSecrets, Cause, ConnectionId};
use crate::oauth::{Authorization, AuthorizationResponse};
use crate::store::{NewGrant, StoreError};
use crate::sync::{Job, Report};

/// Why a session did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our code panicked.
    #[error("it panicked; the log has the place")]
    Panicked,
    /// The session ended with its partner's actor.
    #[error("the partner's actor is being restarted")]
    Restarting,
}

/// How a sync that somebody waited for ended.
#[derive(Clone, Debug)]
pub enum SyncResult {
    /// It ran.
    Done(Box<Report>),
    /// There was nothing to run: the connection is not connected (any more).
    NotConnected,
}

/// To a partner actor: sync this connection now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SyncOne {
    /// The connection.
    pub connection: ConnectionId,
    /// Who waits for its end.
    pub reply: Option<oneshot::Sender<SyncResult>>,
}

/// To a partner actor: sync these connections as soon as the limits allow, ahead of nobody.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SyncMany {
    /// The connections.
    pub connections: Vec<ConnectionId>,
}

/// To a partner actor: a connection has something to push.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PushWaits {
    /// The connection.
    pub connection: ConnectionId,
}

/// To a partner actor: ask for the request token of a connect that begins (OAuth 1.0a).
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginConnect {
    /// Who waits.
    pub reply: oneshot::Sender<Result<Authorization, NotBegun>>,
}

/// Why a connect could not begin, for people.
#[derive(Clone, Debug)]
pub struct NotBegun {
    /// What happened.
    pub reason: String,
    /// Whether the same may work in a while.
    pub passes: bool,
}

/// To a partner actor: the browser came back with what shows that access was granted.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Connect {
    /// The connection it is for.
    pub connection: ConnectionId,
    /// What it brought.
    pub response: AuthorizationResponse,
    /// What stayed here.
    pub secrets: AuthorizationSecrets,
    /// The scopes the user granted, where the partner tells it with the code.
    pub scopes: Option<String>,
    /// Who waits.
    pub reply: oneshot::Sender<Result<Connected, ConnectFailure>>,
}

/// A connect that worked.
#[derive(Clone, Copy, Debug)]
pub struct Connected {
    /// Whether it is the account the connection had before.
    pub same_account: bool,
}

/// Why a connect did not work, for people.
#[derive(Clone, Debug)]
pub struct ConnectFailure(pub String);

/// To a partner actor: end a connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Disconnect {
    /// The connection.
    pub connection: ConnectionId,
    /// Who waits; the error is the store's.
    pub reply: oneshot::Sender<Result<Revocation, SessionError>>,
}

/// To a partner actor: change the settings of a connection.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Configure {
    /// The connection.
    pub connection: ConnectionId,
    /// The change.
    pub change: Change,
    /// Who waits; the error is the store's.
    pub reply: oneshot::Sender<Result<(), SessionError>>,
}

/// A change of a connection's settings.
#[derive(Clone, Debug)]
pub struct Change {
    /// Names and new values.
    pub values: Vec<(String, String)>,
    /// Feeds that must be read from the beginning, because of what was passed over before.
    pub feeds_to_reread: Vec<&'static str>,
}

/// Whether the partner was told of a disconnect.
#[derive(Clone, Debug)]
pub enum Revocation {
    /// It was, or there was nothing to tell.
    Done,
    /// It could not be; why, for people. The tokens are destroyed here all the same.
    Failed(String),
}

/// To the supervisor: how is everyone?
#[derive(Message)]
#[rtype(result = "ActorTree")]
pub struct Tree;

/// To the supervisor or a partner actor: finish what is under way and start nothing more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// To a partner actor: how are you?
#[derive(Message)]
#[rtype(result = "PartnerTree")]
pub(super) struct GetStats;

/// To the supervisor: a partner actor has stopped.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PartnerDown {
    pub(super) name: &'static str,
    pub(super) generation: u32,
    pub(super) reason: String,
}

/// To a partner actor: a call wants a permit.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Acquire {
    pub(super) connection: Option<ConnectionId>,
    pub(super) call: CallKind,
    pub(super) priority: Priority,
    pub(super) grant: oneshot::Sender<Permit>,
}

/// To a partner actor: a call has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Release {
    pub(super) made: Made,
    /// What its answer told of the limits.
    pub(super) readings: Vec<LimitReading>,
}

/// To a partner actor: the partner said that a limit is reached.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Limited {
    pub(super) connection: Option<ConnectionId>,
    pub(super) call: CallKind,
    pub(super) scope: LimitScope,
    pub(super) wait: Option<Duration>,
}

/// To a session: sync.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RunSync {
    pub(super) job: Box<Job>,
    pub(super) cause: Cause,
    pub(super) priority: Priority,
    pub(super) cancel: CancellationToken,
}

/// To a partner actor: a session's sync has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SyncEnded {
    pub(super) connection: ConnectionId,
    pub(super) report: Report,
    pub(super) next: NextSync,
    pub(super) duration: Duration,
}

/// When a connection is due after a sync.
#[derive(Clone, Copy, Debug)]
pub(super) enum NextSync {
    /// As the store has it; `None` when it is not.
    Stored(Option<DateTime<Utc>>),
    /// Then, which the store does not know.
    Unstored(DateTime<Utc>),
}

/// To a session: take up a grant. Says whether it is the same account as before.
#[derive(Message)]
#[rtype(result = "Result<bool, SessionError>")]
pub(super) struct Adopt(pub(super) NewGrant);

/// To a session: revoke and forget.
#[derive(Message)]
#[rtype(result = "Result<Revocation, SessionError>")]
pub(super) struct Revoke;

/// To a session: change the settings.
#[derive(Message)]
#[rtype(result = "Result<(), SessionError>")]
pub(super) struct Apply(pub(super) Change);
