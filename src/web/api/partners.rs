//! The installed partners.

use actix_web::{HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::State;
use crate::web::auth::AppKey;
use crate::web::parameters::NoParameters;

/// An installed partner.
#[derive(Debug, Serialize, ToSchema)]
struct PartnerView {
    /// The name in URLs.
    name: &'static str,
    /// The display name.
    title: &'static str,
    /// `running`, `restarting` or `ended`.
    state: &'static str,
    /// If the service has ended: since when and why.
    ended: Option<&'static str>,
    /// The kinds that can be polled.
    poll: Vec<&'static str>,
    /// The kinds that can be pushed.
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
                (Some(_), _) => "ended",
                (None, true) => "running",
                (None, false) => "restarting",
            },
            ended: spec.ended,
            poll: manifest.poll_kinds().into_iter().map(|kind| kind.name()).collect(),
            push: manifest.push_kinds().iter().map(|kind| kind.name()).collect(),
        }
    };
    let partners = state.directory.specs().map(view).collect();
    HttpResponse::Ok().json(PartnerList { partners, next_cursor: None })
}
