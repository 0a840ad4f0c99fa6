//! The installed partners.

use std::sync::Arc;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::installed::InstalledPartner;
use crate::model::PartnerState;
use crate::web::State;
use crate::web::auth::AppKey;
use crate::web::openapi::records::KindWord;
use crate::web::parameters::NoParameters;

/// An installed partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "strava", "title": "Strava", "state": "running", "paused_since": null, "ended": null, "poll": ["exercise"], "push": ["exercise"]}))]
struct PartnerView {
    /// The name in URLs.
    name: &'static str,
    /// The display name.
    title: &'static str,
    state: PartnerState,
    /// Since when the administrator has paused its syncs, if so.
    paused_since: Option<DateTime<Utc>>,
    /// If the service has ended: since when and why.
    ended: Option<&'static str>,
    /// The kinds that can be polled.
    #[schema(value_type = Vec<KindWord>)]
    poll: Vec<&'static str>,
    /// The kinds that can be pushed.
    #[schema(value_type = Vec<KindWord>)]
    push: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PartnerList {
    partners: Vec<PartnerView>,
    /// Always null: there is only one page.
    next_cursor: Option<String>,
}

/// Whether a partner is served.
pub(in crate::web) fn state_of(state: &State, spec: &InstalledPartner) -> PartnerState {
    let is_paused = state.directory.paused_since(spec.name()).is_some();
    match (spec.ended, is_paused, state.directory.actor(spec.name())) {
        (Some(_), ..) => PartnerState::Ended,
        (None, true, _) => PartnerState::Paused,
        (None, false, Some(_)) => PartnerState::Running,
        (None, false, None) => PartnerState::Restarting,
    }
}

/// Lists the installed partners, the kinds they offer, and whether they run.
#[utoipa::path(operation_id = "list_partners", tag = "partners", security(("key" = [])), responses(
    (status = 200, description = "The partners", body = PartnerList),
))]
#[get("/v1/partners")]
pub(super) async fn list(
    _: AppKey,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> HttpResponse {
    let view = |spec: &Arc<InstalledPartner>| {
        let manifest = spec.manifest();
        PartnerView {
            name: manifest.name,
            title: manifest.title,
            state: state_of(&state, spec),
            paused_since: state.directory.paused_since(manifest.name),
            ended: spec.ended,
            poll: manifest.poll_kinds().into_iter().map(|kind| kind.name()).collect(),
            push: manifest.push_kinds().iter().map(|kind| kind.name()).collect(),
        }
    };
    let partners = state.directory.specs().map(view).collect();
    HttpResponse::Ok().json(PartnerList { partners, next_cursor: None })
}
