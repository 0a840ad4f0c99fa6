//! The page's addresses.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use actix_web::web::{self, Data, Form, Path, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, error};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::super::PARTNERS;
use super::super::words::text;
use super::view::{DemoPage, LinkUsed};
use super::{ME, Page, feed};
use crate::clock::Clock;
use crate::web::{State, for_demo};

/// Where the page is.
const HERE: &str = "/demo";

/// The address of its script.
pub(super) const SCRIPT: &str = "/demo/script.js";

/// Where the link to sign in leads: a person whose weights are a chart.
const CHART: &str = "/admin/users/ann";

/// Adds the addresses.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route(HERE, web::get().to(show))
        .route(HERE, web::post().to(act))
        .route("/demo/feed", web::get().to(listen))
        .route("/demo/connect/{partner}", web::get().to(connect))
        .route(SCRIPT, web::get().to(script))
        .route("/admin/sign-in/{ticket}", web::get().to(sign_in));
}

async fn show(page: Data<Page>, request: HttpRequest) -> Result<HttpResponse, Error> {
    is_here(&page, &request)?;
    for_demo::page(StatusCode::OK, &DemoPage::new(&page.board.scene(), page.board.now()))
}

async fn script() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/javascript; charset=utf-8"))
        .body(include_str!("demo.js"))
}

async fn listen(page: Data<Page>, request: HttpRequest) -> Result<HttpResponse, Error> {
    is_here(&page, &request)?;
    Ok(feed::open(&page))
}

/// What a button does, and to whom.
#[derive(Deserialize)]
struct Act {
    r#do: Do,
    #[serde(default)]
    person: String,
    #[serde(default)]
    partner: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Do {
    Scale,
    Down,
    Up,
}

async fn act(
    page: Data<Page>,
    request: HttpRequest,
    act: Form<Act>,
) -> Result<HttpResponse, Error> {
    is_here(&page, &request)?;
    let page: Arc<Page> = page.into_inner();
    let done = match act.r#do {
        Do::Scale => page.step_on(&act.person),
        Do::Down => page.take_down(&act.partner),
        Do::Up => page.bring_up(&act.partner),
    };
    done.map_err(|error| error::ErrorBadRequest(format!("{error:#}")))?;
    Ok(for_demo::see(HERE))
}

/// Begins a connect of whoever looks at the page, and leads to the partner's page.
async fn connect(
    page: Data<Page>,
    request: HttpRequest,
    partner: Path<String>,
) -> Result<HttpResponse, Error> {
    is_here(&page, &request)?;
    let partner = partner.into_inner();
    if !PARTNERS.contains(&partner.as_str()) {
        return Err(error::ErrorNotFound("there is no such partner in the demo"));
    }
    if for_demo::is_ahead_of_a_visit(&request) {
        return Err(error::ErrorServiceUnavailable("only for visits"));
    }
    let address = page.host_app().map_err(error::ErrorServiceUnavailable)?.address();
    let path = format!("/v1/users/{ME}/connections/{partner}/authorize");
    let push = if partner == "runkeeper" { json!({"weight": true}) } else { json!({}) };
    let begin = json!({"return_url": format!("{address}{HERE}"), "push": push});
    let host_app = page.host_app().map_err(error::ErrorServiceUnavailable)?;
    let begun = host_app.send(Method::POST, &path, &begin).await;
    let begun = begun.map_err(|error| error::ErrorBadGateway(format!("{error:#}")))?;
    let page = text(&begun, "/authorize_url");
    Ok(for_demo::see(page.ok_or_else(|| error::ErrorBadGateway("there is no link"))?))
}

/// Signs a browser in by the link that the terminal shows.
async fn sign_in(
    page: Data<Page>,
    request: HttpRequest,
    ticket: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    is_here(&page, &request)?;
    if for_demo::is_ahead_of_a_visit(&request) {
        return Err(error::ErrorServiceUnavailable("only for visits"));
    }
    if page.ticket.take(&ticket, page.clock.now()) {
        return for_demo::sign_in(&request, &state, page.key_id.clone(), CHART).await;
    }
    for_demo::page(StatusCode::GONE, &LinkUsed)
}

/// Refuses what another site has a browser send, and other names for this machine: the page asks
/// nobody who they are.
fn is_here(page: &Page, request: &HttpRequest) -> Result<(), Error> {
    let host_app = page.host_app().map_err(error::ErrorServiceUnavailable)?;
    let address = host_app.address();
    let local = address.replace("127.0.0.1", "localhost");
    let is_ours = |text: &str| [address, &local].contains(&text);
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST).is_some_and(|host| is_ours(&format!("http://{host}")));
    let origin = header(ORIGIN).is_none_or(is_ours);
    if host && origin { Ok(()) } else { Err(error::ErrorForbidden("open the demo at its address")) }
}
