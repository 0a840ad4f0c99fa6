//! Tokens for the stream of one user, so that a phone or a browser can listen without the host app's
//! key.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use partner_sdk::secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::UserId;
use crate::store::is_stream_token;
use crate::web::auth::{AppKey, bearer, check_request};
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// A token. It is shown only here.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"token": "sw_stream_AXyLd1WJmJ4rRNlC2Cd8Ql4lC8y2", "expires_at": "2026-11-22T06:30:00Z"}))]
struct StreamToken {
    /// Goes into the header `Authorization: Bearer`, never into an address.
    token: String,
    expires_at: DateTime<Utc>,
}

/// Makes a token with which a phone or a browser can open `GET /v1/users/{user}/stream` of this user,
/// and do nothing else. It is valid for the setting `streams.token_lifetime` (15 minutes), and cannot be
/// taken back; the stream ends with it.
#[utoipa::path(operation_id = "make_stream_token", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses((status = 201, description = "The token", body = StreamToken)))]
#[post("/v1/users/{user}/stream-tokens")]
pub(super) async fn make(
    _: AppKey,
    user: web::Path<UserId>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let lifetime = TimeDelta::from_std(state.streams.settings.token_lifetime).unwrap_or_default();
    let expires_at = (state.now() + lifetime).trunc_subsecs(3);
    let token = state.store().stream_token(&user, expires_at)?;
    let token = token.expose_secret().to_owned();
    Ok(HttpResponse::Created().json(StreamToken { token, expires_at }))
}

/// The caller may read the stream of the user in the address: with an API key, or with a token for it.
pub(super) struct StreamAccess {
    /// When the token expires, if it was one.
    pub(super) expires_at: Option<DateTime<Utc>>,
}

fn refuse(kind: &str, detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, kind, detail)
}

fn by_token(request: &HttpRequest, token: &str) -> Result<DateTime<Utc>, Problem> {
    let bad = || {
        let detail = "the token is not one for the stream of this user; ask for one with \
                      `POST /v1/users/{user}/stream-tokens`";
        refuse("bad-stream-token", detail)
    };
    let state = request.app_data::<web::Data<State>>().ok_or_else(bad)?;
    let user = web::Path::<UserId>::extract(request).into_inner().map_err(|_| bad())?;
    let expires_at = state.store().stream_token_expiry(&user, token).ok_or_else(bad)?;
    if expires_at <= state.now() {
        let detail = "the token has expired; ask the host app for a new one";
        return Err(refuse("stream-token-expired", detail));
    }
    check_request(request)?;
    Ok(expires_at)
}

impl FromRequest for StreamAccess {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Some(token) = bearer(request).filter(|text| is_stream_token(text)) {
            let access = by_token(request, token).map(|at| Self { expires_at: Some(at) });
            return Box::pin(std::future::ready(access));
        }
        let key = AppKey::from_request(request, payload);
        Box::pin(async move { key.await.map(|_| Self { expires_at: None }) })
    }
}
