//! What is here of a user, as JSON lines; or the records alone as CSV. Read and sent page by page: a long
//! history fills no memory.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::connection_view::views;
use super::records::RecordView;
use super::{csv_rows, timeline};
use crate::model::UserId;
use crate::store::{PartnerCopy, RecordFilter, StoreError, StoredRecord};
use crate::sync::items::ItemState;
use crate::web::admin::{audit, errors};
use crate::web::auth::AppKey;
use crate::web::{Problem, State};

/// How many rows are read at once.
const ROWS: i64 = 500;

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Format {
    /// All that is here, as JSON lines.
    #[default]
    Jsonl,
    /// The records, as CSV.
    Csv,
}

/// What can be asked of an export.
#[derive(Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::web) struct Asked {
    /// `jsonl` or `csv`. Default `jsonl`.
    #[param(inline)]
    pub(in crate::web) format: Format,
}

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
    Errors(Option<String>),
    Audit(Option<String>),
    Done,
}

/// An export under way.
struct Export {
    state: State,
    user: UserId,
    format: Format,
    step: Step,
    count: Count,
}

/// How many lines there were of each type.
#[derive(Clone, Copy, Default, Serialize)]
struct Count {
    connections: usize,
    records: usize,
    syncs: usize,
    errors: usize,
    audit: usize,
}

/// Exports all that is here of a user as JSON lines. Each has a `type`: `user`, then each `connection`
/// (without its secrets), each `record` with the partners' ids of it, deleted ones included, each entry
/// of the timeline (`sync`), of the error log (`error`) and of the audit log (`audit`), and at last `end` with
/// how many of each there were: without it the export is not whole. `?format=csv` gives the records alone, for
/// spreadsheets: a line for each value of each record.
#[utoipa::path(operation_id = "export_user", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), Asked),
    responses(
        (status = 200, description = "The lines", content(
            (String = "application/x-ndjson", example = "{\"type\":\"user\",\"user_id\":\"ann\",\"exported_at\":\"2026-11-22T06:15:00Z\"}\n{\"type\":\"end\",\"connections\":0,\"records\":0,\"syncs\":0,\"errors\":0,\"audit\":0}\n"),
            (String = "text/csv", example = "record,kind,start,end,source,source_id,deleted,field,value\r\n"),
        )),
        (status = 404, description = "Nobody with this id has a connection or a record", body = Problem),
    ))]
#[get("/v1/users/{user}/export")]
pub(super) async fn get(
    _: AppKey,
    user: web::Path<UserId>,
    asked: web::Query<Asked>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    answer(&state, user.into_inner(), asked.format).await
}

/// The export as an answer that a browser saves.
pub(in crate::web) async fn answer(
    state: &State,
    user: UserId,
    format: Format,
) -> Result<HttpResponse, Problem> {
    if state.store().users_among(vec![user.clone()]).await?.is_empty() {
        let detail = format!("there is nothing of `{user}` here: no connection and no record");
        return Err(Problem::not_found("unknown-user", detail));
    }
    let day = state.now().format("%Y-%m-%d");
    let (media, ending) = match format {
        Format::Jsonl => ("application/x-ndjson", "jsonl"),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
    };
    let attachment = format!("attachment; filename=\"syncwell-{day}.{ending}\"");
    let lines = lines(state.clone(), user, format).map_err(Error::from);
    Ok(HttpResponse::Ok()
        .content_type(media)
        .insert_header((CONTENT_DISPOSITION, attachment))
        .streaming(Box::pin(lines)))
}

fn lines(state: State, user: UserId, format: Format) -> impl Stream<Item = Result<Bytes, Problem>> {
    let begin = Export { state, user, format, step: Step::Head, count: Count::default() };
    stream::try_unfold(begin, async |mut export| {
        let mut text = Vec::new();
        while text.is_empty() {
            if let Step::Done = export.step {
                return Ok(None);
            }
            let next = match export.format {
                Format::Jsonl => export.next(&mut text).await,
                Format::Csv => export.next_rows(&mut text).await,
            };
            if let Err(problem) = next {
                // The connection ends without the last line, which says that it is not whole.
                tracing::warn!(%problem, "an export could not be finished");
                return Err(problem);
            }
        }
        Ok(Some((Bytes::from(text), export)))
    })
}

type Position = Option<(i64, String)>;

impl Export {
    /// The next records, and where to go on.
    async fn records(&self, after: Position) -> Result<(Vec<StoredRecord>, Position), Problem> {
        let filter = RecordFilter { after, with_deleted: true, ..Default::default() };
        let found = self.state.store().records(self.user.clone(), filter, ROWS).await?;
        let last = found.rows.last().filter(|_| found.more).map(|record| {
            let (start, id) = record.place();
            (start, id.to_owned())
        });
        Ok((found.rows, last))
    }

    /// Writes the next lines.
    async fn next(&mut self, text: &mut Vec<u8>) -> Result<(), Problem> {
        let store = self.state.store();
        let count = &mut self.count;
        match &self.step {
            Step::Head => {
                let of = json!({"user_id": self.user, "exported_at": self.state.now()});
                write(text, "user", of)?;
                let found = store.connections_of_user(self.user.clone()).await?;
                for connection in views(&self.state, found).await? {
                    write(text, "connection", connection)?;
                    count.connections += 1;
                }
                self.step = Step::Records(None);
            }
            Step::Records(after) => {
                let (found, next) = self.records(after.clone()).await?;
                let ids = found.iter().map(|record| record.id.clone()).collect();
                let mut copies = self.state.store().partner_copies(ids).await?;
                for record in found {
                    let partners = copies.remove(&record.id).unwrap_or_default();
                    let partners = partners.into_iter().map(CopyView::from).collect();
                    write(text, "record", Exported { record: record.into(), partners })?;
                    self.count.records += 1;
                }
                self.step = next.map_or(Step::Syncs(None), |after| Step::Records(Some(after)));
            }
            Step::Syncs(before) => {
                let page = timeline::page(&self.state, self.user.clone(), None, *before, ROWS);
                let page = page.await?;
                for line in page.syncs {
                    write(text, "sync", line)?;
                    count.syncs += 1;
                }
                let next = page.next_cursor.and_then(|cursor| cursor.parse().ok());
                self.step = next.map_or(Step::Errors(None), |before| Step::Syncs(Some(before)));
            }
            Step::Errors(cursor) => {
                let asked = errors::Asked {
                    user: Some(self.user.as_str().to_owned()),
                    cursor: cursor.clone(),
                    ..errors::Asked::default()
                };
                let page = errors::errors(&self.state, asked).await?;
                for error in page.errors {
                    write(text, "error", error)?;
                    count.errors += 1;
                }
                let next = page.next_cursor;
                self.step = next.map_or(Step::Audit(None), |cursor| Step::Errors(Some(cursor)));
            }
            Step::Audit(cursor) => {
                let user = Some(self.user.as_str().to_owned());
                let asked = audit::Asked { user, cursor: cursor.clone(), limit: None };
                let page = audit::entries(&self.state, asked).await?;
                for entry in page.entries {
                    write(text, "audit", entry)?;
                    count.audit += 1;
                }
                self.step = match page.next_cursor {
                    Some(cursor) => Step::Audit(Some(cursor)),
                    None => {
                        write(text, "end", self.count)?;
                        Step::Done
                    }
                };
            }
            Step::Done => {}
        }
        Ok(())
    }

    /// Writes the next rows of CSV.
    async fn next_rows(&mut self, text: &mut Vec<u8>) -> Result<(), Problem> {
        let after = match &self.step {
            Step::Records(after) => after.clone(),
            _ => {
                csv_rows::head(text)?;
                None
            }
        };
        let (found, next) = self.records(after).await?;
        for record in found {
            csv_rows::rows(text, record.into())?;
        }
        self.step = next.map_or(Step::Done, |after| Step::Records(Some(after)));
        Ok(())
    }
}

fn write(text: &mut Vec<u8>, r#type: &'static str, of: impl Serialize) -> Result<(), Problem> {
    let written = serde_json::to_writer(&mut *text, &Line { r#type, of });
    written.map_err(|_| StoreError::Corrupt("export"))?;
    text.push(b'\n');
    Ok(())
}
