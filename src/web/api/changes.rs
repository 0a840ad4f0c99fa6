//! The change feed.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connection_view::{ConnectionView, views};
use super::records::RecordView;
use crate::events::event_type;
use crate::model::{ChangeCause, ChangeKind};
use crate::store::{Change, ChangeOf, ChangesOf, Listed, NotAPlace, Place};
use crate::web::auth::AppKey;
use crate::web::{Problem, State, paging};

/// One change: exactly one of `record` and `connection` is present.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeView {
    /// The position of this change. Pass it as `cursor` to continue after it.
    pub(super) cursor: String,
    /// What happened.
    change: ChangeKind,
    #[schema(format = DateTime)]
    at: String,
    /// Why; null in lines of versions that did not note it, and where a partner ended its service.
    cause: Option<ChangeCause>,
    /// The partner whose sync changed the record, or the connection's partner; null for changes by
    /// the host app.
    partner: Option<String>,
    /// The record in its current state, if it was `created`, `updated` or `deleted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    record: Option<RecordView>,
    /// Otherwise the connection in its current state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    connection: Option<ConnectionView>,
}

impl ChangeView {
    /// The record or the connection.
    pub(super) fn into_parts(self) -> (Option<RecordView>, Option<ConnectionView>) {
        (self.record, self.connection)
    }

    /// What happened to what, as the type of an event.
    pub(super) fn event_type(&self) -> &'static str {
        event_type(self.change)
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ChangeList {
    changes: Vec<ChangeView>,
    /// Null if there are no more changes now. To continue later, pass the `cursor` of the last
    /// change.
    next_cursor: Option<String>,
}

/// Changes of one sort.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Only {
    Records,
    Connections,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only changes of records, or only those of connections. Default: both.
    #[param(inline)]
    only: Option<Only>,
    /// The `next_cursor` of the previous page, or the `cursor` of the last change read. If missing,
    /// the feed starts at its beginning.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// The maximum number of changes.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// If there is nothing after the cursor: wait until there is, but at most this long (e.g. `30s`,
    /// at most `1m`).
    #[param(pattern = r"^([0-5]?[0-9]{1,4}ms|60000ms|[0-5]?[0-9]s|60s|[01]m)$", example = "30s")]
    wait: Option<String>,
}

/// The longest time a request is kept open.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The pause between two looks while changes come that were not asked for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A place as a cursor: the feed, the number of the change, and when it happened.
pub(super) fn cursor(Place { feed, seq, at }: &Place) -> String {
    format!("{feed}.{seq}.{at:x}")
}

pub(super) fn place(text: &str) -> Result<Place, Problem> {
    let parsed = || {
        let (feed, rest) = text.split_once('.')?;
        let (seq, at) = rest.split_once('.')?;
        let feed = feed.to_owned();
        Some(Place { feed, seq: seq.parse().ok()?, at: i64::from_str_radix(at, 16).ok()? })
    };
    // Only as it was written, which has no sign, blank or zero in front.
    let is_place = |place: &Place| place.seq > 0 || place.is_beginning();
    parsed().filter(|place| is_place(place) && cursor(place) == text).ok_or_else(paging::bad_cursor)
}

pub(super) fn gone(refusal: &NotAPlace) -> Problem {
    let (kind, detail) = match refusal {
        NotAPlace::Ahead(end) => {
            let end = match end {
                Some(end) => format!("this feed ends at {}", cursor(end)),
                None => "this feed is empty".to_owned(),
            };
            ("cursor-ahead", format!("cursor: {end}, before it"))
        }
        NotAPlace::OfAnotherFeed => {
            ("cursor-of-another-feed", "cursor: it was given by another database".to_owned())
        }
    };
    let detail = format!(
        "{detail}, as after the restore of a backup; read the feed from its beginning, without a cursor"
    );
    Problem::new(StatusCode::GONE, kind, detail)
}

/// All changes of all users' records and connections, in order. No change is repeated or missed. Of
/// changes older than the setting `retention.changes` only the last of each record and connection is
/// kept, which may then be `updated` without a `created` before it.
#[utoipa::path(operation_id = "list_changes", tag = "data", security(("key" = [])), params(Asked),
    responses(
        (status = 200, description = "A page of changes", body = ChangeList),
        (status = 410, description = "The cursor lies beyond the end (`cursor-ahead`) or is one of another database (`cursor-of-another-feed`), as after the restore of a backup: read the feed from its beginning", body = Problem),
    ))]
#[get("/v1/changes")]
pub(super) async fn list(
    _: AppKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let after = asked.cursor.as_deref().map(place).transpose()?;
    let of = match asked.only {
        None => ChangesOf::Both,
        Some(Only::Records) => ChangesOf::Records,
        Some(Only::Connections) => ChangesOf::Connections,
    };
    let wait = wait(asked.wait.as_deref())?;
    let found = read(&state, after, of, limit, wait).await?;
    let next_cursor = paging::next(&found, |change| cursor(&change.place));
    let changes = view(&state, found.rows).await?;
    Ok(HttpResponse::Ok().json(ChangeList { changes, next_cursor }))
}

fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    humantime::parse_duration(text).ok().filter(|wait| *wait <= LONGEST_WAIT).ok_or_else(|| {
        Problem::bad_request("bad-query", "wait is a duration such as `30s`, at most `1m`")
    })
}

/// The changes after a place; waits for some if there are none yet.
async fn read(
    state: &State,
    after: Option<Place>,
    of: ChangesOf,
    limit: i64,
    wait: Duration,
) -> Result<Listed<Change>, Problem> {
    let until = tokio::time::Instant::now() + wait;
    // Before the first look, so that no change falls between the two.
    let mut feed = state.store().feed_moved();
    let mut pause = Duration::ZERO;
    loop {
        feed.mark_unchanged();
        let found = state.store().changes(after.clone(), of, limit).await?;
        let found = found.map_err(|why| gone(&why))?;
        if !found.rows.is_empty() || tokio::time::Instant::now() >= until {
            return Ok(found);
        }
        tokio::time::sleep_until(until.min(tokio::time::Instant::now() + pause)).await;
        // What comes first is looked at at once.
        pause = BETWEEN_LOOKS;
        tokio::select! {
            moved = feed.changed() => if moved.is_err() { return Ok(found) },
            () = tokio::time::sleep_until(until) => return Ok(found),
            () = state.streams.closing.cancelled() => return Ok(found),
        }
    }
}

/// How the API shows changes, in their order.
pub(super) async fn view(state: &State, changes: Vec<Change>) -> Result<Vec<ChangeView>, Problem> {
    let connections = changes.iter().filter_map(|change| match &change.of {
        ChangeOf::Connection(connection) => Some(connection.as_ref().clone()),
        ChangeOf::Record(_) => None,
    });
    let mut connections = views(state, connections.collect()).await?.into_iter();
    let view = |change: Change| {
        let (record, connection) = match change.of {
            ChangeOf::Record(record) => (Some(RecordView::from(*record)), None),
            ChangeOf::Connection(_) => (None, connections.next()),
        };
        let at = change.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let cursor = cursor(&change.place);
        let Change { change, cause, partner, .. } = change;
        ChangeView { cursor, change, at, cause, partner, record, connection }
    };
    Ok(changes.into_iter().map(view).collect())
}
