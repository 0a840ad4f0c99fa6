//! The change feed as a stream of server-sent events.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::changes::{cursor, gone, place};
use super::stream_body::StreamBody;
use super::stream_tokens::StreamAccess;
use crate::feed::{Hub, NotNow};
use crate::model::UserId;
use crate::settings;
use crate::store::Place;
use crate::web::auth::AppKey;
use crate::web::methods::is_head;
use crate::web::{Problem, State};

/// How many listeners read from the database at the same time: after a restart all come at once, and
/// others need it, too.
const READERS: usize = 2;

/// How long one waits for its turn.
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// A stream that was opened with a key ends after about this time, and the client opens it again: a key
/// that was revoked meanwhile does not listen on.
const LIFE_OF_KEYS: TimeDelta = TimeDelta::hours(1);

/// How many streams of one user tokens open at the same time.
const MOST_BY_TOKENS: usize = 64;

/// How long a client waits before it opens a stream again, in milliseconds.
const RETRY_MS: u32 = 2_000;

/// What streams share.
#[derive(Clone, Debug)]
pub struct Streams {
    /// All who listen.
    pub(in crate::web) hub: Arc<Hub>,
    /// The daemon stops.
    pub(in crate::web) closing: CancellationToken,
    pub(super) readers: Arc<Semaphore>,
    /// The end of the feed, and what [`Store::feed_moved`](crate::store::Store::feed_moved) said then.
    end: Arc<Mutex<Option<(u64, Place)>>>,
    pub(in crate::web) settings: Arc<settings::Streams>,
}

impl Streams {
    /// Streams without listeners.
    pub fn new(settings: settings::Streams) -> Self {
        Self {
            hub: Arc::default(),
            closing: CancellationToken::new(),
            readers: Arc::new(Semaphore::new(READERS)),
            end: Arc::default(),
            settings: Arc::new(settings),
        }
    }

    /// The end of the feed, if it was asked for since the last change.
    fn known_end(&self, moved: u64) -> Option<Place> {
        let known = self.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|(at, _)| *at == moved).map(|(_, end)| end)
    }

    /// How many streams are open.
    pub fn count(&self) -> usize {
        self.hub.count()
    }

    /// Ends all streams and all requests that wait for changes, and begins no other.
    pub fn close(&self) {
        self.closing.cancel();
        self.hub.close();
    }
}

/// The beginning of a stream, for the document.
const EVENTS: &str = concat!(
    "retry: 2000\nid: 7c1c15119603d411.481.6618a80f2c1d0\n\n",
    "id: 7c1c15119603d411.482.6618a81381148\nevent: record.created\n",
    "data: {\"cursor\":\"7c1c15119603d411.482.6618a81381148\",\"change\":\"created\",\"record\":{…},…}\n\n",
    ": nothing new\n\n",
);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The `cursor` of the last change read. `Last-Event-ID` takes precedence. Without either the
    /// stream starts now.
    #[param(max_length = 512)]
    cursor: Option<String>,
}

/// All changes of all users as server-sent events, from now on or after a cursor. Each has the change's
/// cursor as its `id`, a type such as `record.created` or `connection.connected`, and as its `data` the
/// object that `GET /v1/changes` has. The first event has only an `id`: where the stream starts. A
/// comment is sent when nothing else was for 15 seconds. A client that opens the stream again with
/// `Last-Event-ID` misses nothing and gets nothing twice; it has to now and then, because a stream ends
/// after an hour or a little more.
#[utoipa::path(operation_id = "stream_changes", tag = "data", security(("key" = [])),
    params(Asked, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read")),
    responses(
        (status = 200, description = "Events, until either side ends the stream", body = String, content_type = "text/event-stream", example = json!(EVENTS)),
        (status = 410, description = "The cursor lies beyond the end (`cursor-ahead`) or is one of another database (`cursor-of-another-feed`), as after the restore of a backup: read the feed from its beginning", body = Problem),
        (status = 503, description = "The daemon stops (`stopping`), or too many streams are being opened (`too-many-streams`)", body = Problem),
    ))]
#[get("/v1/changes/stream")]
pub(super) async fn of_all(
    _: AppKey,
    asked: web::Query<Asked>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let expires_at = of_key(&state);
    let whose = Whose { user: None, most: None };
    open(&request, state, whose, asked.into_inner(), expires_at).await
}

/// The changes of one user as server-sent events, like `GET /v1/changes/stream`. Takes an API key, or a
/// token from `POST /v1/users/{user}/stream-tokens`, with which a phone or a browser can listen; the
/// stream then ends when the token expires. Web pages need their origin in the setting
/// `streams.origins`.
#[utoipa::path(operation_id = "stream_user", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), Asked,
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was read")),
    responses(
        (status = 200, description = "Events, until either side ends the stream", body = String, content_type = "text/event-stream", example = json!(EVENTS)),
        (status = 401, description = "The key is not known; or the token is not one for this user's stream (`bad-stream-token`), or has expired (`stream-token-expired`)", body = Problem),
        (status = 410, description = "The cursor lies beyond the end (`cursor-ahead`) or is one of another database (`cursor-of-another-feed`), as after the restore of a backup: read the user's records again", body = Problem),
        (status = 429, description = "With a token: too many streams of this user are open (`too-many-streams-of-user`)", body = Problem),
        (status = 503, description = "The daemon stops (`stopping`), or too many streams are being opened (`too-many-streams`)", body = Problem),
    ))]
#[get("/v1/users/{user}/stream")]
pub(super) async fn of_user(
    access: StreamAccess,
    user: web::Path<UserId>,
    asked: web::Query<Asked>,
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let expires_at = access.expires_at.unwrap_or_else(|| of_key(&state));
    let most = access.expires_at.map(|_| MOST_BY_TOKENS);
    let whose = Whose { user: Some(user.into_inner()), most };
    open(&request, state, whose, asked.into_inner(), expires_at).await
}

/// When a stream that is opened with a key now ends. Not all at once.
fn of_key(state: &State) -> DateTime<Utc> {
    state.now() + LIFE_OF_KEYS + TimeDelta::seconds(rand::random_range(0..900))
}

/// The end of the feed for one who goes on after a place. The database is asked once for all who start
/// between two changes.
async fn end(state: &State, after: Option<&Place>) -> Result<Place, Problem> {
    let streams = &state.streams;
    // Before the database is asked: a change that comes meanwhile makes it ask again.
    let moved = *state.store().feed_moved().borrow();
    let known = || streams.known_end(moved).filter(|end| after.is_none_or(|place| place == end));
    if let Some(end) = known() {
        return Ok(end);
    }
    let turn = tokio::time::timeout(LONGEST_TURN, streams.readers.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        let detail = "too many streams are being opened; open it again in a moment";
        return Err(Problem::unavailable("too-many-streams", detail));
    };
    if let Some(end) = known() {
        return Ok(end);
    }
    let end = state.store().feed_end(after.cloned()).await?.map_err(|why| gone(&why))?;
    let mut last = streams.end.lock().unwrap_or_else(PoisonError::into_inner);
    *last = Some((moved, end.clone()));
    Ok(end)
}

/// Whose changes are listened to.
struct Whose {
    /// Of all users without one.
    user: Option<UserId>,
    /// How many may listen to the user at the same time who came like this.
    most: Option<usize>,
}

async fn open(
    request: &HttpRequest,
    state: web::Data<State>,
    whose: Whose,
    asked: Asked,
    expires_at: DateTime<Utc>,
) -> Result<HttpResponse, Problem> {
    let last = request.headers().get("last-event-id").filter(|id| !id.is_empty());
    // What is no text is no cursor either.
    let last = last.map(|id| id.to_str().unwrap_or("?"));
    let after = last.or(asked.cursor.as_deref()).map(place).transpose()?;
    let end = end(&state, after.as_ref()).await?;
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream");
    // For nginx, which otherwise holds back what it gets.
    response.insert_header(("X-Accel-Buffering", "no"));
    if is_head(request) {
        return Ok(response.finish());
    }
    let start = after.as_ref().unwrap_or(&end);
    let listener = state.streams.hub.listen(whose.user, start.seq, end.seq, whose.most);
    let listener = listener.map_err(|why| match why {
        NotNow::Closed => {
            Problem::unavailable("stopping", "the daemon stops; open the stream again in a moment")
        }
        NotNow::Full => {
            let detail = format!("{MOST_BY_TOKENS} streams of this user are open; close one");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams-of-user", detail)
        }
    })?;
    let first = format!("retry: {RETRY_MS}\nid: {}\n\n", cursor(start));
    let body = StreamBody::new(state, listener, Bytes::from(first), expires_at);
    Ok(response.streaming(body))
}
