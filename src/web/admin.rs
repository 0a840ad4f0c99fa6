//! The administrator's view.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::AdminKey;
use super::parameters::NoParameters;
use super::{Problem, State};
use crate::actors::{ActorTree, Tree};
use crate::events::DelivererTree;
use crate::model::{Connection, ConnectionId, Status, UserId};

/// All that works in the background.
#[derive(Debug, Serialize, ToSchema)]
struct Background {
    #[serde(flatten)]
    actors: ActorTree,
    /// What delivers to webhook endpoints.
    webhooks: DelivererTree,
}

/// The actor tree: the supervisor, and each partner actor with its sessions, limits and circuit;
/// and what delivers events.
#[utoipa::path(tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "The actor tree", body = Background),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/actors")]
pub(super) async fn actors(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let tree = state.supervisor.send(Tree).await;
    let tree = tree.map_err(|_| Problem::unavailable("stopping", "the daemon is stopping"))?;
    let webhooks = state.events.tree();
    Ok(HttpResponse::Ok().json(Background { actors: tree, webhooks }))
}

/// Whose a connection is.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectionOwner {
    /// The `connection.id` of log lines.
    #[schema(value_type = i64)]
    id: ConnectionId,
    #[schema(value_type = String)]
    user_id: UserId,
    partner: String,
    status: Status,
}

/// Whose a connection is that a line of the log names by its `connection.id`.
#[utoipa::path(operation_id = "get_connection_owner", tag = "admin", security(("key" = [])),
    params(("id" = String, Path, description = "The `connection.id` of a line in the log")), responses(
    (status = 200, description = "The user and the partner", body = ConnectionOwner),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "There is no such connection", body = Problem),
))]
#[get("/admin/api/connections/{id}")]
pub(super) async fn connection(
    _: AdminKey,
    id: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let found = match id.parse().map(ConnectionId) {
        Ok(id) => state.store().connection_by_id(id).await?,
        Err(_) => None,
    };
    let Some(found) = found else {
        let detail = "there is no such connection; lines of the log have its id as connection.id";
        return Err(Problem::not_found("unknown-connection", detail));
    };
    let Connection { id, user_id, partner, status, .. } = found;
    let owner = ConnectionOwner { id, user_id, partner, status };
    Ok(HttpResponse::Ok().json(owner))
}
