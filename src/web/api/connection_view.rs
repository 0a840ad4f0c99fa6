//! A connection as the API shows it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use partner_sdk::Manifest;
use serde::Serialize;
use utoipa::ToSchema;

use super::notification_view::{Failures, NotificationView};
use crate::actors::GetWait;
use crate::model::{Connection, Direction, LastError, Properties, Status, UserId, WaitingFor};
use crate::web::{Problem, State};

/// A user's connection to a partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"user_id": "ann", "partner": "withings", "status": "connected", "external_user_id": "24507", "poll": {"weight": true, "spo2": false}, "push": {}, "switched_off": {}, "time_zone": "Europe/Stockholm", "group": 5, "last_poll_at": "2026-11-22T06:15:00Z", "next_poll_at": "2026-11-22T06:20:00Z", "last_push_at": null, "next_push_at": null, "last_error": null, "failing_since": null, "waiting_for": null, "notifications": {"state": "working", "since": "2026-11-22T06:15:00Z", "last_at": "2026-11-23T06:15:00Z", "reason": null}}))]
pub(in crate::web) struct ConnectionView {
    #[schema(value_type = String)]
    pub(in crate::web) user_id: UserId,
    pub(in crate::web) partner: String,
    pub(in crate::web) status: Status,
    /// The partner's id of the user.
    pub(in crate::web) external_user_id: Option<String>,
    /// For each kind that the partner offers: whether it is polled.
    pub(in crate::web) poll: BTreeMap<&'static str, bool>,
    /// For each kind that the partner accepts: whether it is pushed.
    pub(in crate::web) push: BTreeMap<&'static str, bool>,
    /// Kinds that are off for another reason than the user's choice (`poll.weight`,
    /// `push.exercise`), each with the reason.
    pub(in crate::web) switched_off: BTreeMap<String, String>,
    /// The time zone of records for which the partner reports only wall time.
    pub(in crate::web) time_zone: String,
    /// The polling interval of the activity group, in minutes.
    #[schema(value_type = f64, example = 5)]
    pub(in crate::web) group: serde_json::Number,
    pub(in crate::web) last_poll_at: Option<DateTime<Utc>>,
    pub(in crate::web) next_poll_at: Option<DateTime<Utc>>,
    pub(in crate::web) last_push_at: Option<DateTime<Utc>>,
    pub(in crate::web) next_push_at: Option<DateTime<Utc>>,
    /// The current problem, if any.
    pub(in crate::web) last_error: Option<LastError>,
    /// Since when its syncs have been failing: three in a row, or a day of limits.
    pub(in crate::web) failing_since: Option<DateTime<Utc>>,
    /// The limit that the next poll waits for, if it waits for one.
    pub(in crate::web) waiting_for: Option<WaitingFor>,
    /// Whether the partner's notifications are relied on.
    pub(in crate::web) notifications: NotificationView,
}

impl ConnectionView {
    fn new(
        state: &State,
        connection: Connection,
        properties: &Properties,
        failures: &Failures,
    ) -> Self {
        let notifications = NotificationView::new(state, &connection, failures);
        let manifest = state.directory.spec(&connection.partner).map(|spec| spec.manifest());
        let polled = manifest.map(Manifest::poll_kinds).unwrap_or_default();
        let pushed = manifest.map(Manifest::push_kinds).unwrap_or_default();
        let interval = state.shared.policy.interval(connection.activity.group).as_secs_f64() / 60.0;
        let whole = (interval.fract() == 0.0).then_some(serde_json::Number::from(interval as u64));
        let fraction = || serde_json::Number::from_f64(interval);
        Self {
            poll: polled.iter().map(|kind| (kind.name(), properties.polls(*kind))).collect(),
            push: pushed.iter().map(|kind| (kind.name(), properties.pushes(*kind))).collect(),
            switched_off: polled
                .iter()
                .map(|kind| (Direction::Poll, *kind))
                .chain(pushed.iter().map(|kind| (Direction::Push, *kind)))
                .filter_map(|(direction, kind)| {
                    let why = properties.reason_off(direction, kind)?.to_owned();
                    Some((direction.property(kind), why))
                })
                .collect(),
            time_zone: properties.time_zone().name().to_owned(),
            group: whole.or_else(fraction).unwrap_or_else(|| 0.into()),
            user_id: connection.user_id,
            partner: connection.partner,
            status: connection.status,
            external_user_id: connection.external_user_id,
            last_poll_at: connection.last_poll_at,
            next_poll_at: connection.next_poll_at,
            last_push_at: connection.last_push_at,
            next_push_at: connection.next_push_at,
            last_error: connection.last_error,
            failing_since: connection.failing_since,
            waiting_for: None,
            notifications,
        }
    }
}

/// The views of these connections, in their order.
pub(in crate::web) async fn views(
    state: &State,
    connections: Vec<Connection>,
) -> Result<Vec<ConnectionView>, Problem> {
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let ids = connections.iter().map(|connection| connection.id).collect();
    let properties = state.store().properties_of(ids).await?;
    let failures = Failures::of(state, &connections).await?;
    let unset = Properties::default();
    let mut waits = Waits::default();
    let mut views = Vec::with_capacity(connections.len());
    for connection in connections {
        let waiting_for = waits.of(state, &connection).await;
        let properties = properties.get(&connection.id).unwrap_or(&unset);
        let view = ConnectionView::new(state, connection, properties, &failures);
        views.push(ConnectionView { waiting_for, ..view });
    }
    Ok(views)
}

/// Which limit the polls of each partner wait for now.
#[derive(Default)]
struct Waits(HashMap<String, Option<WaitingFor>>);

impl Waits {
    /// The limit that stopped the last sync or, if the time of the next one has passed, that keeps it
    /// from starting.
    async fn of(&mut self, state: &State, connection: &Connection) -> Option<WaitingFor> {
        let (now, error) = (state.now(), connection.last_error.as_ref());
        let stopped = error.and_then(|error| error.waiting_for.clone());
        if let Some(stopped) = stopped.filter(|stopped| stopped.until > now) {
            return Some(stopped);
        }
        connection.next_poll_at.filter(|at| *at < now)?;
        if let Some(known) = self.0.get(&connection.partner) {
            return known.clone();
        }
        let actor = state.directory.actor(&connection.partner)?;
        let wait = actor.send(GetWait).await.ok().flatten();
        self.0.insert(connection.partner.clone(), wait.clone());
        wait
    }
}
