//! A user's connections.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, patch, web};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use partner_sdk::{Kind, Manifest};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use crate::actors::{Change, Configure, Disconnect, GetWait, Revocation};
use crate::model::UserId;
use crate::model::{
    Cause, Connection, Direction, LastError, LineOutcome, Properties, Status, TIME_ZONE, WaitingFor,
};
use crate::oauth::not_granted;
use crate::store::Note;
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::parameters::NoParameters;
use crate::web::texts::Text;
use crate::web::{Problem, State, restarting};

/// A user's connection to a partner.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectionView {
    #[schema(value_type = String)]
    user_id: UserId,
    partner: String,
    status: Status,
    /// The partner's id of the user.
    external_user_id: Option<String>,
    /// For each kind that the partner offers: whether it is polled.
    poll: BTreeMap<&'static str, bool>,
    /// For each kind that the partner accepts: whether it is pushed.
    push: BTreeMap<&'static str, bool>,
    /// Kinds that are off for another reason than the user's choice (`poll.weight`,
    /// `push.exercise`), each with the reason.
    switched_off: BTreeMap<String, String>,
    /// The time zone of records for which the partner reports only wall time.
    time_zone: String,
    /// The polling interval of the activity group, in minutes.
    #[schema(value_type = f64, example = 5)]
    group: serde_json::Number,
    last_poll_at: Option<DateTime<Utc>>,
    next_poll_at: Option<DateTime<Utc>>,
    last_push_at: Option<DateTime<Utc>>,
    next_push_at: Option<DateTime<Utc>>,
    /// The current problem, if any.
    last_error: Option<LastError>,
    /// The limit that the next poll waits for, if it waits for one.
    waiting_for: Option<WaitingFor>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ConnectionList {
    connections: Vec<ConnectionView>,
    /// Always null: there is only one page.
    next_cursor: Option<String>,
}

/// The user's choices. Fields and kinds that are left out stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Choices {
    /// Kinds to poll (`true`) or not to poll (`false`).
    #[serde(default)]
    poll: BTreeMap<String, bool>,
    /// Kinds to push (`true`) or not to push (`false`).
    #[serde(default)]
    push: BTreeMap<String, bool>,
    /// A name from the IANA time zone database, e.g. `Europe/Stockholm`.
    time_zone: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Disconnected {
    status: Status,
    /// Whether the partner revoked the tokens.
    revoked: bool,
    /// Why not. The tokens are destroyed here in any case.
    reason: Option<String>,
}

async fn view(state: &State, connection: Connection) -> Result<ConnectionView, Problem> {
    let properties = state.store().properties(connection.id).await?;
    let manifest = state.directory.spec(&connection.partner).map(|spec| spec.manifest());
    let polled = manifest.map(Manifest::poll_kinds).unwrap_or_default();
    let pushed = manifest.map(Manifest::push_kinds).unwrap_or_default();
    let interval = state.shared.policy.interval(connection.activity.group).as_secs_f64() / 60.0;
    let waiting_for = waiting_for(state, &connection).await;
    let whole = (interval.fract() == 0.0).then_some(serde_json::Number::from(interval as u64));
    let fraction = || serde_json::Number::from_f64(interval);
    Ok(ConnectionView {
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
        waiting_for,
    })
}

/// The limit that stopped the last sync or, if its time for the next one has passed, that keeps it
/// from starting.
async fn waiting_for(state: &State, connection: &Connection) -> Option<WaitingFor> {
    let (now, error) = (state.now(), connection.last_error.as_ref());
    let stopped = error.and_then(|error| error.waiting_for.clone());
    if let Some(stopped) = stopped.filter(|stopped| stopped.until > now) {
        return Some(stopped);
    }
    connection.next_poll_at.filter(|at| *at < now)?;
    state.actor(&connection.partner).ok()?.send(GetWait).await.ok().flatten()
}

/// The connection of a user to an installed partner.
pub(super) async fn find(
    state: &State,
    user: &UserId,
    partner: &str,
) -> Result<Connection, Problem> {
    state.partner(partner)?;
    let found = state.store().connection(user.clone(), partner.to_owned()).await?;
    found.ok_or_else(|| {
        let address = user.in_address();
        let detail = format!(
            "`{user}` is not connected to `{partner}`; POST /v1/users/{address}/connections/{partner}/authorize begins a connect"
        );
        Problem::not_found("no-connection", detail)
    })
}

/// Lists the connections of a user.
#[utoipa::path(operation_id = "list_connections", tag = "connections", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses((status = 200, description = "The connections, sorted by partner", body = ConnectionList)))]
#[get("/v1/users/{user}/connections")]
pub(super) async fn list(
    _: AppKey,
    user: web::Path<UserId>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut connections = Vec::new();
    for connection in state.store().connections_of_user(user.into_inner()).await? {
        connections.push(view(&state, connection).await?);
    }
    Ok(HttpResponse::Ok().json(ConnectionList { connections, next_cursor: None }))
}

/// Returns one connection.
#[utoipa::path(operation_id = "get_connection", tag = "connections", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 200, description = "The connection", body = ConnectionView),
        (status = 404, description = "No such connection", body = Problem),
    ))]
#[get("/v1/users/{user}/connections/{partner}")]
pub(super) async fn get(
    _: AppKey,
    path: web::Path<(UserId, String)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, partner) = path.into_inner();
    let connection = find(&state, &user, &partner).await?;
    Ok(HttpResponse::Ok().json(view(&state, connection).await?))
}

/// Changes the user's choices for a connection. A kind that is switched on is read from the
/// beginning. A new time zone re-reads the records that were placed in time by the old one.
#[utoipa::path(operation_id = "change_connection", tag = "connections", security(("key" = [])), request_body = Choices,
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 200, description = "The connection with its new settings", body = ConnectionView),
        (status = 404, description = "No such connection", body = Problem),
        (status = 422, description = "The partner does not support a kind, the user did not grant it, or the time zone does not exist", body = Problem),
    ))]
#[patch("/v1/users/{user}/connections/{partner}")]
pub(super) async fn patch(
    key: AppKey,
    path: web::Path<(UserId, String)>,
    body: Body<Choices>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let choices = body.read(&key, &state).await?;
    let (user, partner) = path.into_inner();
    let manifest = state.partner(&partner)?.manifest();
    let connection = find(&state, &user, &partner).await?;
    let properties = state.store().properties(connection.id).await?;
    let started_at = state.now();
    let change = plan(manifest, &properties, choices)?;
    check_granted(manifest, &connection, &change)?;
    if !change.values.is_empty() {
        let chosen: Vec<_> =
            change.values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let note = Note {
            connection: connection.id,
            user: &user,
            partner: &partner,
            cause: Cause::Settings,
            outcome: LineOutcome::Changed,
            summary: format!("settings changed: {}", chosen.join(", ")),
        };
        let line = note.between(started_at, state.now());
        let (reply, done) = oneshot::channel();
        state.actor(&partner)?.do_send(Configure { connection: connection.id, change, reply });
        done.await
            .map_err(|_| restarting(&partner))?
            .map_err(|error| Problem::unavailable("store", error.to_string()))?;
        state.store().note(line).await?;
    }
    let connection = find(&state, &user, &partner).await?;
    Ok(HttpResponse::Ok().json(view(&state, connection).await?))
}

/// Refuses to switch on what the user is known not to have granted: it would only be switched off
/// again.
fn check_granted(
    manifest: &'static Manifest,
    connection: &Connection,
    change: &Change,
) -> Result<(), Problem> {
    let granted = connection.scopes.as_deref();
    let missing = granted.map(|granted| not_granted(manifest, granted)).unwrap_or_default();
    for (direction, kinds, reason) in missing {
        let names = kinds.iter().map(|kind| direction.property(*kind));
        let switched_on = |name: &String| {
            change.values.iter().any(|(changed, value)| changed == name && value == "true")
        };
        if let Some(name) = names.into_iter().find(switched_on) {
            let user = connection.user_id.in_address();
            let detail = format!(
                "{name}: {reason}; let the user connect again: POST /v1/users/{user}/connections/{}/authorize makes a new link",
                connection.partner
            );
            return Err(unprocessable("not-granted", detail));
        }
    }
    Ok(())
}

/// Computes what the choices change.
fn plan(
    manifest: &'static Manifest,
    properties: &Properties,
    choices: Choices,
) -> Result<Change, Problem> {
    let mut change = Change { values: Vec::new(), feeds_to_reread: Vec::new() };
    let polled = manifest.poll_kinds();
    for (name, on) in choices.poll {
        let kind = known_kind(&name, &polled, manifest, "polled")?;
        if on && !properties.polls(kind) {
            let feeds = manifest.feeds.iter().filter(|feed| feed.kinds.contains(&kind));
            change.feeds_to_reread.extend(feeds.map(|feed| feed.name));
        }
        // A kind that is off for another reason also changes: from now on it is the user's choice.
        let is_choice = properties.reason_off(Direction::Poll, kind).is_none();
        if on != properties.polls(kind) || !is_choice {
            change.values.push((Direction::Poll.property(kind), on.to_string()));
        }
    }
    for (name, on) in choices.push {
        let kind = known_kind(&name, &manifest.push_kinds(), manifest, "pushed")?;
        let is_choice = properties.reason_off(Direction::Push, kind).is_none();
        if on != properties.pushes(kind) || !is_choice {
            change.values.push((Direction::Push.property(kind), on.to_string()));
        }
    }
    if let Some(name) = choices.time_zone {
        Text::Id.check("time_zone", &name).map_err(|why| unprocessable("time-zone", why))?;
        let Ok(zone) = name.parse::<Tz>() else {
            let detail = format!(
                "time_zone: there is no time zone `{name}`; use a name such as Europe/Stockholm"
            );
            return Err(unprocessable("time-zone", detail));
        };
        if zone != properties.time_zone() {
            change.feeds_to_reread = manifest.feeds.iter().map(|feed| feed.name).collect();
            change.values.push((TIME_ZONE.to_owned(), zone.name().to_owned()));
        }
    }
    Ok(change)
}

fn known_kind(
    name: &str,
    kinds: &[Kind],
    manifest: &Manifest,
    done: &str,
) -> Result<Kind, Problem> {
    kinds.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        let detail =
            format!("`{name}` cannot be {done} at {}; what can be: {known}", manifest.title);
        unprocessable("unknown-kind", detail)
    })
}

fn unprocessable(kind: &str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
}

/// Ends a connection: the tokens are revoked at the partner and destroyed here. Records are kept.
#[utoipa::path(operation_id = "end_connection", tag = "connections", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 200, description = "The connection is ended", body = Disconnected),
        (status = 404, description = "No such connection", body = Problem),
    ))]
#[delete("/v1/users/{user}/connections/{partner}")]
pub(super) async fn delete(
    _: AppKey,
    path: web::Path<(UserId, String)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, partner) = path.into_inner();
    let connection = find(&state, &user, &partner).await?;
    let title = state.partner(&partner)?.manifest().title;
    let started_at = state.now();
    let (reply, done) = oneshot::channel();
    state.actor(&partner)?.do_send(Disconnect { connection: connection.id, reply });
    let revocation = done.await.map_err(|_| restarting(&partner))?;
    let revocation =
        revocation.map_err(|error| Problem::unavailable("store", error.to_string()))?;
    let reason = match revocation {
        Revocation::Done => None,
        Revocation::Failed(reason) => Some(reason),
    };
    if connection.status != Status::Disconnected {
        let summary = match &reason {
            None => format!("disconnected from {title}; its tokens are revoked and destroyed"),
            Some(reason) => {
                format!(
                    "disconnected from {title}; its tokens are destroyed here, but {title} could not be notified: {reason}"
                )
            }
        };
        let note = Note {
            connection: connection.id,
            user: &user,
            partner: &partner,
            cause: Cause::Disconnect,
            outcome: LineOutcome::Disconnected,
            summary,
        };
        state.store().note(note.between(started_at, state.now())).await?;
    }
    let disconnected =
        Disconnected { status: Status::Disconnected, revoked: reason.is_none(), reason };
    Ok(HttpResponse::Ok().json(disconnected))
}
