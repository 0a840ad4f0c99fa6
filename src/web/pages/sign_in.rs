//! Signing in, and out.

mod credentials;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use self::credentials::Typed;
use super::answer::{NoPage, page_with, see};
use super::session::{self, SessionForm};
use super::{assets, words};
use crate::administrators::as_name;
use crate::keys;
use crate::settings::Secret;
use crate::store::Proof;
use crate::web::forms::Form;
use crate::web::{State, auth};

/// The page.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    host: String,
    next: &'a str,
    /// Whether there are administrators, who have names.
    by_name: bool,
    name: String,
    /// Why it was not accepted.
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
    key: Option<Secret>,
    name: Option<String>,
    password: Option<Secret>,
    code: Option<Secret>,
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
    let by_name = state.store().has_administrators().await?;
    form(&state, next.address(), by_name, String::new(), None)
}

/// Why somebody is not signed in.
struct Refused(StatusCode, String);

/// Takes a name and a password; or a key, as long as there is no administrator. A key that opened the pages
/// beside them would go round passwords, second factors and names.
pub(super) async fn begin(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let fields: Fields = Form::read(&request, payload.into_inner()).await?.parsed()?;
    let by_name = state.store().has_administrators().await?;
    let name = as_name(&fields.name.unwrap_or_default());
    let proof = if by_name {
        let typed = Typed {
            name: name.clone(),
            password: fields.password.map(SecretString::from).unwrap_or_default(),
            code: fields.code.map(SecretString::from).unwrap_or_default(),
        };
        credentials::check(&request, &state, typed).await?
    } else {
        by_key(&request, &state, fields.key.map(SecretString::from).unwrap_or_default()).await?
    };
    let next = fields.next.address();
    let refused = match proof {
        Ok(proof) => match session::begin(&request, &state, proof).await? {
            Some(cookie) => {
                let mut answer = see(next);
                // A cookie of letters and digits always fits a header.
                answer.add_cookie(&cookie).unwrap_or_default();
                return Ok(answer);
            }
            None => Refused(
                StatusCode::FORBIDDEN,
                "Who may sign in has just changed. Try again.".to_owned(),
            ),
        },
        Err(refused) => refused,
    };
    form(&state, next, by_name, name, Some(refused))
}

async fn by_key(
    request: &HttpRequest,
    state: &State,
    key: SecretString,
) -> Result<Result<Proof, Refused>, NoPage> {
    // What people paste has spaces around it.
    let key = SecretString::from(key.expose_secret().trim());
    let id = keys::id_of(key.expose_secret()).unwrap_or_default().to_owned();
    let known = match id.as_str() {
        "" => None,
        _ => state.store().known_key(id.clone(), &key).await?,
    };
    let wrong = match known {
        Some(known) if known.expired(state.now()).is_some() => {
            "This key has expired. Make another on the server: syncwell key create --scope admin".to_owned()
        }
        Some(known) if known.scope.is_admin() => return Ok(Ok(Proof::Key(id))),
        Some(_) => {
            "This key is for the host app. The pages need one of scope admin: syncwell key create --scope admin".to_owned()
        }
        None => match auth::count_unknown_key(request, state) {
            None => "This key is not known here, or it was revoked. “syncwell key list” shows those that are.".to_owned(),
            Some(wait) => {
                let wait = chrono::TimeDelta::from_std(wait).unwrap_or_default();
                let wrong = format!("Too many wrong keys came from this address. Try again in {}.", words::span(wait));
                return Ok(Err(Refused(StatusCode::TOO_MANY_REQUESTS, wrong)));
            }
        },
    };
    Ok(Err(Refused(StatusCode::FORBIDDEN, wrong)))
}

fn form(
    state: &State,
    next: &str,
    by_name: bool,
    name: String,
    refused: Option<Refused>,
) -> Result<HttpResponse, NoPage> {
    let url = Url::parse(&state.server.public_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("Syncwell").to_owned();
    let (status, wrong) = match refused {
        Some(Refused(status, wrong)) => (status, Some(wrong)),
        None => (StatusCode::OK, None),
    };
    page_with(status, &SignIn { host, next, by_name, name, wrong })
}

/// A form without fields.
#[derive(Deserialize)]
pub(in crate::web) struct NoFields {}

/// How far somebody signs out.
#[derive(Deserialize)]
pub(super) struct Out {
    everywhere: Option<String>,
}

/// Ends a session, or all of the same person.
pub(super) async fn end(
    form: SessionForm<Out>,
    state: web::Data<State>,
) -> Result<HttpResponse, NoPage> {
    let SessionForm { session, fields } = form;
    match fields.everywhere {
        Some(_) => session.end_all(&state).await?,
        None => session.end(&state).await?,
    }
    let mut answer = see("/admin/sign-in");
    answer.add_cookie(&session::ended(&state)).unwrap_or_default();
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
