//! Fitbit: body weight, body fat, exercises and food of the Fitbit Web API, read and written.
//!
//! The vendor has ended the service: support ended on 30 September 2026, and since 2 November 2026
//! every call, token calls included, is answered with HTTP 410 ("About the Google Health API").
//! That answer is [`PartnerError::Gone`]. A simulator of the service, at an address of its own, can
//! still be connected. Grants do not carry over to the successor.
//!
//! Sources of the facts in this crate: quoted titles are pages of the vendor's "Web API Reference"
//! (dev.fitbit.com/build/reference/web-api); "API description" is its OpenAPI document; "seen in
//! the field" is what published clients rely on.

mod activities;
mod activity_names;
mod api;
mod body;
mod food;
mod subscriptions;
mod walk;

use std::time::Duration;

use partner_sdk::serde_json::Value;
use partner_sdk::{
    Auth, ClientAuth, Cursor, Feed, Grant, Kind, Limit, Manifest, MeasurementType, Notifier,
    OAuth2, Page, Partner, PartnerError, PollRequest, PushRequest, Pushed, RemoteRecord, Reply,
    Session, Update, Writable, async_trait,
};

/// The partner Fitbit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fitbit;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * DAY.as_secs())
}

const WEIGHT: Kind = Kind::Measurement(MeasurementType::Weight);
const BODY_FAT: Kind = Kind::Measurement(MeasurementType::BodyFat);

/// Everything about Fitbit that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "fitbit",
    title: "Fitbit",
    auth: Auth::OAuth2(OAuth2 {
        // "Authorize", "OAuth2 Token", "Revoke Token".
        authorize_url: "https://www.fitbit.com/oauth2/authorize",
        token_url: "https://api.fitbit.com/oauth2/token",
        revoke_url: Some("https://api.fitbit.com/oauth2/revoke"),
        // "Scope": `weight` covers weight and fat, `nutrition` food, `activity` exercises.
        scopes: &["activity", "nutrition", "weight"],
        scope_separator: " ",
        // "OAuth2 Token": server applications authenticate with the header.
        client_auth: ClientAuth::Basic,
        // "Authorize": S256, recommended for every type of application.
        pkce: true,
        authorize_params: &[],
        token_params: &[],
    }),
    api_url: "https://api.fitbit.com",
    // No list can be filtered by change, so days are read again. A sync that finds nothing new is 5
    // calls: one each for weight, fat and exercises, and two for food (today and yesterday); once
    // an hour there are two more for food. With a sync every five minutes that is 62 of the 150
    // calls an hour.
    feeds: &[
        // Four weeks of a body log, with tomorrow and a spare day, are the 31 days that one call
        // returns: rereading fewer would save nothing.
        // A wide look takes six calls more.
        Feed {
            name: "weight",
            kinds: &[WEIGHT],
            trailing: days(28),
            wide: days(180),
            scopes: &["weight"],
        },
        Feed {
            name: "fat",
            kinds: &[BODY_FAT],
            trailing: days(28),
            wide: days(180),
            scopes: &["weight"],
        },
        // One call returns 100 activities, more than most users record in four weeks. A tracker
        // that did not sync for weeks brings old ones.
        Feed {
            name: "activities",
            kinds: &[Kind::Exercise],
            trailing: days(28),
            wide: days(180),
            scopes: &["activity"],
        },
        // One day per call: of these two weeks the days before yesterday are read in turn. A wide
        // look takes 14 calls at once, and the rest in the syncs that follow.
        Feed {
            name: "foods",
            kinds: &[Kind::Nutrition],
            trailing: days(13),
            wide: days(28),
            scopes: &["nutrition"],
        },
    ],
    push: &[
        Writable {
            kinds: &[WEIGHT, BODY_FAT],
            // "Body": logs are created and deleted.
            update: Update::Replace,
            delete: true,
            day_only: false,
            batch: 1,
            scopes: &["weight"],
        },
        Writable {
            kinds: &[Kind::Exercise],
            // "Activity": the same.
            update: Update::Replace,
            delete: true,
            day_only: false,
            batch: 1,
            scopes: &["activity"],
        },
        Writable {
            kinds: &[Kind::Nutrition],
            // "Update Food Log" changes only the meal and the amount, not the food.
            update: Update::Replace,
            delete: true,
            day_only: true,
            batch: 1,
            scopes: &["nutrition"],
        },
    ],
    // "Rate Limits": 150 calls an hour for each user who consented, reset at the top of the hour.
    limits: &[Limit::connection(150, api::HOUR).fixed()],
    // Same page: the hour is over by then.
    retry_wait: api::HOUR,
    // A first sync of a year is 12 calls each for weight and fat, about 4 for exercises and 14 for
    // food: well within the 150 an hour. The rest of the year's food, one call a day, follows in
    // later syncs, 3 days in each (see `walk`). However long the configured backfill is, a sync
    // stays at a few dozen calls.
    backfill: days(365),
    read_error: api::read_error,
    read_limits: api::read_limits,
    // "About the Google Health API".
    ended: Some(
        "since 2 November 2026 every call is answered with 410; Google Health has taken its place, \
         where each user connects once more",
    ),
};

#[async_trait]
impl Partner for Fitbit {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, feed: &str, cursor: &Cursor) -> Option<String> {
        if feed == "activities" { activities::stands(cursor) } else { walk::stands(cursor) }
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        match request.feed.name {
            "weight" => body::poll(&body::WEIGHT, session, request).await,
            "fat" => body::poll(&body::FAT, session, request).await,
            "activities" => activities::poll(session, request).await,
            "foods" => food::poll(session, request).await,
            _ => Err(PartnerError::Malformed("Fitbit has no feed of this name".into())),
        }
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        match request.kind() {
            WEIGHT => body::push(&body::WEIGHT, session, request).await,
            BODY_FAT => body::push(&body::FAT, session, request).await,
            Kind::Exercise => activities::push(session, request).await,
            Kind::Nutrition => food::push(session, request).await,
            Kind::Measurement(_) => Err(api::not_taken()),
        }
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        match request.kind() {
            WEIGHT => body::find_existing(&body::WEIGHT, session, request).await,
            BODY_FAT => body::find_existing(&body::FAT, session, request).await,
            Kind::Exercise => activities::find_existing(session, request).await,
            Kind::Nutrition => food::find_existing(session, request).await,
            Kind::Measurement(_) => Ok(Vec::new()),
        }
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(self)
    }

    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        api::read_token(reply)
    }

    /// "OAuth2 Token": `user_id`, the user's encoded id.
    async fn external_user_id(&self, _: &Session, token: &Value) -> Result<String, PartnerError> {
        let id = token.get("user_id").and_then(Value::as_str).filter(|id| !id.is_empty());
        id.map(ToOwned::to_owned)
            .ok_or(PartnerError::Malformed("the token answer has no user_id".into()))
    }

    async fn revoke(&self, session: &Session, grant: &Grant) -> Result<(), PartnerError> {
        api::revoke(session, grant).await
    }
}
