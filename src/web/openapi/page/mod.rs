//! The document as a page to read: all calls and types, with examples, on one page that a browser can
//! search. Made of the document alone, once.

mod calls;
mod markup;
mod types;

use actix_web::web::{self, Bytes};
use actix_web::{HttpResponse, get};
use askama::Template;
use serde_json::Value;

use self::calls::Group;
use self::types::Type;
use super::Served;
use crate::web::pages::answer::{self, NoPage};
use crate::web::pages::assets;
use crate::web::{Problem, State};

/// The page.
#[derive(Template)]
#[template(path = "reference.html")]
struct Reference<'a> {
    version: &'a str,
    address: &'a str,
    /// HTML.
    about: String,
    /// Headers of answers: the name, and what it says as HTML.
    headers: Vec<(String, String)>,
    groups: Vec<Group>,
    types: Vec<Type>,
}

/// Renders the page of a document, for a daemon at this address.
pub(super) fn render(document: &Value, address: &str) -> askama::Result<String> {
    let text = |part: &str| document["info"][part].as_str().unwrap_or_default();
    let page = Reference {
        version: text("version"),
        address,
        about: markup::blocks(text("description")),
        headers: headers(document),
        groups: calls::of(document, address),
        types: types::of(document),
    };
    page.render()
}

fn headers(document: &Value) -> Vec<(String, String)> {
    let all = document["components"]["headers"].as_object().into_iter().flatten();
    let shown = all.map(|(name, said)| {
        let about = said["description"].as_str().unwrap_or_default();
        let example = types::pretty(&said["example"]);
        (name.clone(), markup::line(&format!("{about} E.g. `{example}`.")))
    });
    shown.collect()
}

/// This reference as a page. All calls and types with examples and commands, made from
/// `GET /openapi.json`. It loads nothing from elsewhere and needs no script.
#[utoipa::path(operation_id = "get_reference", tag = "documents", responses(
    (status = 200, description = "The page", body = String, content_type = "text/html",
        example = json!("<!doctype html>\n<html lang=\"en\">… <h1>HTTP API</h1> …</html>")),
))]
#[get("/docs")]
pub(in crate::web) async fn show(
    served: web::Data<Served>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let page = match served.page.get() {
        Some(page) => page.clone(),
        None => {
            let address = state.server.public_url.trim_end_matches('/').to_owned();
            let json = served.json.clone();
            let made = web::block(move || {
                let document: Value = serde_json::from_slice(&json).unwrap_or_default();
                render(&document, &address)
            });
            let made =
                made.await.map_err(|_| Problem::unavailable("stopping", "the daemon stops"))?;
            let made = made.map_err(|error| answer::not_rendered(&error))?;
            served.page.get_or_init(|| Bytes::from(made)).clone()
        }
    };
    Ok(answer::html(page))
}
