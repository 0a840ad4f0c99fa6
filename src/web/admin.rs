//! The administrator's view.

use actix_web::{HttpResponse, get, web};

use super::auth::AdminKey;
use super::parameters::NoParameters;
use super::{Problem, State};
use crate::actors::{ActorTree, Tree};

/// The actor tree: the supervisor, and each partner actor with its sessions, limits and circuit.
#[utoipa::path(tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "The actor tree", body = ActorTree),
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
    Ok(HttpResponse::Ok().json(tree))
}
