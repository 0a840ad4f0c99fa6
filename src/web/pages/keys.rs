//! API keys: who may call, since when, and an end of it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::ExposeSecret;
use serde::Deserialize;

use super::answer::{NoPage, page_with, see};
use super::frame::{Frame, Place};
use super::session::{SignedForm, SignedIn};
use super::webhooks::{ShownOnce, not_confirmed};
use super::{assets, words};
use crate::store::{AdminRole, Administrator, KeyScope};
use crate::web::State;
use crate::web::admin::keys::{self, KeyView, NewApiKey};
use crate::web::audit::AuditNote;

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
    people: Vec<Person>,
    /// Wrong sign-ins, in words.
    wrong_sign_ins: Option<String>,
    label: String,
    wrong: Option<String>,
    was_revoked: bool,
}

/// A key.
struct Row {
    id: String,
    label: String,
    scope: &'static str,
    may_call: &'static str,
    made: String,
    used: String,
    /// When it is refused, or "never".
    expires: String,
    expires_soon: bool,
    is_expired: bool,
    revoked: String,
    is_last_admin: bool,
    is_own: bool,
}

fn may_call(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::App => "the host app’s calls",
        KeyScope::AppRead => "the host app’s calls, only to read",
        KeyScope::Admin => "everything",
        KeyScope::AdminRead => "everything, only to read",
    }
}

/// An administrator.
struct Person {
    name: String,
    may: &'static str,
    second: String,
    last: String,
    browsers: i64,
    is_you: bool,
}

impl Person {
    fn new(one: Administrator, session: &SignedIn, now: &DateTime<Utc>) -> Self {
        let codes = words::count(one.recovery_codes, "recovery code left", "recovery codes left");
        Self {
            is_you: session.who.key_id.is_none() && session.who.label == one.name,
            may: match one.role {
                AdminRole::Full => "do everything",
                AdminRole::ReadOnly => "see everything, change nothing",
            },
            second: if one.has_second_factor { format!("yes, {codes}") } else { "no".to_owned() },
            last: one
                .last_sign_in_at
                .map_or_else(|| "never".to_owned(), |at| words::clock(&at, now)),
            browsers: one.sessions,
            name: one.name,
        }
    }
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
    let people = state.store().administrators(frame.now).await?.into_iter();
    let people = people.map(|one| Person::new(one, session, &frame.now)).collect();
    let (count, last) = state.sign_ins.all_wrong();
    let wrong_sign_ins = last.map(|last| {
        let count =
            words::count(i64::try_from(count).unwrap_or(i64::MAX), "sign-in was", "sign-ins were");
        format!(
            "{count} wrong since the daemon started, the last one {}.",
            words::clock(&last, &frame.now)
        )
    });
    let row = |key: KeyView| {
        let clock = |at| words::clock(&at, &frame.now);
        Row {
            is_own: session.who.key_id.as_deref() == Some(key.id.as_str()),
            expires: key
                .expires_at
                .map_or_else(|| "never".to_owned(), |at| words::clock(&at, &frame.now)),
            expires_soon: key.expires_soon,
            is_expired: key.expires_at.is_some_and(|at| at <= frame.now),
            may_call: may_call(key.scope),
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
    page_with(
        status,
        &Page { title, rows, revoked, people, wrong_sign_ins, label, wrong, was_revoked, frame },
    )
}

/// A new key as it was typed in.
#[derive(Deserialize)]
pub(super) struct New {
    scope: KeyScope,
    #[serde(default)]
    label: String,
    /// Days, or nothing.
    #[serde(default)]
    expires: String,
}

/// Makes a key and shows it.
pub(super) async fn add(
    note: AuditNote,
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
    let days = match fields.expires.trim() {
        "" => Some(None),
        days => days.parse().ok().filter(|days| (1..=3_650).contains(days)).map(Some),
    };
    let Some(expires_in_days) = days else {
        let wrong =
            "It expires after 1 to 3650 days; leave it empty for a key that does not.".to_owned();
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return answer(&state, &session, status, label, Some(wrong), false).await;
    };
    let scope = fields.scope;
    let (id, key, _) = keys::make(&state, NewApiKey { scope, label, expires_in_days }).await?;
    note.about(&id);
    let sentence = match scope {
        KeyScope::App => "It may make the host app’s calls: everything below /v1.",
        KeyScope::AppRead => "It may make those of the host app’s calls that change nothing.",
        KeyScope::Admin => {
            "It may make all calls, and signs in to these pages while there are no administrators."
        }
        KeyScope::AdminRead => "It may make all calls that change nothing.",
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
