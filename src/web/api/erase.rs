//! Erasing a user.

use std::time::Duration;

use actix_web::{HttpResponse, delete, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::connections::end;
use crate::model::{ChangeKind, Connection, Status, UserId};
use crate::web::auth::AppKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// How long the last events may take to be delivered before what they are about is deleted.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether they were.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A grant that the partner was not asked to revoke, or did not.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct NotRevoked {
    pub(in crate::web) partner: String,
    /// Why. Its tokens are deleted here in any case.
    pub(in crate::web) reason: String,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"connections": 2, "records": 4318, "syncs": 96, "changes": 4320, "incidents": 1, "messages": 0, "revoked": ["withings"], "not_revoked": [], "events_sent": true}))]
pub(in crate::web) struct ErasedView {
    pub(in crate::web) connections: usize,
    /// Deleted ones included.
    pub(in crate::web) records: usize,
    /// Entries of the timeline.
    pub(in crate::web) syncs: usize,
    /// Lines of the change feed.
    pub(in crate::web) changes: usize,
    /// Entries of the error log.
    pub(in crate::web) incidents: usize,
    /// Webhook messages that waited.
    pub(in crate::web) messages: usize,
    /// The partners that revoked the tokens in this call.
    pub(in crate::web) revoked: Vec<String>,
    /// The partners that did not.
    pub(in crate::web) not_revoked: Vec<NotRevoked>,
    /// Whether every webhook endpoint that works was sent a `connection.disconnected` for each
    /// connection before it was deleted.
    pub(in crate::web) events_sent: bool,
}

/// Erases a user. The access is revoked at the partners, and all that is here of the user is deleted:
/// connections, tokens, records, what partners have of them, the timeline, changes, errors and waiting
/// webhook messages. What the partners have stays with them. A `connection.disconnected` for each
/// connection is sent before. If it ends with a problem, call it again: it goes on.
#[utoipa::path(operation_id = "erase_user", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses(
        (status = 200, description = "Nothing of the user is here any more", body = ErasedView),
        (status = 404, description = "Nobody with this id has a connection or a record", body = Problem),
    ))]
#[delete("/v1/users/{user}")]
pub(super) async fn delete(
    _: AppKey,
    user: web::Path<UserId>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let user = user.into_inner();
    if state.store().users_among(vec![user.clone()]).await?.is_empty() {
        let detail = format!("there is nothing of `{user}` here: no connection and no record");
        return Err(Problem::not_found("unknown-user", detail));
    }
    Ok(HttpResponse::Ok().json(erase(&state, &user).await?))
}

/// Revokes, says so, and deletes.
pub(in crate::web) async fn erase(state: &State, user: &UserId) -> Result<ErasedView, Problem> {
    let connections = state.store().connections_of_user(user.clone()).await?;
    let (mut revoked, mut not_revoked, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    for connection in &connections {
        let partner = connection.partner.clone();
        if connection.status == Status::Disconnected {
            silent.push(connection.id);
            continue;
        }
        if state.directory.spec(&partner).is_none() {
            silent.push(connection.id);
            let reason = "the partner is not installed any more".to_owned();
            not_revoked.push(NotRevoked { partner, reason });
            continue;
        }
        let ended = end(state, connection).await?;
        match ended.reason {
            None => revoked.push(partner),
            Some(reason) => not_revoked.push(NotRevoked { partner, reason }),
        }
    }
    let events_sent = say(state, user, &connections, silent).await?;
    let erased = state.store().erase_user(user).await?;
    Ok(ErasedView {
        connections: erased.connections,
        records: erased.records,
        syncs: erased.syncs,
        changes: erased.changes,
        incidents: erased.incidents,
        messages: erased.messages,
        revoked,
        not_revoked,
        events_sent,
    })
}

/// Waits until the host app has been sent that each connection ended. Those that ended earlier are said
/// to once more.
async fn say(
    state: &State,
    user: &UserId,
    connections: &[Connection],
    silent: Vec<crate::model::ConnectionId>,
) -> Result<bool, Problem> {
    if connections.is_empty() {
        return Ok(true);
    }
    let last = state.store().say_disconnected(silent, state.now()).await?;
    let sent = async {
        loop {
            let sent = state.events.were_sent(state.store(), user, ChangeKind::Disconnected, last);
            if sent.await? {
                return Ok::<_, Problem>(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(HEARD_WITHIN, sent).await {
        Ok(sent) => sent.map(|()| true),
        Err(_) => Ok(false),
    }
}
