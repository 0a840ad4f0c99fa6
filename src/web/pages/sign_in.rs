//! Signing in with an admin key, and out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::answer::{NoPage, page_with, see};
use super::session::{self, SignedForm, SignedIn};
use super::{assets, words};
use crate::keys;
use crate::settings::Secret;
use crate::store::KeyScope;
use crate::web::forms::Form;
use crate::web::{State, auth};

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    host: String,
    next: &'a str,
    /// Why the key was not accepted.
    wrong: Option<String>,
}

/// Where to go on.
#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    /// Only addresses of the administrator's pages: a link must not lead elsewhere.
    fn address(&self) -> &str {
        let path = self.next.split(['?', '#']).next().unwrap_or_default();
        let is_ours = path == "/admin" || path.starts_with("/admin/");
        let is_plain = !self.next.contains(['\\', '\r', '\n']) && !path.contains("//");
        if is_ours && is_plain && !path.starts_with("/admin/sign-") { &self.next } else { "/admin" }
    }
}

/// The fields of the form.
#[derive(Deserialize)]
struct Fields {
    key: Secret,
    #[serde(flatten)]
    next: Next,
}

/// Shows the form, or goes on if somebody is signed in already.
pub(super) async fn show(
    request: HttpRequest,
    next: web::Query<Next>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    if session::signed_in(&request, &state).await?.is_some() {
        return Ok(see(next.address()));
    }
    form(&state, StatusCode::OK, next.address(), None)
}

/// Takes a key.
pub(super) async fn begin(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let fields: Fields = Form::read(&request, payload.into_inner()).await?.parsed()?;
    let next = fields.next.address();
    let key = SecretString::from(fields.key);
    // What people paste has spaces around it.
    let key = SecretString::from(key.expose_secret().trim());
    let known = match keys::id_of(key.expose_secret()) {
        Some(id) => {
            state.store().scope_of_key(id.to_owned(), &key).await?.map(|it| (id.to_owned(), it))
        }
        None => None,
    };
    let wrong = match known {
        Some((id, KeyScope::Admin)) => {
            let cookie = session::begin(&state, id).await?;
            let mut answer = see(next);
            // A cookie of letters and digits always fits a header.
            answer.add_cookie(&cookie).unwrap_or_default();
            return Ok(answer);
        }
        Some((_, KeyScope::App)) => {
            "This key is for the host app. The pages need one of scope admin: syncwell key create --scope admin".to_owned()
        }
        None => match auth::count_unknown_key(&request, &state) {
            None => "This key is not known here, or it was revoked. “syncwell key list” shows those that are.".to_owned(),
            Some(wait) => {
                let wait = chrono::TimeDelta::from_std(wait).unwrap_or_default();
                let wrong = format!("Too many wrong keys came from this address. Try again in {}.", words::span(wait));
                return form(&state, StatusCode::TOO_MANY_REQUESTS, next, Some(wrong));
            }
        },
    };
    form(&state, StatusCode::FORBIDDEN, next, Some(wrong))
}

fn form(
    state: &State,
    status: StatusCode,
    next: &str,
    wrong: Option<String>,
) -> Result<HttpResponse, NoPage> {
    let url = Url::parse(&state.server.public_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("Syncwell").to_owned();
    page_with(status, &SignIn { host, next, wrong })
}

/// A form without fields.
#[derive(Deserialize)]
pub(in crate::web) struct NoFields {}

/// Ends a session.
pub(super) async fn end(
    form: SignedForm<NoFields>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let SignedForm { session, .. } = form;
    finish(&state, &session).await
}

async fn finish(state: &State, session: &SignedIn) -> Result<HttpResponse, NoPage> {
    session.end(state).await?;
    let mut answer = see("/admin/sign-in");
    answer.add_cookie(&session::ended(state)).unwrap_or_default();
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_sign_in_leads_nowhere_else() {
        for (next, address) in [
            ("/admin/users/ann?range=1h", "/admin/users/ann?range=1h"),
            ("/admin", "/admin"),
            ("", "/admin"),
            ("//evil.example", "/admin"),
            ("https://evil.example/admin/", "/admin"),
            ("/administrator", "/admin"),
            ("/admin//evil.example", "/admin"),
            ("/admin/\\evil.example", "/admin"),
            ("/admin/sign-out", "/admin"),
        ] {
            assert_eq!(Next { next: next.into() }.address(), address, "{next}");
        }
    }
}
