//! Oura: workouts, and the oxygen saturation of nights.
//!
//! Sources of the facts in this crate: "Authentication", "Error Handling" and the API reference are
//! pages of cloud.ouraring.com/v2/docs; "seen in the field" is what users of the API have found.

mod api;
mod map;

use std::time::Duration;

use partner_sdk::serde_json::Value;
use partner_sdk::{
    Auth, ClientAuth, Feed, Kind, Limit, Manifest, MeasurementType, OAuth2, Page, Partner,
    PartnerError, PollRequest, Session, async_trait,
};
use serde::Deserialize;

/// The partner Oura.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oura;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);

/// API reference: lists go by day and not by change. A ring that was not opened in the app for a
/// while sends its data late (seen in the field).
const TRAILING: Duration = Duration::from_secs(14 * DAY.as_secs());
/// What is sent later still is found once a day.
const WIDE: Duration = Duration::from_secs(180 * DAY.as_secs());

/// The data that describes Oura.
pub static MANIFEST: Manifest = Manifest {
    name: "oura",
    title: "Oura",
    auth: Auth::OAuth2(OAuth2 {
        // "Authentication": the URLs, and client_id and client_secret in the body.
        authorize_url: "https://cloud.ouraring.com/oauth/authorize",
        token_url: "https://api.ouraring.com/oauth/token",
        // Seen in the field: it reads the token only from the URL, and URLs are logged.
        revoke_url: None,
        // "Authentication": one for each type of data; the user may untick it.
        scopes: &["workout", "spo2Daily"],
        scope_separator: " ",
        client_auth: ClientAuth::Body,
        pkce: false,
        authorize_params: &[],
        token_params: &[],
    }),
    api_url: "https://api.ouraring.com",
    // API reference: a feed has the name of its collection.
    feeds: &[
        Feed {
            name: "workout",
            kinds: &[Kind::Exercise],
            trailing: TRAILING,
            wide: WIDE,
            scopes: &["workout"],
        },
        Feed {
            name: "daily_spo2",
            kinds: &[Kind::Measurement(MeasurementType::Spo2)],
            trailing: TRAILING,
            wide: WIDE,
            scopes: &["spo2Daily"],
        },
    ],
    // API reference: nothing can be written.
    push: &[],
    // "Error Handling": 5,000 calls in five minutes.
    limits: &[Limit::app(5_000, FIVE_MINUTES)],
    retry_wait: FIVE_MINUTES,
    backfill: Duration::from_secs(365 * DAY.as_secs()),
    read_error: api::read_error,
    read_limits: |_| Vec::new(),
    ended: None,
};

#[async_trait]
impl Partner for Oura {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let sync = api::Sync::of(request)?;
        let list = sync.fetch(session, request.feed.name).await?;
        let mut page = Page::default();
        if request.feed.name == "workout" {
            page.read_each(list.data, map::id_of_workout, map::workout);
        } else {
            page.read_each(list.data, map::id_of_night, |it| map::night(it, request.time_zone));
        }
        sync.go_on(page, list.next_token)
    }

    /// API reference, "Personal Info": the token answer does not name the user.
    async fn external_user_id(&self, session: &Session, _: &Value) -> Result<String, PartnerError> {
        #[derive(Deserialize)]
        struct Person {
            id: String,
        }
        let person: Person = session.get("/v2/usercollection/personal_info").fetch().await?;
        Ok(person.id)
    }
}
