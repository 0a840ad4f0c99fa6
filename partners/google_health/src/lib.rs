//! Google Health, the successor of Fitbit's Web API: weight, body fat, height, exercises, nutrition.
//!
//! Sources of the facts in this crate: "API reference" is Google's reference of the Google Health
//! API v4 (developers.google.com/health/reference/rest/v4); other pages of
//! developers.google.com/health are named; "seen in the field" is what programs that use the API
//! rely on.

mod activities;
mod api;
mod body;
mod map;
mod push;
mod service_account;
mod subscriber;
mod sync;

use std::time::Duration;

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Auth, ClientAuth, Cursor, Feed, Grant, Kind, Limit, Manifest, MeasurementType, Notifier,
    OAuth2, Page, Partner, PartnerError, PollRequest, PushRequest, Pushed, RemoteRecord, Session,
    Update, Writable, async_trait,
};

/// The partner Google Health.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoogleHealth;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

// "Scopes": one to read and one to write for each group of data. Scopes without one of the two
// endings are no longer accepted (seen in the field).
macro_rules! scope {
    ($name:literal) => {
        concat!("https://www.googleapis.com/auth/googlehealth.", $name)
    };
}
const READ_BODY: &str = scope!("health_metrics_and_measurements.readonly");
const WRITE_BODY: &str = scope!("health_metrics_and_measurements.writeonly");
const READ_ACTIVITY: &str = scope!("activity_and_fitness.readonly");
const WRITE_ACTIVITY: &str = scope!("activity_and_fitness.writeonly");
const READ_NUTRITION: &str = scope!("nutrition.readonly");
const WRITE_NUTRITION: &str = scope!("nutrition.writeonly");
/// API reference, users.getIdentity: one of the scopes that allow reading the user's id.
const READ_PROFILE: &str = scope!("profile.readonly");

const WEIGHT: &[Kind] = &[Kind::Measurement(MeasurementType::Weight)];
const BODY_FAT: &[Kind] = &[Kind::Measurement(MeasurementType::BodyFat)];
const HEIGHT: &[Kind] = &[Kind::Measurement(MeasurementType::Height)];
const EXERCISE: &[Kind] = &[Kind::Exercise];
const NUTRITION: &[Kind] = &[Kind::Nutrition];

/// API reference, dataPoints.list: points are filtered by when they happened and not by when they
/// changed. An exercise that arrived 17 days late was seen in the field.
const fn feed(name: &'static str, kinds: &'static [Kind], scopes: &'static [&'static str]) -> Feed {
    let trailing = Duration::from_secs(30 * DAY.as_secs());
    // Of a body measurement that is one call more; of exercises, with 25 to a page, some eight.
    let wide = Duration::from_secs(180 * DAY.as_secs());
    Feed { name, kinds, trailing, wide, scopes }
}

const fn writable(
    kinds: &'static [Kind],
    update: Update,
    scopes: &'static [&'static str],
) -> Writable {
    // API reference, dataPoints.batchDelete: one call deletes up to 10,000. Creations and changes
    // need one call each, so a batch is kept small enough to be quick.
    Writable { kinds, update, delete: true, day_only: false, batch: 50, scopes }
}

/// Everything about Google Health that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "google_health",
    title: "Google Health",
    auth: Auth::OAuth2(OAuth2 {
        // "Using OAuth 2.0 for Web Server Applications" (developers.google.com/identity).
        authorize_url: "https://accounts.google.com/o/oauth2/v2/auth",
        token_url: "https://oauth2.googleapis.com/token",
        revoke_url: Some("https://oauth2.googleapis.com/revoke"),
        scopes: &[
            READ_PROFILE,
            READ_BODY,
            WRITE_BODY,
            READ_ACTIVITY,
            WRITE_ACTIVITY,
            READ_NUTRITION,
            WRITE_NUTRITION,
        ],
        scope_separator: " ",
        client_auth: ClientAuth::Body,
        pkce: true,
        // Same page: without `offline` there is no refresh token, and without `consent` there is
        // none when the user connects again. `include_granted_scopes` must not be sent: a token
        // that also has scopes of other APIs is refused (seen in the field).
        authorize_params: &[("access_type", "offline"), ("prompt", "consent")],
        token_params: &[],
    }),
    api_url: "https://health.googleapis.com",
    // "Data types": a feed has the name of its data type in snake case.
    feeds: &[
        feed("weight", WEIGHT, &[READ_BODY]),
        feed("body_fat", BODY_FAT, &[READ_BODY]),
        feed("height", HEIGHT, &[READ_BODY]),
        feed("exercise", EXERCISE, &[READ_ACTIVITY]),
        feed("nutrition_log", NUTRITION, &[READ_NUTRITION]),
    ],
    push: &[
        writable(WEIGHT, Update::InPlace, &[WRITE_BODY]),
        writable(BODY_FAT, Update::InPlace, &[WRITE_BODY]),
        writable(HEIGHT, Update::InPlace, &[WRITE_BODY]),
        writable(EXERCISE, Update::InPlace, &[WRITE_ACTIVITY]),
        // "Nutrition data types": an entry logged without a food of Google's list cannot be edited.
        writable(NUTRITION, Update::Replace, &[WRITE_NUTRITION]),
    ],
    // "Rate limits": requests a minute for one user and for the project.
    limits: &[Limit::connection(300, MINUTE), Limit::app(120_000, MINUTE)],
    // Same page: both are counted by the minute.
    retry_wait: MINUTE,
    // Fitbit's data was carried over and begins in 2008: everything a user has is read. At 25 a
    // page even years of exercises take only some hundred calls.
    backfill: Duration::from_secs(20 * 365 * DAY.as_secs()),
    read_error: api::read_error,
    read_limits: |_| Vec::new(),
    ended: None,
};

#[async_trait]
impl Partner for GoogleHealth {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, _feed: &str, cursor: &Cursor) -> Option<String> {
        sync::stands(cursor)
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        sync::poll(session, request).await
    }

    async fn read_one(
        &self,
        session: &Session,
        request: &PollRequest,
        source_id: &str,
    ) -> Result<Option<Page>, PartnerError> {
        sync::read_one(session, request, source_id).await.map(Some)
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        push::push(session, request).await
    }

    async fn push_batch(
        &self,
        session: &Session,
        requests: &[PushRequest],
    ) -> Vec<Result<Pushed, PartnerError>> {
        push::push_batch(session, requests).await
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        sync::find_existing(session, request).await
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(self)
    }

    /// API reference, users.getIdentity: the token answer does not name the user. Notifications use
    /// `healthUserId` too ("Webhooks").
    async fn external_user_id(&self, session: &Session, _: &Value) -> Result<String, PartnerError> {
        let identity: Value = session.get("/v4/users/me/identity").fetch().await?;
        let id = identity.get("healthUserId").and_then(Value::as_str).filter(|id| !id.is_empty());
        id.map(ToOwned::to_owned).ok_or_else(|| {
            PartnerError::Malformed("the answer about the user has no healthUserId".into())
        })
    }

    /// "Using OAuth 2.0 for Web Server Applications", "Revoking a token": only the token is sent;
    /// `invalid_token` is the error for a token that is no longer valid.
    async fn revoke(&self, session: &Session, grant: &Grant) -> Result<(), PartnerError> {
        let Some(url) = &session.endpoints().revoke_url else { return Ok(()) };
        let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
        let form = [("token", token.expose_secret())];
        let reply = session.post_url(url).anonymous().form(&form).send_unchecked().await?;
        let body: Option<Value> = reply.json().ok();
        let error = body.as_ref().and_then(|body| body.get("error")).and_then(Value::as_str);
        if error == Some("invalid_token") { Ok(()) } else { reply.check() }
    }
}
