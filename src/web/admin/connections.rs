//! Whose a connection is.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Connection, ConnectionId, Status, UserId};
use crate::web::audit::AuditNote;
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

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
    note: AuditNote,
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
    note.subject(&user_id);
    let owner = ConnectionOwner { id, user_id, partner, status };
    Ok(HttpResponse::Ok().json(owner))
}
