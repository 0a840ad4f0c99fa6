//! Withings: body measurements and workouts.
//!
//! Sources of the facts in this crate: "API reference" is Withings' own OpenAPI document and
//! developer guide (developer.withings.com); "seen in the field" is an observation published by
//! users of the API.

mod activities;
mod api;
mod map;
mod notify;
mod sync;
mod token;

use std::time::Duration;

use partner_sdk::{
    Auth, ClientAuth, Cursor, Feed, Grant, Kind, Limit, Manifest, MeasurementType, Notifier,
    OAuth2, Page, Partner, PartnerError, PollRequest, Reply, Session, async_trait,
    serde_json::Value,
};

/// The partner Withings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Withings;

/// Everything about Withings that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "withings",
    title: "Withings",
    auth: Auth::OAuth2(OAuth2 {
        // API reference, "OAuth 2.0": hosts of the public cloud; the US medical cloud has its own.
        authorize_url: "https://account.withings.com/oauth2_user/authorize2",
        token_url: "https://wbsapi.withings.net/v2/oauth2",
        revoke_url: Some("https://wbsapi.withings.net/v2/oauth2"),
        // API reference: getmeas needs user.metrics, getworkouts needs user.activity. user.info is
        // not needed for either, and applications without a contract may not be given it.
        scopes: &["user.metrics", "user.activity"],
        // API reference: the scopes are separated by commas.
        scope_separator: ",",
        // API reference: client_id and client_secret are form parameters.
        client_auth: ClientAuth::Body,
        // API reference: no PKCE parameters are documented.
        pkce: false,
        authorize_params: &[],
        // API reference: calls to the token address must name an action.
        token_params: &[("action", "requesttoken")],
    }),
    api_url: "https://wbsapi.withings.net",
    feeds: &[
        Feed {
            name: "measure",
            kinds: &[
                Kind::Measurement(MeasurementType::Weight),
                Kind::Measurement(MeasurementType::Height),
                Kind::Measurement(MeasurementType::BodyFat),
                Kind::Measurement(MeasurementType::FatMass),
                Kind::Measurement(MeasurementType::FatFreeMass),
                Kind::Measurement(MeasurementType::MuscleMass),
                Kind::Measurement(MeasurementType::BoneMass),
                Kind::Measurement(MeasurementType::WaterMass),
                Kind::Measurement(MeasurementType::HeartRate),
                Kind::Measurement(MeasurementType::Systolic),
                Kind::Measurement(MeasurementType::Diastolic),
                Kind::Measurement(MeasurementType::BodyTemperature),
                Kind::Measurement(MeasurementType::Spo2),
            ],
            // API reference: `lastupdate` filters by the time of modification. What is deleted is
            // in no answer.
            trailing: Duration::ZERO,
            wide: WIDE,
            scopes: &["user.metrics"],
        },
        Feed {
            name: "workouts",
            kinds: &[Kind::Exercise],
            trailing: Duration::ZERO,
            wide: WIDE,
            scopes: &["user.activity"],
        },
    ],
    push: &[],
    // API reference: 120 calls a minute for one application, all its users together.
    limits: &[Limit::app(120, Duration::from_secs(60))],
    retry_wait: Duration::from_secs(60),
    // The first scales were sold in 2009: everything a user has is read.
    backfill: Duration::from_secs(20 * 365 * 24 * 60 * 60),
    read_error: api::read_error,
    read_limits: |_| Vec::new(),
    ended: None,
};

/// One call more for most users.
const WIDE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[async_trait]
impl Partner for Withings {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, _feed: &str, cursor: &Cursor) -> Option<String> {
        sync::stands(cursor)
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        let sync = sync::SyncState::of(request)?;
        match request.feed.name {
            "measure" => {
                let answer = api::measures(session, &sync).await?;
                // Without the list the cursor stays unchanged, until the list is there.
                let Some(groups) = answer.measuregrps else { return Ok(Page::default()) };
                let newest = api::newest_modified(&groups);
                let mut page = Page::default();
                map::groups(&mut page, groups, &answer.timezone);
                sync.go_on(page, newest, answer.updatetime, &answer.paging)
            }
            "workouts" => {
                let answer = api::workouts(session, &sync).await?;
                let Some(series) = answer.series else { return Ok(Page::default()) };
                let newest = api::newest_modified(&series);
                let mut page = Page::default();
                map::workouts(&mut page, series);
                sync.go_on(page, newest, None, &answer.paging)
            }
            _ => Err(PartnerError::Malformed("Withings has no feed of this name".into())),
        }
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(self)
    }

    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        token::read(reply)
    }

    async fn external_user_id(&self, _: &Session, token: &Value) -> Result<String, PartnerError> {
        token::user_id(token)
    }

    async fn revoke(&self, session: &Session, grant: &Grant) -> Result<(), PartnerError> {
        token::revoke(session, grant).await
    }
}
