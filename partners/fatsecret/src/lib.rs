//! FatSecret: the food diary and body weight.
//!
//! Sources of the facts in this crate: "API reference" is FatSecret's Platform API documentation
//! (platform.fatsecret.com/docs); "seen in the field" is an observation published by users of the
//! API.

mod api;
mod days;
mod diary;
mod sync;
mod weight;

use std::time::Duration;

use partner_sdk::{
    Auth, Cursor, Feed, Kind, Limit, Manifest, MeasurementType, OAuth1, Page, Partner,
    PartnerError, Placement, PollRequest, PushRequest, Pushed, RemoteRecord, Reply, Session,
    TokenMethod, Update, Writable, async_trait, form_token_reply, serde_json::Value,
};
use sha2::{Digest, Sha256};

/// The partner FatSecret.
#[derive(Clone, Copy, Debug, Default)]
pub struct FatSecret;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything about FatSecret that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "fatsecret",
    title: "FatSecret",
    // API reference, "3-Legged Authentication": user data needs OAuth 1.0; OAuth 2.0 is for the
    // public food database only. Methods and addresses are from the same page.
    auth: Auth::OAuth1(OAuth1 {
        request_token_url: "https://authentication.fatsecret.com/oauth/request_token",
        request_token_method: TokenMethod::Post,
        authorize_url: "https://authentication.fatsecret.com/oauth/authorize",
        token_url: "https://authentication.fatsecret.com/oauth/access_token",
        token_method: TokenMethod::Get,
        placement: Placement::Header,
    }),
    api_url: "https://platform.fatsecret.com",
    feeds: &[
        // Months report sums, days report entries: see `sync`. A sync that finds nothing new takes
        // one call, and up to four more every six hours; a wide look, three.
        Feed {
            name: "diary",
            kinds: &[Kind::Nutrition],
            trailing: RECENT,
            wide: WIDE,
            scopes: &[],
        },
        Feed {
            name: "weight",
            kinds: &[Kind::Measurement(MeasurementType::Weight)],
            trailing: RECENT,
            wide: WIDE,
            scopes: &[],
        },
    ],
    push: &[
        // API reference, "weight.update": it writes the weight of a day and replaces an existing
        // one; no method deletes a weight. A diary entry is an amount of a food of FatSecret's own
        // database, which a record does not name: so the diary is read only.
        Writable {
            kinds: &[Kind::Measurement(MeasurementType::Weight)],
            update: Update::InPlace,
            delete: false,
            day_only: true,
            batch: 1,
            scopes: &[],
        },
    ],
    // API reference, "Editions": 5000 calls a day in the smallest edition. When the day begins is
    // not documented.
    limits: &[Limit::app(5_000, DAY)],
    // API reference, "Error codes": the error for a reached limit does not say when it ends.
    retry_wait: Duration::from_secs(30 * 60),
    // One call for each month and one for each day with entries: for some users more than a year
    // would use up the application's daily limit.
    backfill: Duration::from_secs(365 * 24 * 60 * 60),
    read_error: api::read_error,
    read_limits: |_| Vec::new(),
    ended: None,
};

/// Days before today that users may still complete.
const RECENT: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// One call for each month that begins or ends in it.
const WIDE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

#[async_trait]
impl Partner for FatSecret {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, _feed: &str, cursor: &Cursor) -> Option<String> {
        sync::stands(cursor)
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        match request.feed.name {
            "diary" => diary::poll(session, request).await,
            "weight" => weight::poll(session, request).await,
            _ => Err(PartnerError::Malformed("FatSecret has no feed of this name".into())),
        }
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        weight::push(session, request).await
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        weight::find_existing(session, request).await
    }

    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        api::read_token_error(reply).map_or_else(|| form_token_reply(reply), Err)
    }

    /// No call returns a user id (API reference, "profile.get"). The token identifies the grant as
    /// long as it lasts; its digest does not reveal it.
    async fn external_user_id(&self, _: &Session, token: &Value) -> Result<String, PartnerError> {
        let token = token.get("oauth_token").and_then(Value::as_str);
        let token = token.ok_or(PartnerError::Malformed("the token answer has no token".into()))?;
        let digest = Sha256::digest(token.as_bytes());
        Ok(digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect())
    }
}
