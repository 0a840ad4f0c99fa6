//! The actor tree.

use std::collections::HashMap;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use super::overview::host_of;
use crate::actors::{ActorTree, PartnerNode, SessionNode, Tree};
use crate::events::DelivererTree;
use crate::model::{ConnectionId, UserId};
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// How many webhook endpoints are shown.
const MOST_ENDPOINTS: usize = 50;

/// All that works in the background.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Background {
    #[serde(flatten)]
    pub(in crate::web) actors: ActorTree,
    /// What delivers to webhook endpoints.
    pub(in crate::web) webhooks: Delivering,
}

/// What delivers to webhook endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Delivering {
    #[serde(flatten)]
    #[schema(inline)]
    pub(in crate::web) tree: DelivererTree,
    /// The endpoints, those that fail first; at most 50.
    pub(in crate::web) endpoints: Vec<EndpointNode>,
}

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct EndpointNode {
    pub(in crate::web) endpoint_id: String,
    /// Where it is.
    pub(in crate::web) host: Option<String>,
    /// Since when it takes nothing.
    pub(in crate::web) failing_since: Option<DateTime<Utc>>,
    /// When it is tried again.
    pub(in crate::web) next_attempt_at: Option<DateTime<Utc>>,
    /// When it was disabled.
    pub(in crate::web) disabled_at: Option<DateTime<Utc>>,
}

/// The actor tree: the supervisor, and each partner actor with its sessions, limits and circuit;
/// and what delivers events.
#[utoipa::path(operation_id = "get_actors", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "The actor tree", body = Background),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/actors")]
pub(super) async fn actors(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(view(&state).await?))
}

/// What the page shows.
pub(in crate::web) async fn view(state: &State) -> Result<Background, Problem> {
    let sent = state.supervisor.send(Tree).await;
    let mut tree = sent.map_err(|_| Problem::unavailable("stopping", "the daemon is stopping"))?;
    name_users(state, &mut tree.partners).await?;
    let mut endpoints = state.store().webhook_endpoints().await?;
    endpoints.sort_by_key(|it| (it.health.failing_since.is_none(), it.health.failing_since));
    endpoints.truncate(MOST_ENDPOINTS);
    let endpoints = endpoints.into_iter().map(|endpoint| EndpointNode {
        host: host_of(endpoint.url.expose_secret()),
        endpoint_id: endpoint.id,
        failing_since: endpoint.health.failing_since,
        next_attempt_at: endpoint.health.next_at,
        disabled_at: endpoint.disabled.map(|(at, _)| at),
    });
    let webhooks = Delivering { tree: state.events.tree(), endpoints: endpoints.collect() };
    Ok(Background { actors: tree, webhooks })
}

/// Actors know connections by their ids only.
async fn name_users(state: &State, nodes: &mut [PartnerNode]) -> Result<(), Problem> {
    let mut sessions: Vec<&mut SessionNode> = nodes
        .iter_mut()
        .filter_map(|node| node.actor.as_mut())
        .flat_map(|it| &mut it.sessions)
        .collect();
    if sessions.is_empty() {
        return Ok(());
    }
    let ids: Vec<ConnectionId> = sessions.iter().map(|session| session.connection_id).collect();
    let users: HashMap<ConnectionId, UserId> =
        state.store().users_of_connections(ids).await?.into_iter().collect();
    for session in &mut sessions {
        session.user_id = users.get(&session.connection_id).cloned();
    }
    Ok(())
}
