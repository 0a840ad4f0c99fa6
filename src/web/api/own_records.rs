//! Records of the host app: it adds, replaces and deletes them, and they are pushed to the user's
//! partners.

use std::collections::HashSet;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::record_input::RecordInput;
use super::records::RecordView;
use crate::model::{ExerciseEnergy, RecordId, UserId, WaitingFor, in_address};
use crate::store::{AppIdConflict, Link, OwnRecord, StoredRecord, Written};
use crate::sync::items::ItemState;
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::parameters::NoParameters;
use crate::web::texts::Text;
use crate::web::{Problem, State};

/// How many records one call may add.
const MAX_RECORDS: usize = 1000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRecords {
    /// At most 1000 records. All are added, or none.
    records: Vec<RecordInput>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Added {
    /// The records, in the order of the request.
    records: Vec<RecordView>,
}

/// A record and its state at each partner.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordDetail {
    #[serde(flatten)]
    record: RecordView,
    /// The state of the record at each partner.
    partners: Vec<LinkView>,
}

/// The state of a record at a partner.
#[derive(Debug, Serialize, ToSchema)]
struct LinkView {
    partner: String,
    /// `in_step`: the partner has the current version. `create`, `update` or `delete`: this push
    /// waits. `creating`, `updating` or `deleting`: the push was started and its outcome is
    /// unknown. `refused`: the partner does not accept the record. `gone`: the partner no longer
    /// has it.
    state: ItemState,
    /// The partner's id of the record.
    external_id: Option<String>,
    /// The number of failed pushes in a row.
    attempts: i32,
    /// Why the record was refused, or why it is not pushed yet.
    reason: Option<String>,
    pushed_at: Option<String>,
    /// When the next push is due; null while one is under way.
    due_at: Option<String>,
    /// The limit that this waits for, if it waits for one.
    waiting_for: Option<WaitingFor>,
}

impl From<(StoredRecord, Vec<Link>)> for RecordDetail {
    fn from((record, links): (StoredRecord, Vec<Link>)) -> Self {
        let partners = links.into_iter().map(LinkView::from).collect();
        Self { record: record.into(), partners }
    }
}

impl From<Link> for LinkView {
    fn from(link: Link) -> Self {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        Self {
            partner: link.partner,
            state: link.state,
            external_id: link.external_id,
            attempts: link.attempts,
            reason: link.reason,
            pushed_at: link.pushed_at.map(text),
            due_at: link.due_at.map(text),
            waiting_for: link.waiting_for,
        }
    }
}

/// Adds records of the host app, all or none. Repeating a call changes nothing: a record with the
/// same `app_id` and the same content is left unchanged. `PUT …/records/by-app-id/{app_id}` changes
/// a record under its `app_id`.
#[utoipa::path(operation_id = "add_records", tag = "data", security(("key" = [])), request_body = NewRecords,
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and ..")),
    responses(
        (status = 201, description = "The records are stored and wait to be pushed", body = Added),
        (status = 409, description = "An `app_id` belongs to a record that says something else or is deleted: `record_id` is that record, `index` the place of yours", body = Problem),
        (status = 422, description = "A record is implausible or incomplete; `detail` says which one and why", body = Problem),
    ))]
#[post("/v1/users/{user}/records")]
pub(super) async fn add(
    key: AppKey,
    user: web::Path<UserId>,
    body: Body<NewRecords>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let new = body.read(&key, &state).await?;
    let (user, now) = (user.into_inner(), state.now());
    let records = read(new, now, state.shared.records.exercise_energy)?;
    let app_ids: Vec<String> = records.iter().map(|record| record.app_id.clone()).collect();
    let written = state.store().add_records(user.clone(), records, now).await?;
    let written = written.map_err(|taken| {
        let app_id = app_ids.get(taken.index).map(String::as_str).unwrap_or_default();
        is_taken(&user, app_id, &taken)
    })?;
    let records = tell(&state, written).into_iter().map(RecordView::from).collect();
    Ok(HttpResponse::Created().json(Added { records }))
}

fn is_taken(user: &UserId, app_id: &str, taken: &AppIdConflict) -> Problem {
    let index = taken.index;
    let (what, does) = if taken.is_deleted {
        ("was deleted", "lets it live again with this content")
    } else {
        ("says something else", "gives it this content")
    };
    let detail = format!(
        "records[{index}].app_id: the record `{app_id}` {what}; PUT /v1/users/{}/records/by-app-id/{} {does}",
        user.in_address(),
        in_address(app_id)
    );
    Problem::conflict("app-id-taken", detail).about(&taken.record, Some(index))
}

fn read(
    new: NewRecords,
    now: DateTime<Utc>,
    exercise_energy: ExerciseEnergy,
) -> Result<Vec<OwnRecord>, Problem> {
    if new.records.is_empty() || new.records.len() > MAX_RECORDS {
        let detail = format!("records has {} entries; send 1 to {MAX_RECORDS}", new.records.len());
        return Err(Problem::bad_request("bad-body", detail));
    }
    let mut records = Vec::with_capacity(new.records.len());
    let mut app_ids = HashSet::new();
    for (index, input) in new.records.into_iter().enumerate() {
        let refuse = |why: String| bad_record(&format!("records[{index}]: {why}"));
        let Some(app_id) = input.app_id.clone() else {
            return Err(refuse("app_id is missing; it is your own id of the record".into()));
        };
        if app_id.is_empty() {
            return Err(refuse("app_id is empty; it is your own id of the record".into()));
        }
        Text::Id.check("app_id", &app_id).map_err(refuse)?;
        if !app_ids.insert(app_id.clone()) {
            return Err(refuse("its app_id stands twice in this request".into()));
        }
        let data = input.data(now, exercise_energy).map_err(refuse)?;
        records.push(OwnRecord { app_id, data });
    }
    Ok(records)
}

pub(super) fn bad_record(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-record", detail)
}

/// Notifies the partners' actors that pushes wait.
pub(super) fn tell<T>(state: &State, written: Written<T>) -> T {
    state.directory.notify_enqueued(&written.enqueued);
    written.outcome
}

/// The user and the record of an address.
fn addressed(path: web::Path<(UserId, RecordId)>) -> Result<(UserId, RecordId), Problem> {
    let (user, id) = path.into_inner();
    if id.is_possible() { Ok((user, id)) } else { Err(no_record(&user, &id)) }
}

fn no_record(user: &UserId, id: &RecordId) -> Problem {
    let address = user.in_address();
    let detail =
        format!("`{user}` has no record `{id}`; GET /v1/users/{address}/records lists them");
    Problem::not_found("no-record", detail)
}

/// Returns one record, deleted or not, and its state at each partner.
#[utoipa::path(operation_id = "get_record", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("id" = String, Path, description = "The record's id")),
    responses(
        (status = 200, description = "The record", body = RecordDetail),
        (status = 404, description = "No such record", body = Problem),
    ))]
#[get("/v1/users/{user}/records/{id}")]
pub(super) async fn get(
    _: AppKey,
    path: web::Path<(UserId, RecordId)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, id) = addressed(path)?;
    let found = state.store().record(user.clone(), id.clone()).await?;
    Ok(HttpResponse::Ok().json(RecordDetail::from(found.ok_or_else(|| no_record(&user, &id))?)))
}

/// Replaces the content of a record from any source. The change is pushed to the partners that
/// accept its kind.
#[utoipa::path(operation_id = "replace_record", tag = "data", security(("key" = [])), request_body = RecordInput,
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("id" = String, Path, description = "The record's id")),
    responses(
        (status = 200, description = "The updated record", body = RecordView),
        (status = 404, description = "No such record, or it is deleted", body = Problem),
        (status = 422, description = "The content is implausible, `detail` says why; or its kind differs from the record's", body = Problem),
    ))]
#[put("/v1/users/{user}/records/{id}")]
pub(super) async fn replace(
    key: AppKey,
    path: web::Path<(UserId, RecordId)>,
    body: Body<RecordInput>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let input = body.read(&key, &state).await?;
    let (user, id) = addressed(path)?;
    let now = state.now();
    let Some((known, _)) = state.store().record(user.clone(), id.clone()).await? else {
        return Err(no_record(&user, &id));
    };
    let is_own = known.source_partner.is_none();
    if input.app_id.as_ref().is_some_and(|app_id| !is_own || *app_id != known.source_id) {
        return Err(bad_record("app_id cannot be changed; leave it out"));
    }
    let exercise_energy = state.shared.records.exercise_energy;
    let data = input.data(now, exercise_energy).map_err(|why| bad_record(&why))?;
    let kind = data.body.kind();
    let content: Value = serde_json::from_str(known.content.get()).unwrap_or_default();
    let was = content.get("type").and_then(Value::as_str);
    if was.unwrap_or(&known.kind) != kind.name() {
        return Err(bad_record(
            "a record cannot become one of another kind; delete it and add one",
        ));
    }
    let written = state.store().replace_record(user.clone(), id.clone(), data, now).await?;
    let written = written.ok_or_else(|| no_record(&user, &id))?;
    Ok(HttpResponse::Ok().json(RecordView::from(tell(&state, written))))
}

/// Deletes a record from any source. The deletion is pushed to the partners that accept its kind.
/// Deleting it again changes nothing.
#[utoipa::path(operation_id = "delete_record", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("id" = String, Path, description = "The record's id")),
    responses(
        (status = 204, description = "The record is deleted"),
        (status = 404, description = "No such record", body = Problem),
    ))]
#[delete("/v1/users/{user}/records/{id}")]
pub(super) async fn delete(
    _: AppKey,
    path: web::Path<(UserId, RecordId)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, id) = addressed(path)?;
    let written = state.store().delete_record(user.clone(), id.clone(), state.now()).await?;
    tell(&state, written.ok_or_else(|| no_record(&user, &id))?);
    Ok(HttpResponse::NoContent().finish())
}
