//! Forms are taken from our own pages only: besides the token that they carry, the browser itself says where a
//! form comes from. What is called with a key or by partners carries no cookie and is not asked.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use url::Url;

use super::pages::answer::NoPage;
use super::{Problem, State};

/// Addresses that no page's form is sent to.
const NOT_FORMS: [&str; 4] = ["/v1/", "/admin/api/", "/notifications/", "/oauth/"];

/// Refuses forms of other sites.
pub(super) async fn refuse_others(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let is_form = !request.method().is_safe()
        && !NOT_FORMS.iter().any(|begin| request.path().starts_with(begin));
    if is_form && comes_from_elsewhere(&request) {
        let detail = "the form was sent by a page of another site; nothing was done. Open the page here and send \
                      it again";
        let problem = Problem::new(StatusCode::FORBIDDEN, "other-site", detail);
        let answer = NoPage::from(problem).error_response();
        return Ok(request.into_response(answer).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn comes_from_elsewhere(request: &ServiceRequest) -> bool {
    let said = |name: &str| request.headers().get(name).map(|it| it.to_str().unwrap_or_default());
    // Browsers send it to https and to this machine; no script can set it.
    if let Some(site) = said("sec-fetch-site") {
        return !["same-origin", "none"].contains(&site);
    }
    match said(header::ORIGIN.as_str()) {
        // No browser: its calls carry nobody's cookie.
        None => false,
        // A page that sends no referrer says so of its own forms; the connect page is such a page.
        Some("null") => !request.path().starts_with("/connect/"),
        Some(origin) => {
            let state = request.app_data::<web::Data<State>>();
            let is_public = state.is_some_and(|it| is_same(origin, &it.server.public_url));
            let host = said(header::HOST.as_str()).unwrap_or_default();
            let is_asked =
                ["http", "https"].iter().any(|it| is_same(origin, &format!("{it}://{host}")));
            !is_public && !is_asked
        }
    }
}

fn is_same(origin: &str, address: &str) -> bool {
    match (Url::parse(origin), Url::parse(address)) {
        (Ok(origin), Ok(address)) => origin.origin() == address.origin(),
        _ => false,
    }
}
