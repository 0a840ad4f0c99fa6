//! Liveness and readiness.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::State;
use crate::store::Unready;

/// The state of the daemon.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok` or `not ready`.
    #[schema(example = "ok")]
    status: &'static str,
    /// What the daemon waits for; empty if it is ready.
    #[schema(example = json!([]))]
    waiting_for: Vec<String>,
}

/// Whether the process responds. For what restarts a process that hangs: it says nothing about the database
/// and partners.
#[utoipa::path(operation_id = "get_health", tag = "health", responses((status = 200, description = "The process responds", body = Health)))]
#[get("/healthz")]
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok", waiting_for: Vec::new() })
}

/// Whether the database can be read and written and every partner actor runs.
#[utoipa::path(operation_id = "get_readiness", tag = "health", responses(
    (status = 200, description = "Ready", body = Health),
    (status = 503, description = "Not ready; `waiting_for` says why", body = Health, example = json!({"status": "not ready", "waiting_for": ["partner strava"]})),
))]
#[get("/readyz")]
pub(super) async fn ready(state: web::Data<State>) -> HttpResponse {
    let mut waiting_for = Vec::new();
    if let Err(unready) = state.store().readiness().await {
        // Without the database URL: this call needs no key.
        waiting_for.push(match unready {
            Unready::Unreachable => "database, which cannot be reached".to_owned(),
            Unready::Silent => "database, which does not answer in time".to_owned(),
            Unready::Moved => "database, whose files were moved or deleted".to_owned(),
            Unready::NotWritable => "database, which takes no writes".to_owned(),
            Unready::PartlyUnreadable => "database, of which some cannot be read".to_owned(),
        });
    }
    let down = state.directory.specs().filter(|spec| state.directory.actor(spec.name()).is_none());
    waiting_for.extend(down.map(|spec| format!("partner {}", spec.name())));
    if waiting_for.is_empty() {
        HttpResponse::Ok().json(Health { status: "ok", waiting_for })
    } else {
        HttpResponse::ServiceUnavailable().json(Health { status: "not ready", waiting_for })
    }
}
