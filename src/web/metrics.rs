//! Metrics for Prometheus.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, web};

use super::auth::AdminKey;
use super::parameters::NoParameters;
use super::{Problem, State};
use crate::telemetry::metrics::CONTENT_TYPE;

/// The caller may read metrics: it has a key of scope `admin`, or none is needed.
#[derive(Debug)]
pub(super) struct Reader;

impl FromRequest for Reader {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_open = request.app_data::<web::Data<State>>().is_some_and(|it| it.open_metrics);
        if is_open {
            return Box::pin(std::future::ready(Ok(Self)));
        }
        let key = AdminKey::from_request(request, payload);
        Box::pin(async move { key.await.map(|_| Self) })
    }
}

/// What the daemon counts, in the text form of Prometheus. Labels are closed lists (partners, outcomes,
/// classes of statuses, causes, codes), never a user. With `metrics.open` in the settings no key is needed.
#[utoipa::path(operation_id = "read_metrics", tag = "admin", security(("key" = [])), responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain", example = json!("# HELP syncwell_uptime_seconds Seconds since the start\n# TYPE syncwell_uptime_seconds gauge\nsyncwell_uptime_seconds 86400\n# EOF\n")),
    (status = 403, description = "The key does not have scope `admin`", body = Problem),
))]
#[get("/metrics")]
pub(super) async fn read(
    _: Reader,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> HttpResponse {
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(state.shared.metrics.text())
}
