//! The partners: whether they run, their limits and users; and pausing them.

use std::sync::Arc;

use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::partner_view::{PartnerReport, PartnerSummary, report, summary};
use crate::actors::{Pause, Resume, Tree};
use crate::installed::InstalledPartner;
use crate::model::PartnerState;
use crate::web::api::partners::state_of;
use crate::web::auth::AdminKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State, restarting};

#[derive(Debug, Serialize, ToSchema)]
struct PartnerSummaries {
    partners: Vec<PartnerSummary>,
}

/// Lists the installed partners: whether each runs, is paused or fails, and how many use it. The counts
/// are seconds old where there are very many connections.
#[utoipa::path(operation_id = "list_partner_reports", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "The partners", body = PartnerSummaries),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/admin/api/partners")]
pub(super) async fn list(
    _: AdminKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let tree = state.supervisor.send(Tree).await;
    let tree = tree.map_err(|_| Problem::unavailable("stopping", "the daemon is stopping"))?;
    let mut partners = Vec::with_capacity(tree.partners.len());
    for node in tree.partners {
        let Some(spec) = state.directory.spec(node.partner) else { continue };
        let counts = state.store().connection_counts(spec.name()).await?;
        partners.push(summary(&state, spec, &node, &counts).await?);
    }
    Ok(HttpResponse::Ok().json(PartnerSummaries { partners }))
}

/// Reports all about a partner as a whole. Whether it runs, its connections by status and activity group, what is
/// used and left of its limits and for what, how many more users they are enough for, its
/// notifications, open errors and last failures. The counts are seconds old where there are very many
/// connections.
#[utoipa::path(operation_id = "get_partner_report", tag = "admin", security(("key" = [])),
    params(("partner" = String, Path, description = "The partner's name")), responses(
    (status = 200, description = "The partner", body = PartnerReport),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "No such partner", body = Problem),
))]
#[get("/admin/api/partners/{partner}")]
pub(super) async fn get(
    _: AdminKey,
    partner: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = state.partner(&partner)?;
    Ok(HttpResponse::Ok().json(report(&state, spec).await?))
}

/// Whether a partner runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "strava", "state": "paused", "paused_since": "2026-11-22T06:15:00Z"}))]
struct PauseView {
    name: &'static str,
    state: PartnerState,
    /// Since when the administrator has paused its syncs, if so.
    paused_since: Option<DateTime<Utc>>,
}

impl PauseView {
    fn new(state: &State, spec: &InstalledPartner) -> Self {
        let paused_since = state.directory.paused_since(spec.name());
        Self { name: spec.name(), state: state_of(state, spec), paused_since }
    }
}

/// Pauses a partner's syncs.
pub(in crate::web) async fn pause_partner(
    state: &State,
    spec: &Arc<InstalledPartner>,
) -> Result<(), Problem> {
    let paused = state.actor(spec.name())?.send(Pause).await;
    paused.map_err(|_| restarting(spec.name()))??;
    Ok(())
}

/// Resumes a partner's syncs.
pub(in crate::web) async fn resume_partner(
    state: &State,
    spec: &Arc<InstalledPartner>,
) -> Result<(), Problem> {
    let resumed = state.actor(spec.name())?.send(Resume).await;
    resumed.map_err(|_| restarting(spec.name()))??;
    Ok(())
}

/// Pauses a partner: no polls and no pushes start until it is resumed, also after a restart. Syncs that
/// run are finished, notifications are taken and wait, and users can connect and disconnect. Of a
/// partner that is paused already nothing changes.
#[utoipa::path(operation_id = "pause_partner", tag = "admin", security(("key" = [])),
    params(("partner" = String, Path, description = "The partner's name")), responses(
    (status = 200, description = "It is paused", body = PauseView),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "No such partner", body = Problem),
))]
#[post("/admin/api/partners/{partner}/pause")]
pub(super) async fn pause(
    _: AdminKey,
    partner: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = state.partner(&partner)?;
    pause_partner(&state, spec).await?;
    Ok(HttpResponse::Ok().json(PauseView::new(&state, spec)))
}

/// Resumes a partner that was paused: what is due or was asked for meanwhile runs as soon as limits
/// allow. Of a partner that is not paused nothing changes.
#[utoipa::path(operation_id = "resume_partner", tag = "admin", security(("key" = [])),
    params(("partner" = String, Path, description = "The partner's name")), responses(
    (status = 200, description = "It is not paused", body = PauseView),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
    (status = 404, description = "No such partner", body = Problem),
))]
#[post("/admin/api/partners/{partner}/resume")]
pub(super) async fn resume(
    _: AdminKey,
    partner: web::Path<String>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = state.partner(&partner)?;
    resume_partner(&state, spec).await?;
    Ok(HttpResponse::Ok().json(PauseView::new(&state, spec)))
}
