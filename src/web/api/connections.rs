//! A user's connections.

use actix_web::{HttpResponse, delete, get, patch, web};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};

use super::choices::{Choices, check_granted, in_words};
use super::connection_view::{ConnectionView, views};
use crate::actors::{Configure, Disconnect, Revocation};
use crate::model::{Cause, Choice, Connection, ConnectionId, LineOutcome, Status, UserId};
use crate::store::{ConnectionFilter, Note};
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State, paging, restarting};

#[derive(Debug, Serialize, ToSchema)]
struct ConnectionList {
    connections: Vec<ConnectionView>,
    /// Null at the end. A user's own connections are one page.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only connections with this status.
    status: Option<Status>,
    /// Only connections to this installed partner.
    partner: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of connections.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl Asked {
    fn filter(&self, state: &State) -> Result<ConnectionFilter, Problem> {
        let partner = self.partner.as_deref().map(|name| paging::partner(state, name));
        let partner = partner.transpose()?.map(str::to_owned);
        let after = self.cursor.as_deref().map(|cursor| {
            let (name, id) = cursor.rsplit_once('.').ok_or_else(paging::bad_cursor)?;
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(paging::bad_cursor());
            }
            Ok::<_, Problem>((name.to_owned(), ConnectionId(paging::position(id)?)))
        });
        let after = after.transpose()?;
        if let (Some(partner), Some((name, _))) = (&partner, &after)
            && partner != name
        {
            return Err(paging::bad_cursor());
        }
        Ok(ConnectionFilter { status: self.status, partner, after })
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "disconnected", "revoked": true, "reason": null}))]
pub(in crate::web) struct Disconnected {
    status: Status,
    /// Whether the partner revoked the tokens in this call.
    pub(in crate::web) revoked: bool,
    /// Why not. There are no tokens here any more in any case.
    pub(in crate::web) reason: Option<String>,
}

/// The connection of a user to an installed partner.
pub(in crate::web) async fn find(
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
    let connections = state.store().connections_of_user(user.into_inner()).await?;
    let connections = views(&state, connections).await?;
    Ok(HttpResponse::Ok().json(ConnectionList { connections, next_cursor: None }))
}

/// Lists the connections of all users, e.g. all that need their user with `status=needs_reconnect`,
/// sorted by partner.
#[utoipa::path(operation_id = "list_all_connections", tag = "connections", security(("key" = [])), params(Asked),
    responses((status = 200, description = "A page of connections", body = ConnectionList)))]
#[get("/v1/connections")]
pub(super) async fn list_all(
    _: AppKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (limit, filter) = (paging::limit(asked.limit)?, asked.filter(&state)?);
    let found = state.store().connections(filter, limit as usize).await?;
    let next_cursor =
        paging::next(&found, |connection| format!("{}.{}", connection.partner, connection.id));
    let connections = views(&state, found.rows).await?;
    Ok(HttpResponse::Ok().json(ConnectionList { connections, next_cursor }))
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
    Ok(HttpResponse::Ok().json(views(&state, vec![connection]).await?.pop()))
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
    configure(&state, &connection, choices.check(manifest)?).await?;
    let connection = find(&state, &user, &partner).await?;
    Ok(HttpResponse::Ok().json(views(&state, vec![connection]).await?.pop()))
}

/// Changes the user's choices for a connection, as far as they differ from what holds.
pub(in crate::web) async fn configure(
    state: &State,
    connection: &Connection,
    mut choices: Vec<Choice>,
) -> Result<(), Problem> {
    let (user, partner) = (&connection.user_id, &connection.partner);
    let properties = state.store().properties(connection.id).await?;
    let started_at = state.now();
    choices.retain(|choice| !properties.has(choice));
    check_granted(&choices, state.partner(partner)?.manifest(), connection)?;
    if choices.is_empty() {
        return Ok(());
    }
    let note = Note {
        connection: connection.id,
        user,
        partner,
        cause: Cause::Settings,
        outcome: LineOutcome::Changed,
        summary: format!("settings changed: {}", in_words(&choices)),
    };
    let line = note.between(started_at, state.now());
    let (reply, done) = oneshot::channel();
    state.actor(partner)?.do_send(Configure { connection: connection.id, choices, reply });
    done.await
        .map_err(|_| restarting(partner))?
        .map_err(|error| Problem::unavailable("store", error.to_string()))?;
    state.store().note(line).await?;
    Ok(())
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
    Ok(HttpResponse::Ok().json(end(&state, &connection).await?))
}

/// Ends a connection to an installed partner, for whoever asks for it.
pub(in crate::web) async fn end(
    state: &State,
    connection: &Connection,
) -> Result<Disconnected, Problem> {
    let (user, partner) = (&connection.user_id, connection.partner.as_str());
    if connection.status == Status::Disconnected {
        let reason = "it was disconnected before; there are no tokens to revoke".to_owned();
        return Ok(Disconnected {
            status: Status::Disconnected,
            revoked: false,
            reason: Some(reason),
        });
    }
    let title = state.partner(partner)?.manifest().title;
    let started_at = state.now();
    let (reply, done) = oneshot::channel();
    state.actor(partner)?.do_send(Disconnect { connection: connection.id, reply });
    let revocation = done.await.map_err(|_| restarting(partner))?;
    let revocation =
        revocation.map_err(|error| Problem::unavailable("store", error.to_string()))?;
    let reason = match revocation {
        Revocation::Done => None,
        Revocation::Refused(reason) | Revocation::Failed(reason) => Some(reason),
    };
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
        user,
        partner,
        cause: Cause::Disconnect,
        outcome: LineOutcome::Disconnected,
        summary,
    };
    state.store().note(note.between(started_at, state.now())).await?;
    Ok(Disconnected { status: Status::Disconnected, revoked: reason.is_none(), reason })
}
