//! Why data has or has not arrived, in plain sentences. Gathers the facts; `crate::explain` judges them.

use std::collections::HashMap;

use actix_web::{HttpResponse, get, web};

use super::connections::find;
use super::links::state_of;
use super::notification_view::{Failures, NotificationView};
use super::own_records::{addressed, kind_of, no_record};
use crate::actors::GetAvailability;
use crate::explain::{
    self, ConnectionFacts, Counterpart, Elsewhere, Explanation, Notifications, Origin, RecordFacts,
};
use crate::incidents::Incident;
use crate::model::{Connection, Properties, RecordId, UserId, WaitingFor};
use crate::store::{Link, StoredRecord};
use crate::web::auth::AppKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// What is known about one connection.
struct Gathered {
    connection: Connection,
    properties: Properties,
    incidents: Vec<Incident>,
    availability: Option<crate::actors::Availability>,
    waiting_for: Option<WaitingFor>,
    notifications: Notifications,
}

impl Gathered {
    async fn new(
        state: &State,
        connection: Connection,
        properties: Properties,
    ) -> Result<Self, Problem> {
        let incidents = state.store().incidents_of(&connection).await?;
        let availability = match state.directory.actor(&connection.partner) {
            Some(actor) => actor.send(GetAvailability).await.ok(),
            None => None,
        };
        let now = state.now();
        let error = connection.last_error.as_ref();
        let stopped = error.and_then(|error| error.waiting_for.clone());
        let waiting_for = stopped
            .filter(|stopped| stopped.until > now)
            .or_else(|| availability.as_ref()?.waiting_for.clone());
        let failures = Failures::of(state, std::slice::from_ref(&connection)).await?;
        let notifications = NotificationView::new(state, &connection, &failures).into();
        Ok(Self { connection, properties, incidents, availability, waiting_for, notifications })
    }

    fn facts<'a>(&'a self, state: &State) -> Option<ConnectionFacts<'a>> {
        let policy = &state.shared.policy;
        Some(ConnectionFacts {
            now: state.now(),
            manifest: state.directory.spec(&self.connection.partner)?.manifest(),
            connection: &self.connection,
            properties: &self.properties,
            intervals: (policy.interval(self.connection.activity.group), policy.interval(0)),
            incidents: &self.incidents,
            paused_since: state.directory.paused_since(&self.connection.partner),
            is_served: self.availability.is_some(),
            retry_at: self.availability.as_ref().and_then(|it| it.retry_at),
            waiting_for: self.waiting_for.as_ref(),
            notifications: self.notifications.clone(),
        })
    }
}

/// Explains in plain sentences why the data of a connection has or has not arrived, the most likely
/// cause first, and when it is looked for next.
#[utoipa::path(operation_id = "explain_connection", tag = "connections", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 200, description = "The explanation", body = Explanation),
        (status = 404, description = "No such connection", body = Problem),
    ))]
#[get("/v1/users/{user}/connections/{partner}/explain")]
pub(super) async fn of_connection(
    _: AppKey,
    path: web::Path<(UserId, String)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, partner) = path.into_inner();
    let connection = find(&state, &user, &partner).await?;
    // `find` has found that the partner is installed.
    let explained = connections(&state, vec![connection]).await?.pop();
    Ok(HttpResponse::Ok().json(explained.and_then(|it| it.explanation)))
}

/// A connection with what explains it.
#[derive(Debug)]
pub(in crate::web) struct Explained {
    /// The connection.
    pub(in crate::web) connection: Connection,
    /// Why its data has or has not arrived; `None` if its partner is not installed any more.
    pub(in crate::web) explanation: Option<Explanation>,
}

/// Explains connections, in their order.
pub(in crate::web) async fn connections(
    state: &State,
    connections: Vec<Connection>,
) -> Result<Vec<Explained>, Problem> {
    let ids = connections.iter().map(|connection| connection.id).collect();
    let mut properties = state.store().properties_of(ids).await?;
    let mut explained = Vec::with_capacity(connections.len());
    for connection in connections {
        let properties = properties.remove(&connection.id).unwrap_or_default();
        let gathered = Gathered::new(state, connection, properties).await?;
        let explanation = gathered.facts(state).map(|facts| explain::connection(&facts));
        explained.push(Explained { connection: gathered.connection, explanation });
    }
    Ok(explained)
}

/// Explains a record in plain sentences. They say where it came from and, for each of the user's partners, whether
/// it was pushed there, or why not and when it will be.
#[utoipa::path(operation_id = "explain_record", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("id" = String, Path, description = "The record's id")),
    responses(
        (status = 200, description = "The explanation", body = Explanation),
        (status = 404, description = "The user has no such record", body = Problem),
    ))]
#[get("/v1/users/{user}/records/{id}/explain")]
pub(super) async fn of_record(
    _: AppKey,
    path: web::Path<(UserId, RecordId)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, id) = addressed(path)?;
    let found = state.store().record(user.clone(), id.clone()).await?;
    let (record, links) = found.ok_or_else(|| no_record(&user, &id))?;
    Ok(HttpResponse::Ok().json(self::record(&state, &record, links).await?))
}

/// Explains a record, given what partners have of it.
pub(in crate::web) async fn record(
    state: &State,
    record: &StoredRecord,
    links: Vec<Link>,
) -> Result<Explanation, Problem> {
    let user = record.user_id.clone();
    let connections = state.store().connections_of_user(user).await?;
    let ids = connections.iter().map(|connection| connection.id).collect();
    let mut properties = state.store().properties_of(ids).await?;
    let mut gathered = Vec::with_capacity(connections.len());
    for connection in connections {
        let properties = properties.remove(&connection.id).unwrap_or_default();
        gathered.push(Gathered::new(state, connection, properties).await?);
    }
    let mut links: HashMap<String, Link> =
        links.into_iter().map(|link| (link.partner.clone(), link)).collect();
    let elsewhere = gathered.iter().filter_map(|it| {
        let counterpart = links.remove(&it.connection.partner).map(counterpart);
        Some(Elsewhere { facts: it.facts(state)?, counterpart })
    });
    let facts = RecordFacts {
        elsewhere: elsewhere.collect(),
        kind: kind_of(record),
        origin: record.source_partner.clone().map_or(Origin::App, Origin::Partner),
        updated_at: record.updated_at,
        deleted: record.deleted,
    };
    Ok(explain::record(&facts))
}

fn counterpart(link: Link) -> Counterpart {
    Counterpart {
        state: state_of(&link),
        attempts: link.attempts,
        reason: link.reason,
        pushed_at: link.pushed_at,
        due_at: link.due_at,
        waiting_for: link.waiting_for,
    }
}
