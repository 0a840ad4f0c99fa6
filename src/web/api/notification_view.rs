//! What the API shows of a connection's notifications.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use partner_sdk::Subscribing;
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::closed_reason;
use crate::explain::Notifications;
use crate::model::{Connection, ConnectionId, NotificationState, Status};
use crate::reception::{Closed, Reception};
use crate::scheduler::Standing;
use crate::web::{Problem, State};

/// Whether the partner's notifications are relied on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"state": "working", "since": "2026-11-22T06:15:00Z", "last_at": "2026-11-23T06:15:00Z", "reason": null}))]
pub(in crate::web) struct NotificationView {
    state: NotificationState,
    /// Since when.
    since: Option<DateTime<Utc>>,
    /// When the last one came.
    last_at: Option<DateTime<Utc>>,
    /// Why it is not relied on, if it is not.
    reason: Option<String>,
}

/// Why the subscriptions of connections are not in place.
#[derive(Debug, Default)]
pub(super) struct Failures(HashMap<ConnectionId, String>);

impl Failures {
    /// Looks them up, where connections have subscriptions of their own.
    pub(super) async fn of(state: &State, connections: &[Connection]) -> Result<Self, Problem> {
        let has_own = |connection: &&Connection| {
            let reception = state.shared.receptions.of(&connection.partner);
            reception.is_some_and(|it| it.rules.subscribing == Subscribing::PerConnection)
                && connection.subscribed_at.is_none()
        };
        let ids: Vec<_> = connections.iter().filter(has_own).map(|it| it.id).collect();
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let errors = state.store().subscription_errors(ids).await?;
        Ok(Self(errors.into_iter().filter_map(|(id, error)| Some((id, error?))).collect()))
    }
}

impl NotificationView {
    pub(super) fn new(state: &State, connection: &Connection, failures: &Failures) -> Self {
        let nothing =
            |state, reason| Self { state, since: None, last_at: connection.notified_at, reason };
        let Some(reception) = state.shared.receptions.of(&connection.partner) else {
            return nothing(NotificationState::None, None);
        };
        if let Some(closed) = &reception.closed {
            let word = match closed {
                Closed::Off => NotificationState::Off,
                Closed::Unreachable(_) => NotificationState::NotSubscribed,
            };
            return nothing(word, Some(closed_reason(closed, &connection.partner)));
        }
        if connection.status != Status::Connected {
            let reason = "the connection does not work".to_owned();
            return nothing(NotificationState::NotSubscribed, Some(reason));
        }
        if let Some(reason) = not_subscribed(reception, connection, failures) {
            return nothing(NotificationState::NotSubscribed, Some(reason));
        }
        let Some(trust) = &connection.trust else {
            return nothing(NotificationState::Unproven, Some(UNPROVEN.to_owned()));
        };
        let (word, reason) = match trust.standing {
            Standing::Unproven => (NotificationState::Unproven, Some(UNPROVEN.to_owned())),
            Standing::Working => (NotificationState::Working, None),
            Standing::Silent => (NotificationState::Silent, trust.reason.clone()),
        };
        Self { state: word, since: Some(trust.since), last_at: connection.notified_at, reason }
    }
}

impl From<NotificationView> for Notifications {
    fn from(view: NotificationView) -> Self {
        match (view.state, view.since) {
            (NotificationState::Working, Some(since)) => Self::WorkingSince(since),
            (NotificationState::Silent, Some(since)) => Self::SilentSince(since),
            (NotificationState::Off | NotificationState::NotSubscribed, _) => {
                view.reason.map_or(Self::None, Self::NotSubscribed)
            }
            _ => Self::None,
        }
    }
}

const UNPROVEN: &str = "none has led to new data yet; until then it is polled as often as without";

/// Why the partner is not asked to announce changes of a connection, if it is not.
fn not_subscribed(
    reception: &Reception,
    connection: &Connection,
    failures: &Failures,
) -> Option<String> {
    let application = reception.application();
    let (since, failure) = match reception.rules.subscribing {
        Subscribing::PerConnection => {
            (connection.subscribed_at, failures.0.get(&connection.id).cloned())
        }
        Subscribing::PerApplication => (application.subscribed_at, application.error),
        Subscribing::InConsole => return None,
    };
    if since.is_some() {
        return None;
    }
    let soon = || "it is about to be subscribed".to_owned();
    Some(failure.map_or_else(soon, |why| format!("subscribing failed, and is tried again: {why}")))
}
