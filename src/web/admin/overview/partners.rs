//! How each partner is, in a line.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::{BucketTree, PartnerNode};
use crate::figures::Standing;
use crate::incidents::{IncidentCode, IncidentGroup};
use crate::limits::CircuitState;
use crate::model::Status;
use crate::web::State;

/// How a partner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = PartnerHealth)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum Health {
    /// It fails for everybody, and is tried now and then.
    NotAnswering,
    /// Its actor is being restarted, which takes some seconds.
    Restarting,
    /// Its actor works and did not answer in time.
    Busy,
    /// Syncs wait for one of its limits.
    AtLimit,
    /// It works.
    Running,
    /// Its service has ended.
    Ended,
}

/// A partner.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct PartnerLine {
    /// Its name.
    pub(in crate::web) partner: &'static str,
    /// Its name for people.
    pub(in crate::web) title: &'static str,
    /// How it is.
    pub(in crate::web) state: Health,
    /// Since when it fails or is at its limit, if that is known.
    pub(in crate::web) since: Option<DateTime<Utc>>,
    /// When it is tried again, or its limit allows more calls.
    pub(in crate::web) until: Option<DateTime<Utc>>,
    /// Its limit of which most is used.
    pub(in crate::web) busiest_limit: Option<LimitUse>,
    /// Connections that are connected.
    pub(in crate::web) connected: i64,
    /// Connections that must be made again.
    pub(in crate::web) needs_reconnect: i64,
    /// How late the latest polls began: the 99th percentile, in milliseconds.
    pub(in crate::web) late_p99_ms: Option<u64>,
    /// Syncs that failed within the last hour, since its actor started.
    pub(in crate::web) failed_last_hour: Option<u64>,
    /// When data last came or was pushed, since its actor started.
    pub(in crate::web) newest_data_at: Option<DateTime<Utc>>,
}

/// What is used of a limit.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct LimitUse {
    /// Calls that count now.
    pub(in crate::web) used: u32,
    /// Calls allowed in a window.
    pub(in crate::web) limit: u32,
    /// The length of the window in seconds.
    pub(in crate::web) window_s: f64,
    /// Which calls count: `all` or `reads`.
    pub(in crate::web) counts: &'static str,
}

/// The partners, those that need attention first, then those with most users.
pub(super) fn lines(
    state: &State,
    nodes: Vec<PartnerNode>,
    standing: &Standing,
    groups: &[IncidentGroup],
    now: DateTime<Utc>,
) -> Vec<PartnerLine> {
    let mut lines: Vec<PartnerLine> = nodes
        .into_iter()
        .filter_map(|node| {
            let spec = state.directory.spec(node.partner)?;
            Some(line(&node, spec.manifest().title, spec.ended.is_some(), standing, groups, now))
        })
        .collect();
    lines.sort_by_key(|line| (line.state, std::cmp::Reverse(line.connected), line.partner));
    lines
}

fn line(
    node: &PartnerNode,
    title: &'static str,
    has_ended: bool,
    standing: &Standing,
    groups: &[IncidentGroup],
    now: DateTime<Utc>,
) -> PartnerLine {
    let actor = node.actor.as_ref();
    let since = |code| {
        let of_partner = |group: &&IncidentGroup| group.partner.as_deref() == Some(node.partner);
        let mut found = groups.iter().filter(of_partner).filter(|group| group.code == code);
        found.next().map(|group| group.first_at)
    };
    let is_open = actor.is_some_and(|actor| actor.circuit != CircuitState::Closed);
    let (down, limited) = (since(IncidentCode::PartnerDown), since(IncidentCode::LimitExhausted));
    let wait = actor.and_then(|actor| wait_of(&actor.buckets, now));
    let (health, since, until) = match () {
        () if has_ended => (Health::Ended, None, None),
        () if actor.is_none() && node.state == "busy" => (Health::Busy, None, None),
        () if actor.is_none() => {
            (Health::Restarting, node.last_failure.as_ref().map(|it| it.at), node.restart_at)
        }
        () if is_open || down.is_some() => {
            (Health::NotAnswering, down, actor.and_then(|actor| actor.circuit_retry_at))
        }
        () if wait.is_some() || limited.is_some() => (Health::AtLimit, limited, wait),
        () => (Health::Running, None, None),
    };
    PartnerLine {
        partner: node.partner,
        title,
        state: health,
        since,
        until,
        busiest_limit: actor.and_then(|actor| busiest(&actor.buckets)),
        connected: standing.count(Some(node.partner), Status::Connected),
        needs_reconnect: standing.count(Some(node.partner), Status::NeedsReconnect),
        late_p99_ms: actor.and_then(|actor| actor.lateness_ms.p99),
        failed_last_hour: actor.map(|actor| actor.failed_last_hour),
        newest_data_at: actor.and_then(|actor| actor.newest_data_at),
    }
}

/// Until when the partner asked to wait, or the end of a window that is used up.
fn wait_of(buckets: &[BucketTree], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let waits = buckets.iter().filter_map(|bucket| {
        let used_up = bucket.used >= bucket.limit;
        bucket.closed_until.or_else(|| bucket.resets_at.filter(|at| used_up && *at > now))
    });
    waits.max()
}

fn busiest(buckets: &[BucketTree]) -> Option<LimitUse> {
    let share = |bucket: &BucketTree| f64::from(bucket.used) / f64::from(bucket.limit.max(1));
    let found = buckets.iter().max_by(|a, b| share(a).total_cmp(&share(b)))?;
    let BucketTree { used, limit, window_s, counts, .. } = *found;
    Some(LimitUse { used, limit, window_s, counts })
}
