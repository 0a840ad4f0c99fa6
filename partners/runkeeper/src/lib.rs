//! RunKeeper (ASICS Runkeeper): body weight, fitness activities and nutrition of the Health Graph.
//!
//! Sources of the facts in this crate: "Health Graph documentation" is RunKeeper's own, which is no
//! longer published and is cited from clients that quote it; "seen in the field" is what those
//! clients rely on. New applications have not been admitted since July 2018: the partner works for
//! holders of a client id.

mod activities;
mod api;
mod changes;
mod feed;
mod map;
mod push;
mod resource;
mod time;
mod write;

use std::time::Duration;

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Auth, ClientAuth, Cursor, Feed, Grant, Kind, Limit, Manifest, MeasurementType, OAuth2, Page,
    Partner, PartnerError, PollRequest, PushRequest, Pushed, RemoteRecord, Session, Update,
    Writable, async_trait,
};

/// The partner RunKeeper.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunKeeper;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A sync reads the change log first, and the feed only if the log reports something new. So a feed
/// costs one call while nothing changes, and two while something changed within the last day;
/// deletions are reported nowhere else. The time zone of the log's times and the feeds' days is not
/// documented, and no zone is more than a day off.
const TRAILING: Duration = DAY;

/// Health Graph documentation: POST, PUT and DELETE of single items. The permission for this ("Edit
/// Health Information") belongs to the application's registration and is no scope that users grant.
const WRITABLE: Writable = Writable {
    kinds: &[],
    update: Update::InPlace,
    delete: true,
    day_only: false,
    batch: 1,
    scopes: &[],
};

/// Everything about RunKeeper that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "runkeeper",
    title: "RunKeeper",
    auth: Auth::OAuth2(OAuth2 {
        // Health Graph documentation, "Registration and Authorization".
        authorize_url: "https://runkeeper.com/apps/authorize",
        token_url: "https://runkeeper.com/apps/token",
        revoke_url: Some("https://runkeeper.com/apps/de-authorize"),
        // Same page: permissions belong to the application's registration, not to the request.
        scopes: &[],
        scope_separator: " ",
        // Same page: client_id and client_secret are form parameters.
        client_auth: ClientAuth::Body,
        pkce: false,
        authorize_params: &[],
        token_params: &[],
    }),
    api_url: "https://api.runkeeper.com",
    feeds: &[
        Feed {
            name: "weight",
            kinds: &[
                Kind::Measurement(MeasurementType::Weight),
                Kind::Measurement(MeasurementType::BodyFat),
                Kind::Measurement(MeasurementType::FatFreeMass),
                Kind::Measurement(MeasurementType::FatMass),
                Kind::Measurement(MeasurementType::Bmi),
            ],
            trailing: TRAILING,
            wide: Duration::ZERO,
            scopes: &[],
        },
        Feed {
            name: "fitness_activities",
            kinds: &[Kind::Exercise],
            trailing: TRAILING,
            wide: Duration::ZERO,
            scopes: &[],
        },
        Feed {
            name: "nutrition",
            kinds: &[Kind::Nutrition],
            trailing: TRAILING,
            wide: Duration::ZERO,
            scopes: &[],
        },
    ],
    push: &[
        Writable {
            kinds: &[
                Kind::Measurement(MeasurementType::Weight),
                Kind::Measurement(MeasurementType::BodyFat),
            ],
            ..WRITABLE
        },
        Writable { kinds: &[Kind::Exercise], ..WRITABLE },
        Writable { kinds: &[Kind::Nutrition], ..WRITABLE },
    ],
    // RunKeeper has limits but publishes no figure. This limit is our own, chosen to be polite; the
    // waits that RunKeeper asks for when it refuses a call are obeyed in addition.
    limits: &[Limit::app(300, MINUTE)],
    // Seen in the field: its shortest window.
    retry_wait: Duration::from_secs(15 * MINUTE.as_secs()),
    // The service began in 2008: everything a user has is read.
    backfill: Duration::from_secs(20 * 365 * DAY.as_secs()),
    read_error: api::read_error,
    read_limits: |_| Vec::new(),
    ended: None,
};

#[async_trait]
impl Partner for RunKeeper {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, _feed: &str, cursor: &Cursor) -> Option<String> {
        feed::stands(cursor)
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        feed::SyncState::of(request)?.read(session, request).await
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        push::push(session, request).await
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        push::find_existing(session, request).await
    }

    /// Health Graph documentation, "Users": the token answer does not name the user.
    async fn external_user_id(
        &self,
        session: &Session,
        _token: &Value,
    ) -> Result<String, PartnerError> {
        let reply = api::get(session, "/user", "User").send().await?;
        let user: Value = api::in_utf8(reply).json()?;
        match user.get("userID") {
            Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Ok(id.to_string()),
            Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
            _ => Err(PartnerError::Malformed("the answer about the user has no userID".into())),
        }
    }

    /// Seen in the field: the access token is sent as a form parameter, and nothing else.
    async fn revoke(&self, session: &Session, grant: &Grant) -> Result<(), PartnerError> {
        let Some(url) = &session.endpoints().revoke_url else { return Ok(()) };
        let form = [("access_token", grant.access_token.expose_secret())];
        session.post_url(url).anonymous().form(&form).send().await.map(drop)
    }
}
