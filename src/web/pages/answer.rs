//! Pages as answers: rendered, with the headers of every page; and what stands in their place.

use std::fmt;

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
};
use actix_web::http::{StatusCode, header::HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::assets;
use crate::store::StoreError;
use crate::web::Problem;

/// What pages may load and do: only what this daemon serves.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Renders a page.
pub(in crate::web) fn page(template: &impl Template) -> Result<HttpResponse, NoPage> {
    page_with(StatusCode::OK, template)
}

/// Renders a page with another status.
pub(in crate::web) fn page_with(
    status: StatusCode,
    template: &impl Template,
) -> Result<HttpResponse, NoPage> {
    let html = template.render().map_err(|error| not_rendered(&error))?;
    Ok(with_headers(status, html.into()))
}

/// A page that was rendered before.
pub(in crate::web) fn html(html: Bytes) -> HttpResponse {
    with_headers(StatusCode::OK, html)
}

/// Logs why a page could not be rendered.
pub(in crate::web) fn not_rendered(error: &askama::Error) -> Problem {
    tracing::error!(%error, "a page could not be rendered");
    Problem::internal("the page could not be made; the log says why")
}

fn with_headers(status: StatusCode, html: Bytes) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((REFERRER_POLICY, "same-origin"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(html)
}

/// Leads to another page after a form was taken, so that reloading does not send it again.
pub(in crate::web) fn see(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, address)).finish()
}

/// Why there is no page.
#[derive(Debug)]
pub(in crate::web) enum NoPage {
    /// Nobody is signed in; then it goes on at this address.
    SignIn(String),
    /// What the API would say.
    Problem(Problem),
}

impl From<Problem> for NoPage {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for NoPage {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl fmt::Display for NoPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn(_) => f.write_str("nobody is signed in"),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

/// A page that says why another one is not there.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    detail: &'a str,
}

impl ResponseError for NoPage {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn(_) => StatusCode::SEE_OTHER,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let problem = match self {
            Self::SignIn(next) => {
                let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
                return see(&format!("/admin/sign-in?next={next}"));
            }
            Self::Problem(problem) => problem,
        };
        let shown = ProblemPage { title: problem.title(), detail: problem.detail() };
        let answer = page_with(problem.status_code(), &shown);
        let mut answer = answer.unwrap_or_else(|_| HttpResponse::InternalServerError().finish());
        if let Some(wait) = problem.retry_after() {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        answer
    }
}
