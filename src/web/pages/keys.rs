//! API keys: who may call, since when, and an end of it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use partner_sdk::secrecy::ExposeSecret;
use serde::Deserialize;

use super::answer::{NoPage, page_with, see};
use super::frame::{Frame, Place};
use super::session::{SignedForm, SignedIn};
use super::webhooks::{ShownOnce, not_confirmed};
use super::{assets, words};
use crate::store::KeyScope;
use crate::web::State;
use crate::web::admin::keys::{self, KeyView, NewApiKey};

/// The longest label, as in the API.
const LONGEST_LABEL: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    frame: Frame,
    title: String,
    rows: Vec<Row>,
    revoked: Vec<Row>,
    label: String,
    wrong: Option<String>,
    was_revoked: bool,
}

/// A key.
struct Row {
    id: String,
    label: String,
    scope: &'static str,
    is_admin: bool,
    made: String,
    used: String,
    revoked: String,
    is_last_admin: bool,
    is_own: bool,
}

/// What the page can be asked.
#[derive(Deserialize)]
pub(super) struct Asked {
    revoked: Option<String>,
}

/// Shows the keys.
pub(super) async fn show(
    session: SignedIn,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let was_revoked = asked.revoked.is_some();
    answer(&state, &session, StatusCode::OK, String::new(), None, was_revoked).await
}

async fn answer(
    state: &State,
    session: &SignedIn,
    status: StatusCode,
    label: String,
    wrong: Option<String>,
    was_revoked: bool,
) -> Result<HttpResponse, NoPage> {
    let all = keys::all(state).await?;
    let frame = Frame::new(state, session, Place::Keys).await?;
    let row = |key: KeyView| {
        let clock = |at| words::clock(&at, &frame.now);
        Row {
            is_own: key.id == session.key.id,
            is_admin: key.scope == KeyScope::Admin,
            scope: key.scope.name(),
            made: clock(key.created_at),
            used: key.last_used_at.map_or_else(|| "never".to_owned(), clock),
            revoked: key.revoked_at.map(clock).unwrap_or_default(),
            is_last_admin: key.is_last_admin,
            id: key.id,
            label: key.label,
        }
    };
    let (revoked, in_force): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|key| key.revoked_at.is_some());
    let count = i64::try_from(in_force.len()).unwrap_or(i64::MAX);
    let title = format!("{} in force", words::count(count, "API key", "API keys"));
    let rows = in_force.into_iter().map(row).collect();
    let revoked = revoked.into_iter().rev().map(row).collect();
    page_with(status, &Page { title, rows, revoked, label, wrong, was_revoked, frame })
}

/// A new key as it was typed in.
#[derive(Deserialize)]
pub(super) struct New {
    scope: KeyScope,
    #[serde(default)]
    label: String,
}

/// Makes a key and shows it.
pub(super) async fn add(
    form: SignedForm<New>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let SignedForm { session, fields } = form;
    let label = fields.label.trim().to_owned();
    if label.chars().count() > LONGEST_LABEL || label.contains(char::is_control) {
        let wrong = format!("Write at most {LONGEST_LABEL} letters, without line breaks.");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return answer(&state, &session, status, label, Some(wrong), false).await;
    }
    let scope = fields.scope;
    let (_, key) = keys::make(&state, NewApiKey { scope, label }).await?;
    let sentence = match scope {
        KeyScope::App => "It may make the host app’s calls: everything below /v1.",
        KeyScope::Admin => "It may make all calls, and signs in to these pages.",
    };
    let shown = ShownOnce {
        frame: Frame::new(&state, &session, Place::Keys).await?,
        title: "The key is made",
        sentence,
        secret: key.expose_secret(),
        hint: "It is shown only now and is not stored. Calls send it as Authorization: Bearer KEY.",
        back: "/admin/keys",
        back_to: "To the keys",
    };
    page_with(StatusCode::CREATED, &shown)
}

/// The id, typed, for the last admin key.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    confirm: Option<String>,
}

/// Revokes a key.
pub(super) async fn revoke(
    form: SignedForm<Confirmed>,
    id: web::Path<String>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let is_confirmed = match form.fields.confirm.as_deref().map(str::trim) {
        None => false,
        Some(typed) if typed == id.as_str() => true,
        Some(_) => return Err(not_confirmed("revoked")),
    };
    keys::revoke(&state, &id, is_confirmed).await?;
    Ok(see("/admin/keys?revoked=1"))
}
