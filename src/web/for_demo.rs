//! What `syncwell demo` adds to the daemon's pages needs of them. Production builds have none of it.

use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest, HttpResponse};
use askama::Template;

use super::pages::{answer, assets, session};
use super::{State, oauth};
use crate::store::Proof;

/// The address of the style of all pages.
pub(crate) const STYLE: &str = assets::STYLE;

/// The address of the script of all pages.
pub(crate) const APP: &str = assets::APP;

/// Renders a page, with the headers of every page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Error> {
    Ok(answer::page_with(status, template)?)
}

/// Leads to another page.
pub(crate) fn see(address: &str) -> HttpResponse {
    answer::see(address)
}

/// Signs a browser in with a key, and leads it to a page.
pub(crate) async fn sign_in(
    request: &HttpRequest,
    state: &State,
    key_id: String,
    next: &str,
) -> Result<HttpResponse, Error> {
    let mut answer = answer::see(next);
    if let Some(cookie) = session::begin(request, state, Proof::Key(key_id)).await? {
        answer.add_cookie(&cookie)?;
    }
    Ok(answer)
}

/// Whether a browser asks in case somebody visits the page, or to show a preview.
pub(crate) fn is_ahead_of_a_visit(request: &HttpRequest) -> bool {
    oauth::is_ahead_of_a_visit(request)
}
