//! The change feed.

use actix_web::{HttpResponse, get, web};
use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::records::RecordView;
use crate::store::Change;
use crate::web::auth::AppKey;
use crate::web::{Problem, State, paging};

/// One change of one record.
#[derive(Debug, Serialize, ToSchema)]
struct ChangeView {
    /// The position of this change. Pass it as `cursor` to continue after it.
    cursor: String,
    /// `created`, `updated` or `deleted`.
    change: String,
    at: String,
    /// The record in its current state.
    record: RecordView,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        Self {
            cursor: change.seq.to_string(),
            change: change.change,
            at: change.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            record: change.record.into(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct ChangeList {
    changes: Vec<ChangeView>,
    /// Null if there are no more changes now. To continue later, pass the `cursor` of the last
    /// change.
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The `next_cursor` of the previous page, or the `cursor` of the last change read. If missing,
    /// the feed starts at its beginning.
    cursor: Option<String>,
    /// The maximum number of changes, 1 to 1000. Default 100.
    limit: Option<u32>,
}

/// All changes of all users' records, in order. No change is repeated or missed.
#[utoipa::path(operation_id = "list_changes", tag = "data", security(("key" = [])), params(Asked),
    responses((status = 200, description = "A page of changes", body = ChangeList)))]
#[get("/v1/changes")]
pub(super) async fn list(
    _: AppKey,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let limit = paging::limit(asked.limit)?;
    let after = match &asked.cursor {
        Some(cursor) => paging::number(cursor)?,
        None => 0,
    };
    let changes = state.store().changes(after, limit).await?;
    let next_cursor = paging::next(&changes, |change| change.seq.to_string());
    let changes = changes.rows.into_iter().map(ChangeView::from).collect();
    Ok(HttpResponse::Ok().json(ChangeList { changes, next_cursor }))
}
