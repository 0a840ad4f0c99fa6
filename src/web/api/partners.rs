//! The installed partners.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::PartnerState;
use crate::web::State;
use crate::web::auth::AppKey;
use crate::web::openapi::records::KindWord;
use crate::web::parameters::NoParameters;

/// An installed partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"name": "strava", "title": "Strava", "state": "running", "ended": null, "poll": ["exercise"], "push": ["exercise"]}))]
struct PartnerView {
    /// The name in URLs.
    name: &'static str,
    /// The display name.
    title: &'static str,
    state: PartnerState,
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
    let view = |spec: &std::sync::Arc<crate::installed::InstalledPartner>| {
        let manifest = spec.manifest();
        let runs = state.directory.actor(manifest.name).is_some();
        PartnerView {
            name: manifest.name,
            title: manifest.title,
            state: match (spec.ended, runs) {
                (Some(_), _) => PartnerState::Ended,
                (None, true) => PartnerState::Running,
                (None, false) => PartnerState::Restarting,
            },
            ended: spec.ended,
            poll: manifest.poll_kinds().into_iter().map(|kind| kind.name()).collect(),
            push: manifest.push_kinds().iter().map(|kind| kind.name()).collect(),
        }
    };
    let partners = state.directory.specs().map(view).collect();
    HttpResponse::Ok().json(PartnerList { partners, next_cursor: None })
}
