//! Strava: activities, read and written.
//!
//! Sources of the facts in this crate: "Authentication", "Rate Limits" and "API reference" are
//! pages of Strava's developer site (developers.strava.com/docs); "seen in the field" is what
//! published clients rely on. Since June 2026 the owner of an application needs a paid Strava
//! subscription ("Getting Started").

mod api;
mod map;
mod push_subscription;
mod sports;
mod sync;

use std::time::Duration;

use partner_sdk::chrono::TimeDelta;
use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::Value;
use partner_sdk::{
    Action, Auth, ClientAuth, Cursor, Feed, Grant, Kind, Limit, Manifest, Notifier, OAuth2, Page,
    Partner, PartnerError, PollRequest, PushRequest, Pushed, RemoteRecord, Reply, Session, Update,
    Writable, async_trait,
};

/// The partner Strava.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strava;

pub(crate) const QUARTER: Duration = Duration::from_secs(15 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything about Strava that is plain data.
pub static MANIFEST: Manifest = Manifest {
    name: "strava",
    title: "Strava",
    auth: Auth::OAuth2(OAuth2 {
        // "Authentication": the addresses, and client_id and client_secret as parameters of the body.
        authorize_url: "https://www.strava.com/oauth/authorize",
        token_url: "https://www.strava.com/oauth/token",
        revoke_url: Some("https://www.strava.com/oauth/deauthorize"),
        // Same page: `activity:read_all` adds what only the user may see. Both are requested, so
        // that a user can untick it and still share the rest.
        scopes: &["read", "activity:read", "activity:read_all", "activity:write"],
        // Same page: the scopes are separated by commas.
        scope_separator: ",",
        client_auth: ClientAuth::Body,
        pkce: false,
        authorize_params: &[("approval_prompt", "auto")],
        token_params: &[],
    }),
    api_url: "https://www.strava.com/api/v3",
    feeds: &[Feed {
        name: "activities",
        kinds: &[Kind::Exercise],
        // API reference, "List Athlete Activities": it filters by the start, so late uploads,
        // corrections and deletions are found only within this time.
        trailing: Duration::from_secs(14 * DAY.as_secs()),
        // With 200 to a page that is one call more for most users; details are read only of what is
        // new in the list.
        wide: Duration::from_secs(180 * DAY.as_secs()),
        scopes: &["activity:read", "activity:read_all"],
    }],
    push: &[Writable {
        kinds: &[Kind::Exercise],
        // API reference, "Update Activity": name and sport can be changed, but no time, duration or
        // distance, which make up a record. No call deletes an activity.
        update: Update::Never,
        delete: false,
        day_only: false,
        batch: 1,
        scopes: &["activity:write"],
    }],
    // "Rate Limits": the default of an application. The headers report a larger one.
    limits: &[
        Limit::app(200, QUARTER).fixed(),
        Limit::app(2_000, DAY).fixed(),
        Limit::app(100, QUARTER).fixed().of_reads(),
        Limit::app(1_000, DAY).fixed().of_reads(),
    ],
    retry_wait: QUARTER,
    // Each activity costs a call, and all users of the application share 1,000 a day.
    backfill: Duration::from_secs(365 * DAY.as_secs()),
    read_error: api::read_error,
    read_limits: api::read_limits,
    ended: None,
};

#[async_trait]
impl Partner for Strava {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn describe_cursor(&self, _feed: &str, cursor: &Cursor) -> Option<String> {
        sync::stands(cursor)
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        sync::SyncState::of(request)?.read_page(session, request).await
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        if request.action != Action::Create {
            return Err(PartnerError::Rejected("Strava takes no changes of an activity".into()));
        }
        let form = map::form(request)?;
        let reply = session.post("/activities").form(&form).write().await?;
        Ok(Pushed::there(readable(map::activity(reply.json()?, request.time_zone))?))
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        // API reference, "List Athlete Activities": both ends are exclusive.
        let (after, before) = request.about(TimeDelta::minutes(2));
        let about = [("after", after), ("before", before)];
        let about = about.map(|(name, time)| (name, time.timestamp().to_string()));
        let listed: Vec<Value> = session.get(api::LIST).query(&about).fetch().await?;
        if listed.len() > MOST_AT_ONE_TIME {
            let why = "it lists more activities of four minutes than a page of its lists has";
            return Err(PartnerError::Malformed(why.into()));
        }
        let mut found = Vec::new();
        for raw in listed {
            let listed = sync::Listed::of(&raw).ok_or(UNREADABLE)?;
            if let Some(details) = api::details(session, listed.id).await? {
                found.push(readable(map::activity(details, request.time_zone))?);
            }
        }
        Ok(found)
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(self)
    }

    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        api::token_reply(reply)
    }

    /// "Authentication": the first exchange names the athlete; a refresh does not.
    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError> {
        let id = |athlete: &Value| athlete.get("id").and_then(Value::as_u64);
        let named = match token.get("athlete").and_then(id) {
            Some(named) => Some(named),
            None => id(&session.get("/athlete").fetch::<Value>().await?),
        };
        let unnamed = || PartnerError::Malformed("the answer about the athlete has no id".into());
        named.map(|id| id.to_string()).ok_or_else(unnamed)
    }

    /// "Authentication", "Deauthorization": only the access token is sent.
    async fn revoke(&self, session: &Session, grant: &Grant) -> Result<(), PartnerError> {
        let Some(url) = &session.endpoints().revoke_url else { return Ok(()) };
        let form = [("access_token", grant.access_token.expose_secret())];
        session.post_url(url).anonymous().form(&form).send().await.map(drop)
    }
}

/// API reference, "List Athlete Activities": 30 a page by default. A look-up is about four minutes,
/// and costs a call for each.
const MOST_AT_ONE_TIME: usize = 30;

const UNREADABLE: PartnerError = PartnerError::Malformed(std::borrow::Cow::Borrowed(
    "the activity is not of the documented form",
));

/// For calls that return one record: an unreadable one is an error.
fn readable<E>(read: Result<RemoteRecord, E>) -> Result<RemoteRecord, PartnerError> {
    read.map_err(|_| UNREADABLE)
}
