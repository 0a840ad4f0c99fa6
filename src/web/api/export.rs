//! What is here of a user, as JSON lines. Read and sent page by page: a long history fills no memory.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use futures_util::stream::{self, Stream};
use serde::Serialize;
use serde_json::json;

use super::connection_view::views;
use super::records::RecordView;
use super::timeline;
use crate::model::UserId;
use crate::store::{PartnerCopy, RecordFilter, StoreError};
use crate::sync::items::ItemState;
use crate::web::auth::AppKey;
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// How many rows are read at once.
const ROWS: i64 = 500;

/// A line: what it is, and its members.
#[derive(Serialize)]
struct Line<T> {
    r#type: &'static str,
    #[serde(flatten)]
    of: T,
}

/// What a partner has of a record.
#[derive(Serialize)]
struct CopyView {
    partner: String,
    external_id: Option<String>,
    state: ItemState,
    pushed_at: Option<DateTime<Utc>>,
}

impl From<PartnerCopy> for CopyView {
    fn from(copy: PartnerCopy) -> Self {
        let PartnerCopy { partner, external_id, state, pushed_at } = copy;
        Self { partner, external_id, state, pushed_at }
    }
}

/// A record and what partners have of it.
#[derive(Serialize)]
struct Exported {
    #[serde(flatten)]
    record: RecordView,
    partners: Vec<CopyView>,
}

/// What is sent next.
enum Step {
    Head,
    Records(Option<(i64, String)>),
    Syncs(Option<i64>),
    Done,
}

/// An export under way.
struct Export {
    state: State,
    user: UserId,
    step: Step,
    connections: usize,
    records: usize,
    syncs: usize,
}

/// Exports all that is here of a user as JSON lines. Each has a `type`: `user`, then each `connection`
/// (without its secrets), each `record` with the partners' ids of it, deleted ones included, each entry
/// of the timeline (`sync`), and at last `end` with how many of each there were: without it the export
/// is not whole.
#[utoipa::path(operation_id = "export_user", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses(
        (status = 200, description = "The lines", body = String, content_type = "application/x-ndjson",
            example = "{\"type\":\"user\",\"user_id\":\"ann\",\"exported_at\":\"2026-11-22T06:15:00Z\"}\n{\"type\":\"end\",\"connections\":0,\"records\":0,\"syncs\":0}\n"),
        (status = 404, description = "Nobody with this id has a connection or a record", body = Problem),
    ))]
#[get("/v1/users/{user}/export")]
pub(super) async fn get(
    _: AppKey,
    user: web::Path<UserId>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    answer(&state, user.into_inner()).await
}

/// The export as an answer that a browser saves.
pub(in crate::web) async fn answer(state: &State, user: UserId) -> Result<HttpResponse, Problem> {
    if state.store().users_among(vec![user.clone()]).await?.is_empty() {
        let detail = format!("there is nothing of `{user}` here: no connection and no record");
        return Err(Problem::not_found("unknown-user", detail));
    }
    let day = state.now().format("%Y-%m-%d");
    let attachment = format!("attachment; filename=\"syncwell-{day}.jsonl\"");
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .insert_header((CONTENT_DISPOSITION, attachment))
        .streaming(Box::pin(lines(state.clone(), user).map_err(Error::from))))
}

fn lines(state: State, user: UserId) -> impl Stream<Item = Result<Bytes, Problem>> {
    let begin = Export { state, user, step: Step::Head, connections: 0, records: 0, syncs: 0 };
    stream::try_unfold(begin, async |mut export| {
        let mut text = Vec::new();
        while text.is_empty() {
            if let Step::Done = export.step {
                return Ok(None);
            }
            if let Err(problem) = export.next(&mut text).await {
                // The connection ends without the last line, which says that it is not whole.
                tracing::warn!(%problem, "an export could not be finished");
                return Err(problem);
            }
        }
        Ok(Some((Bytes::from(text), export)))
    })
}

impl Export {
    /// Writes the next lines.
    async fn next(&mut self, text: &mut Vec<u8>) -> Result<(), Problem> {
        let store = self.state.store();
        match &self.step {
            Step::Head => {
                let of = json!({"user_id": self.user, "exported_at": self.state.now()});
                write(text, "user", of)?;
                let found = store.connections_of_user(self.user.clone()).await?;
                for connection in views(&self.state, found).await? {
                    write(text, "connection", connection)?;
                    self.connections += 1;
                }
                self.step = Step::Records(None);
            }
            Step::Records(after) => {
                let filter =
                    RecordFilter { after: after.clone(), with_deleted: true, ..Default::default() };
                let found = store.records(self.user.clone(), filter, ROWS).await?;
                let ids = found.rows.iter().map(|record| record.id.clone()).collect();
                let mut copies = store.partner_copies(ids).await?;
                let last = found.rows.last().map(|record| {
                    let (start, id) = record.place();
                    (start, id.to_owned())
                });
                let next = last.filter(|_| found.more);
                for record in found.rows {
                    let partners = copies.remove(&record.id).unwrap_or_default();
                    let partners = partners.into_iter().map(CopyView::from).collect();
                    write(text, "record", Exported { record: record.into(), partners })?;
                    self.records += 1;
                }
                self.step = next.map_or(Step::Syncs(None), |after| Step::Records(Some(after)));
            }
            Step::Syncs(before) => {
                let page = timeline::page(&self.state, self.user.clone(), None, *before, ROWS);
                let page = page.await?;
                for line in page.syncs {
                    write(text, "sync", line)?;
                    self.syncs += 1;
                }
                let next = page.next_cursor.and_then(|cursor| cursor.parse().ok());
                if next.is_none() {
                    let of = json!({"connections": self.connections, "records": self.records, "syncs": self.syncs});
                    write(text, "end", of)?;
                }
                self.step = next.map_or(Step::Done, |before| Step::Syncs(Some(before)));
            }
            Step::Done => {}
        }
        Ok(())
    }
}

fn write(text: &mut Vec<u8>, r#type: &'static str, of: impl Serialize) -> Result<(), Problem> {
    let written = serde_json::to_writer(&mut *text, &Line { r#type, of });
    written.map_err(|_| StoreError::Corrupt("export"))?;
    text.push(b'\n');
    Ok(())
}
