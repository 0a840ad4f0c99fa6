//! The change feed.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::connection_view::{ConnectionView, views};
use super::records::RecordView;
use crate::model::{ChangeCause, ChangeKind};
use crate::store::{Change, ChangeOf, ChangesOf, NotAPlace, Place};
use crate::web::auth::AppKey;
use crate::web::{Problem, State, paging};

/// One change: exactly one of `record` and `connection` is present.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeView {
    /// The position of this change. Pass it as `cursor` to continue after it.
    cursor: String,
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
}

/// A place as a cursor: the feed, the number of the change, and when it happened.
pub(super) fn cursor(Place { feed, seq, at }: &Place) -> String {
    format!("{feed}.{seq}.{at:x}")
}

fn place(text: &str) -> Result<Place, Problem> {
    let parsed = || {
        let (feed, rest) = text.split_once('.')?;
        let (seq, at) = rest.split_once('.')?;
        let feed = feed.to_owned();
        Some(Place { feed, seq: seq.parse().ok()?, at: i64::from_str_radix(at, 16).ok()? })
    };
    // Only as it was written, which has no sign, blank or zero in front.
    parsed().filter(|place| place.seq > 0 && cursor(place) == text).ok_or_else(paging::bad_cursor)
}

fn gone(refusal: &NotAPlace) -> Problem {
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

/// All changes of all users' records and connections, in order. No change is repeated or missed.
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
    let found = state.store().changes(after, of, limit).await?.map_err(|why| gone(&why))?;
    let next_cursor = paging::next(&found, |change| cursor(&change.place));
    let changes = view(&state, found.rows).await?;
    Ok(HttpResponse::Ok().json(ChangeList { changes, next_cursor }))
}

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
