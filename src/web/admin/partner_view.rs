//! A partner as the administrator sees it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::error_groups::{ErrorGroup, open_groups};
use super::outlook::OutlookView;
use crate::actors::{
    ActorFailure, BucketTree, GetDetails, Node, NotificationTree, PartnerDetails, PartnerNode,
    RecentFailure,
};
use crate::installed::InstalledPartner;
use crate::limits::CircuitState;
use crate::model::{FailureCode, PartnerState, Status};
use crate::store::ConnectionCounts;
use crate::web::api::partners::state_of;
use crate::web::{Problem, State};

/// Whether a partner runs, and how many use it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct PartnerSummary {
    /// The name in URLs.
    pub(in crate::web) name: &'static str,
    /// The display name.
    pub(in crate::web) title: &'static str,
    pub(in crate::web) state: PartnerState,
    /// Since when the administrator has paused its syncs, if so.
    pub(in crate::web) paused_since: Option<DateTime<Utc>>,
    /// If the service has ended: since when and why.
    pub(in crate::web) ended: Option<&'static str>,
    /// 1 for the first actor; increases by one with each restart.
    pub(in crate::web) generation: u32,
    /// How often its actor was restarted.
    pub(in crate::web) restarts: u32,
    /// When the current actor started.
    pub(in crate::web) started_at: DateTime<Utc>,
    /// When the next one starts, while there is none.
    pub(in crate::web) restart_at: Option<DateTime<Utc>>,
    /// Why the last one stopped.
    pub(in crate::web) last_failure: Option<ActorFailure>,
    /// Whether the partner as a whole seems to work; null while its actor does not answer.
    pub(in crate::web) circuit: Option<CircuitView>,
    pub(in crate::web) connections: ConnectionNumbers,
    /// How many errors are open that concern it.
    pub(in crate::web) errors_open: i64,
}

/// Whether scheduled syncs start, or the partner fails for everybody.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::web) struct CircuitView {
    /// `closed` (it works), `open` (it fails for everybody) or `half_open` (a sync tries it).
    #[schema(value_type = String, example = "closed")]
    pub(in crate::web) state: CircuitState,
    /// Since when it fails, if so.
    pub(in crate::web) since: Option<DateTime<Utc>>,
    /// When it is tried again, if so.
    pub(in crate::web) retry_at: Option<DateTime<Utc>>,
}

/// How many connections there are that were ever connected.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::web) struct ConnectionNumbers {
    pub(in crate::web) connected: u64,
    pub(in crate::web) needs_reconnect: u64,
    pub(in crate::web) ended: u64,
    pub(in crate::web) disconnected: u64,
}

impl ConnectionNumbers {
    fn new(counts: &ConnectionCounts) -> Self {
        Self {
            connected: counts.of_status(Status::Connected),
            needs_reconnect: counts.of_status(Status::NeedsReconnect),
            ended: counts.of_status(Status::Ended),
            disconnected: counts.of_status(Status::Disconnected),
        }
    }
}

/// An activity group: how often its users are polled, and how many there are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::web) struct GroupView {
    /// Its polling interval in seconds.
    pub(in crate::web) interval_s: u64,
    /// For how many seconds at least its users have had no data.
    pub(in crate::web) silent_s: u64,
    /// Connected users in it.
    pub(in crate::web) users: u64,
    /// Connected users who are polled at its interval: users whose notifications work are polled at
    /// the longest.
    pub(in crate::web) polled: u64,
}

/// How a partner's notifications arrive.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct NotificationHealth {
    #[serde(flatten)]
    pub(in crate::web) counts: NotificationTree,
    /// Connected users for whom there is a subscription of their own.
    pub(in crate::web) subscribed_connections: u64,
}

/// Syncs that failed in the same way since the actor started.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct FailureView {
    pub(in crate::web) code: FailureCode,
    /// What failed, in words.
    pub(in crate::web) message: String,
    /// How often.
    pub(in crate::web) count: u64,
    /// When first.
    pub(in crate::web) first_at: DateTime<Utc>,
    /// When last.
    pub(in crate::web) last_at: DateTime<Utc>,
    /// The user of the last one.
    pub(in crate::web) user_id: Option<String>,
}

/// A partner with all that is known about it as a whole.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct PartnerReport {
    #[serde(flatten)]
    pub(in crate::web) summary: PartnerSummary,
    /// Connected users by activity group, those who are polled most often first.
    pub(in crate::web) groups: Vec<GroupView>,
    /// Syncs that run now.
    pub(in crate::web) syncs_running: usize,
    /// Syncs that are due, or were asked for, and have not started.
    pub(in crate::web) syncs_waiting: usize,
    /// How late the latest scheduled syncs started, in milliseconds: the 99th percentile.
    pub(in crate::web) lateness_p99_ms: Option<u64>,
    /// The limits of the application, and what they are used for.
    pub(in crate::web) limits: Vec<BucketTree>,
    /// How many users they are enough for; null if nothing limits the calls.
    pub(in crate::web) outlook: Option<OutlookView>,
    /// Its notifications; null if it sends none.
    pub(in crate::web) notifications: Option<NotificationHealth>,
    /// What is open in the error log.
    pub(in crate::web) errors: Vec<ErrorGroup>,
    /// The last failures of syncs, the latest first.
    pub(in crate::web) failures: Vec<FailureView>,
}

/// A node of the tree and what else there is to know about its partner.
pub(super) async fn summary(
    state: &State,
    spec: &Arc<InstalledPartner>,
    node: &PartnerNode,
    counts: &ConnectionCounts,
) -> Result<PartnerSummary, Problem> {
    let groups = state.store().incident_groups().await?;
    let own = groups.iter().filter(|it| it.partner.as_deref() == Some(spec.name()));
    let circuit = node.actor.as_ref().map(|actor| CircuitView {
        state: actor.circuit,
        since: actor.circuit_since,
        retry_at: actor.circuit_retry_at,
    });
    Ok(PartnerSummary {
        name: spec.name(),
        title: spec.manifest().title,
        state: state_of(state, spec),
        paused_since: state.directory.paused_since(spec.name()),
        ended: spec.ended,
        generation: node.generation,
        restarts: node.restarts,
        started_at: node.started_at,
        restart_at: node.restart_at,
        last_failure: node.last_failure.clone(),
        circuit,
        connections: ConnectionNumbers::new(counts),
        errors_open: own.map(|group| group.incidents).sum(),
    })
}

/// All about a partner.
pub(in crate::web) async fn report(
    state: &State,
    spec: &Arc<InstalledPartner>,
) -> Result<PartnerReport, Problem> {
    let name = spec.name();
    let stopping = || Problem::unavailable("stopping", "the daemon is stopping");
    let node = state.supervisor.send(Node(name)).await.ok().flatten().ok_or_else(stopping)?;
    let counts = state.store().connection_counts(name).await?;
    let summary = summary(state, spec, &node, &counts).await?;
    let details = match state.directory.actor(name) {
        // One that did not answer before would keep the page waiting.
        Some(actor) if node.actor.is_some() => actor.send(GetDetails).await.ok(),
        _ => None,
    };
    let policy = &state.shared.policy;
    let groups = policy.intervals().iter().zip(counts.by_group(policy.intervals().len()));
    let demoted_s = u64::try_from(policy.demote_after().num_seconds()).unwrap_or_default();
    let groups = (0..).zip(groups).map(|(number, (interval, (users, polled)))| GroupView {
        interval_s: interval.as_secs(),
        silent_s: demoted_s.saturating_mul(number),
        users,
        polled,
    });
    let outlook = details
        .as_ref()
        .and_then(|details| OutlookView::new(spec.manifest().title, &counts, details, policy));
    let failures = failures(state, details).await?;
    let actor = node.actor;
    Ok(PartnerReport {
        summary,
        groups: groups.collect(),
        syncs_running: actor.as_ref().map_or(0, |it| it.sessions_busy),
        syncs_waiting: actor.as_ref().map_or(0, |it| it.due_now),
        lateness_p99_ms: actor.as_ref().and_then(|it| it.lateness_ms.p99),
        limits: actor.as_ref().map(|it| it.buckets.clone()).unwrap_or_default(),
        outlook,
        notifications: actor.and_then(|it| it.notifications).map(|it| NotificationHealth {
            counts: it,
            subscribed_connections: counts.subscribed(),
        }),
        errors: open_groups(state, Some(name)).await?,
        failures,
    })
}

async fn failures(
    state: &State,
    details: Option<PartnerDetails>,
) -> Result<Vec<FailureView>, Problem> {
    let mut views = Vec::new();
    for failure in details.map(|it| it.failures).unwrap_or_default() {
        let RecentFailure { code, message, times, first_at, last_at, connection } = failure;
        let connection = state.store().connection_by_id(connection).await?;
        let user_id = connection.map(|it| it.user_id.as_str().to_owned());
        views.push(FailureView { code, message, count: times, first_at, last_at, user_id });
    }
    Ok(views)
}
