//! The messages between actors, and those that others send to them.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;
use chrono::{DateTime, Utc};
use partner_sdk::{CallKind, LimitReading, LimitScope, Permit};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::connect_messages::Revocation;
use super::stats::{ActorTree, PartnerNode, PartnerTree};
use crate::limits::{Made, Priority};
use crate::model::{Cause, Choice, ConnectionId, FailureCode, WaitingFor};
use crate::store::{NewGrant, StoreError};
use crate::sync::{ActiveTimeout, Job, Report};
use crate::telemetry::traces::TraceContext;

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

/// How a sync that a caller waited for ended.
#[derive(Clone, Debug)]
pub enum SyncResult {
    /// It ran.
    Done(Box<Report>),
    /// Nothing ran: the connection is not connected (any more).
    NotConnected,
    /// Nothing ran yet: the administrator has paused the partner, since then.
    Paused(DateTime<Utc>),
}

/// To a partner actor: sync this connection now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SyncOne {
    /// The connection.
    pub connection: ConnectionId,
    /// The caller that waits for its end.
    pub reply: Option<oneshot::Sender<SyncResult>>,
    /// What led to it.
    pub trace: TraceContext,
}

/// To a partner actor: sync these connections as soon as the limits allow, without priority.
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
    /// What led to it.
    pub trace: TraceContext,
}

/// To the supervisor: report the state of all actors.
#[derive(Message)]
#[rtype(result = "ActorTree")]
pub struct Tree;

/// To the supervisor: report the state of one partner's actor.
#[derive(Message)]
#[rtype(result = "Option<PartnerNode>")]
pub struct Node(pub &'static str);

/// To the supervisor or a partner actor: finish what is running and start nothing more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// To a partner actor: report its state.
#[derive(Message)]
#[rtype(result = "PartnerTree")]
pub(super) struct GetStats;

/// To a partner actor: what its page shows besides.
#[derive(Message)]
#[rtype(result = "PartnerDetails")]
pub struct GetDetails;

/// What the page of a partner shows besides its node of the tree.
#[derive(Clone, Debug)]
pub struct PartnerDetails {
    /// How many calls the application may make, and in which time.
    pub quota: Vec<(u32, Duration)>,
    /// How many calls a poll makes.
    pub calls_per_poll: f64,
    /// Whether that was measured; otherwise it is a guess by the number of feeds.
    pub is_measured: bool,
    /// The last failures of syncs since the actor started, the latest first.
    pub failures: Vec<RecentFailure>,
}

/// Syncs that failed in the same way.
#[derive(Clone, Debug)]
pub struct RecentFailure {
    /// The kind of failure.
    pub code: FailureCode,
    /// What failed, in words.
    pub message: String,
    /// How often.
    pub times: u64,
    /// When first.
    pub first_at: DateTime<Utc>,
    /// When last.
    pub last_at: DateTime<Utc>,
    /// The connection of the last one.
    pub connection: ConnectionId,
}

/// To the supervisor: a partner actor has stopped.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct PartnerDown {
    pub(super) name: &'static str,
    pub(super) generation: u32,
    pub(super) reason: String,
}

/// To a partner actor: a call needs a permit.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Acquire {
    pub(super) connection: Option<ConnectionId>,
    pub(super) call: CallKind,
    pub(super) priority: Priority,
    pub(super) grant: oneshot::Sender<Result<Granted, NotPermitted>>,
}

/// A call may be made.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) permit: Permit,
    /// The limit it had to wait for, if it had.
    pub(super) waited_for: Option<String>,
}

/// Why a call does not get its permit soon.
#[derive(Debug)]
pub(super) struct NotPermitted {
    pub(super) waiting_for: WaitingFor,
    /// How long that is from now.
    pub(super) wait: Duration,
}

/// To a partner actor: which limit do scheduled polls wait for?
#[derive(Message)]
#[rtype(result = "Option<WaitingFor>")]
pub struct GetWait;

/// To a partner actor: does the partner work, and does it have calls left?
#[derive(Message)]
#[rtype(result = "Availability")]
pub struct GetAvailability;

/// Whether scheduled polls of a partner can start.
#[derive(Clone, Debug, Default)]
pub struct Availability {
    /// When a partner that fails for everybody is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// The limit that scheduled polls wait for.
    pub waiting_for: Option<WaitingFor>,
}

/// To a partner actor: a call has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Release {
    pub(super) made: Made,
    /// What its answer reported about the limits.
    pub(super) readings: Vec<LimitReading>,
}

/// To a partner actor: the partner reported that a limit is reached.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Limited {
    pub(super) connection: Option<ConnectionId>,
    pub(super) call: CallKind,
    pub(super) scope: LimitScope,
    pub(super) wait: Option<Duration>,
    /// For the log.
    pub(super) span: Span,
}

/// To a session: sync.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct RunSync {
    pub(super) job: Box<Job>,
    pub(super) cause: Cause,
    pub(super) priority: Priority,
    pub(super) cancel: CancellationToken,
    pub(super) timeout: Arc<ActiveTimeout>,
    pub(super) trace: TraceContext,
}

/// To a partner actor: a session's sync has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SyncEnded {
    pub(super) connection: ConnectionId,
    pub(super) report: Report,
    pub(super) next: NextSync,
    pub(super) duration: Duration,
    pub(super) cause: Cause,
    /// For the log.
    pub(super) span: Span,
}

/// When a connection is due after a sync.
#[derive(Clone, Copy, Debug)]
pub(super) enum NextSync {
    /// At the time in the store; `None` if it has none.
    Stored(Option<DateTime<Utc>>),
    /// At this time, which is not stored.
    Unstored(DateTime<Utc>),
}

/// To a session: store a grant. Returns whether it is the same account as before.
#[derive(Message)]
#[rtype(result = "Result<bool, SessionError>")]
pub(super) struct Adopt(pub(super) NewGrant);

/// To a session: revoke the tokens and disconnect.
#[derive(Message)]
#[rtype(result = "Result<Revocation, SessionError>")]
pub(super) struct Revoke;

/// To a session: change the settings.
#[derive(Message)]
#[rtype(result = "Result<(), SessionError>")]
pub(super) struct Apply(pub(super) Vec<Choice>);

/// To a partner actor: the administrator ends the waits that the partner asked for. Returns whether
/// there was one.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct EndWait;

/// To a partner actor: the administrator lets no more syncs start. Returns since when that is so.
#[derive(Message)]
#[rtype(result = "Result<DateTime<Utc>, StoreError>")]
pub struct Pause;

/// To a partner actor: the administrator lets syncs start again.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Resume;

/// To a partner actor: the partner announced something for these connections, and that is stored.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Notified {
    /// The connections.
    pub connections: Vec<ConnectionId>,
    /// The notification, in a trace.
    pub trace: TraceContext,
}

/// To a session: check the connection's subscription.
#[derive(Message)]
#[rtype(result = "Result<(), SessionError>")]
pub(super) struct CheckSubscription {
    pub(super) cancel: CancellationToken,
}
