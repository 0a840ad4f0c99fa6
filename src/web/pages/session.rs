//! Who is signed in: a cookie has the secret of a session, the database its digest. It ends after twelve hours,
//! after half an hour without a request, with its key or administrator, or by signing out.

use std::future::Future;
use std::pin::Pin;

use actix_web::cookie::{Cookie, SameSite, time::Duration as CookieTime};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::TimeDelta;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::answer::NoPage;
use crate::store::{Proof, SignedInAs};
use crate::web::forms::{self, Form};
use crate::web::{Problem, State, audit};

/// How long somebody stays signed in.
const LASTS: TimeDelta = TimeDelta::hours(12);

/// Somebody is signed in. Only made here: whoever holds it has checked.
#[derive(Clone, Debug)]
pub(in crate::web) struct SignedIn {
    secret: SecretString,
    /// Who it is.
    pub(in crate::web) who: SignedInAs,
}

impl SignedIn {
    /// What a form of a page of this session carries.
    pub(in crate::web) fn form_token(&self) -> String {
        forms::token("form", &self.secret)
    }

    /// Ends the session.
    pub(super) async fn end(&self, state: &State) -> Result<(), NoPage> {
        Ok(state.store().end_admin_session(&self.secret).await?)
    }

    /// Ends all sessions with the same key or of the same administrator.
    pub(super) async fn end_all(&self, state: &State) -> Result<(), NoPage> {
        Ok(state.store().end_admin_sessions_of(&self.who).await?)
    }
}

/// Begins a session in place of the one that the browser may have. Returns the cookie; `None` if the proof does not
/// hold any more.
pub(in crate::web) async fn begin(
    request: &HttpRequest,
    state: &State,
    proof: Proof,
) -> Result<Option<Cookie<'static>>, NoPage> {
    if let Some(before) = request.cookie(cookie_name(state).0) {
        state.store().end_admin_session(&SecretString::from(before.value())).await?;
    }
    let random = || Uuid::new_v4().simple().to_string();
    let secret = SecretString::from(format!("{}{}", random(), random()));
    let now = state.now();
    let shown = proof.clone();
    if !state.store().begin_admin_session(&secret, proof, now, now + LASTS).await? {
        return Ok(None);
    }
    audit::by_proof(request, &shown);
    Ok(Some(cookie(state, secret.expose_secret().to_owned(), LASTS)))
}

/// The cookie that takes the session's away.
pub(super) fn ended(state: &State) -> Cookie<'static> {
    cookie(state, String::new(), TimeDelta::zero())
}

/// By https only this host can set it, and only by https is it sent.
fn cookie_name(state: &State) -> (&'static str, bool) {
    if state.server.public_url.starts_with("https://") {
        ("__Host-syncwell_admin", true)
    } else {
        ("syncwell_admin", false)
    }
}

fn cookie(state: &State, value: String, lasts: TimeDelta) -> Cookie<'static> {
    let (name, secure) = cookie_name(state);
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Lax)
        .max_age(CookieTime::seconds(lasts.num_seconds()))
        .finish()
}

/// Who sent a request, if somebody is signed in.
pub(super) async fn signed_in(
    request: &HttpRequest,
    state: &State,
) -> Result<Option<SignedIn>, NoPage> {
    let Some(cookie) = request.cookie(cookie_name(state).0) else { return Ok(None) };
    let secret = SecretString::from(cookie.value());
    let who = state.store().admin_session(&secret, state.now()).await?;
    Ok(who.map(|who| SignedIn { secret, who }))
}

fn state_of(request: &HttpRequest) -> Result<web::Data<State>, NoPage> {
    let state = request.app_data::<web::Data<State>>().cloned();
    Ok(state.ok_or_else(|| Problem::unavailable("starting", "the daemon is not ready"))?)
}

async fn required(request: &HttpRequest) -> Result<SignedIn, NoPage> {
    let state = state_of(request)?;
    let session = signed_in(request, &state).await?;
    if let Some(id) = session.as_ref().and_then(|session| session.who.key_id.as_deref()) {
        state.store().key_used(id, state.now());
    }
    if let Some(session) = &session {
        audit::by(request, &session.who);
    }
    session.ok_or_else(|| {
        // Where a form was sent, nothing can be shown again.
        let next =
            if request.method().is_safe() { request.uri().to_string() } else { "/admin".into() };
        NoPage::SignIn(next)
    })
}

impl FromRequest for SignedIn {
    type Error = NoPage;
    type Future = Pin<Box<dyn Future<Output = Result<Self, NoPage>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { required(&request).await })
    }
}

/// Reads a form that a page of this session sent.
async fn own_form(
    request: &HttpRequest,
    payload: Payload,
    session: &SignedIn,
) -> Result<Form, NoPage> {
    let form = Form::read(request, payload).await?;
    if !form.has(&session.form_token()) {
        let detail = "the form does not belong to this session, or somebody signed in again \
                      meanwhile; nothing was done. Go back, reload the page and send it again";
        return Err(Problem::new(StatusCode::FORBIDDEN, "other-session", detail).into());
    }
    Ok(form)
}

/// A form that changes something, sent by a page of this session. Who may only look cannot send it.
#[derive(Debug)]
pub(in crate::web) struct SignedForm<T> {
    /// Who sent it.
    pub(in crate::web) session: SignedIn,
    /// Its fields.
    pub(in crate::web) fields: T,
}

impl<T: DeserializeOwned + 'static> FromRequest for SignedForm<T> {
    type Error = NoPage;
    type Future = Pin<Box<dyn Future<Output = Result<Self, NoPage>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let session = required(&request).await?;
            if !session.who.may_change {
                let detail = "you may look at everything and change nothing; nothing was done. A full \
                              administrator can do it";
                return Err(Problem::new(StatusCode::FORBIDDEN, "read-only", detail).into());
            }
            let fields = own_form(&request, payload, &session).await?.parsed()?;
            Ok(Self { session, fields })
        })
    }
}

/// A form that changes only who is signed in: everybody may send it.
#[derive(Debug)]
pub(super) struct SessionForm<T> {
    /// Who sent it.
    pub(super) session: SignedIn,
    /// Its fields.
    pub(super) fields: T,
}

impl<T: DeserializeOwned + 'static> FromRequest for SessionForm<T> {
    type Error = NoPage;
    type Future = Pin<Box<dyn Future<Output = Result<Self, NoPage>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let session = required(&request).await?;
            let fields = own_form(&request, payload, &session).await?.parsed()?;
            Ok(Self { session, fields })
        })
    }
}
