//! Records of the host app: it adds, replaces and deletes them, and they are pushed to the user's
//! partners.

use std::collections::HashSet;

use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use partner_sdk::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::links::LinkView;
use super::record_input::{NewRecord, RecordInput};
use super::records::{RecordView, source_of};
use crate::actors::Directory;
use crate::model::{ExerciseEnergy, RecordId, UserId, in_address};
use crate::store::{AppIdConflict, Link, OwnRecord, StoredRecord, Written};
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::contract::{Input, Mistakes};
use crate::web::parameters::NoParameters;
use crate::web::{Problem, State};

/// Records to add. All are added, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"records": [{"app_id": "w-1", "start": "2026-11-22T07:15:00+01:00", "measurement": {"type": "weight", "value": 71.3, "unit": "kg"}}, {"app_id": "e-1", "start": "2026-11-22T08:00:00+01:00", "end": "2026-11-22T08:31:00+01:00", "exercise": {"activity": "running", "duration_s": 1800, "energy_kcal": 310}}, {"app_id": "n-1", "start": "2026-11-22T12:00:00+01:00", "nutrition": {"meal": "lunch", "name": "Soup", "energy_kcal": 240}}]}))]
#[expect(dead_code, reason = "they are read one by one, so that one mistake hides no other")]
struct NewRecords {
    /// 1 to 1000 records.
    #[schema(value_type = Vec<NewRecord>, min_items = 1, max_items = 1000)]
    records: Vec<RecordInput>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Added {
    /// The records, in the order of the request.
    records: Vec<RecordView>,
}

/// A record and its state at each partner.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RecordDetail {
    #[serde(flatten)]
    pub(in crate::web) record: RecordView,
    /// The state of the record at each partner.
    pub(in crate::web) partners: Vec<LinkView>,
}

impl RecordDetail {
    pub(in crate::web) fn new(
        (record, links): (StoredRecord, Vec<Link>),
        directory: &Directory,
    ) -> Self {
        let view = |link| LinkView::new(link, kind_of(&record), directory);
        let partners = links.into_iter().map(view).collect();
        Self { record: record.into(), partners }
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
    let mut input = body.open(&key, &state).await?;
    let (user, now) = (user.into_inner(), state.now());
    let records = read(&mut input, now, state.shared.records.exercise_energy);
    input.mistakes.none()?;
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

/// The records of a request, without those that are wrong.
fn read(input: &mut Input, now: DateTime<Utc>, exercise_energy: ExerciseEnergy) -> Vec<OwnRecord> {
    let mut records = Vec::new();
    let mut app_ids = HashSet::new();
    for index in 0..input.entries("/records") {
        let at = format!("/records/{index}");
        let Some(record) = input.part::<RecordInput>(&at) else { continue };
        let Some(app_id) = record.app_id.clone() else { continue };
        if !app_ids.insert(app_id.clone()) {
            input.mistakes.add(&format!("{at}/app_id"), "it stands twice in this request");
        }
        let data = record.data(now, exercise_energy, &at, &mut input.mistakes);
        records.extend(data.map(|data| OwnRecord { app_id, data }));
    }
    records
}

/// Notifies the partners' actors that pushes wait.
pub(super) fn tell<T>(state: &State, written: Written<T>) -> T {
    state.directory.notify_enqueued(&written.enqueued);
    written.outcome
}

/// The user and the record of an address.
pub(in crate::web) fn addressed(
    path: web::Path<(UserId, RecordId)>,
) -> Result<(UserId, RecordId), Problem> {
    let (user, id) = path.into_inner();
    // RFC 9562 §4: a UUID is read without regard to case.
    let lower = RecordId(id.0.to_ascii_lowercase());
    if lower.is_possible() { Ok((user, lower)) } else { Err(no_record(&user, &id)) }
}

pub(in crate::web) fn no_record(user: &UserId, id: &RecordId) -> Problem {
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
    let found = found.ok_or_else(|| no_record(&user, &id))?;
    Ok(HttpResponse::Ok().json(RecordDetail::new(found, &state.directory)))
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
    let mut input = body.open(&key, &state).await?;
    let (user, id) = addressed(path)?;
    let Some((known, _)) = state.store().record(user.clone(), id.clone()).await? else {
        return Err(no_record(&user, &id));
    };
    if known.deleted {
        return Err(is_deleted(&id));
    }
    let (now, exercise_energy) = (state.now(), state.shared.records.exercise_energy);
    let new: Option<RecordInput> = input.part("");
    if let Some(new) = &new {
        check_unchangeable(new, &known, &mut input.mistakes);
    }
    let data = new.and_then(|new| new.data(now, exercise_energy, "", &mut input.mistakes));
    if let Some(data) = &data
        && kind_of(&known) != Some(data.body.kind())
    {
        let detail = "a record cannot become one of another kind; delete it and add one";
        let measured = data.body.record_kind() == "measurement" && known.kind == "measurement";
        input.mistakes.add(if measured { "/measurement/type" } else { "" }, detail);
    }
    input.mistakes.none()?;
    // Without mistakes there is a record.
    let data = data.ok_or_else(|| no_record(&user, &id))?;
    let written = state.store().replace_record(user.clone(), id.clone(), data, now).await?;
    let written = written.ok_or_else(|| is_deleted(&id))?;
    Ok(HttpResponse::Ok().json(RecordView::from(tell(&state, written))))
}

/// The kind of a record in the users' switches.
pub(in crate::web) fn kind_of(record: &StoredRecord) -> Option<Kind> {
    let content: Value = serde_json::from_str(record.content.get()).unwrap_or_default();
    let measured = content.get("type").and_then(Value::as_str);
    measured.unwrap_or(&record.kind).parse().ok()
}

/// What a caller sends back of what it read, and cannot change.
fn check_unchangeable(new: &RecordInput, known: &StoredRecord, mistakes: &mut Mistakes) {
    let app_id = known.source_partner.is_none().then_some(&known.source_id);
    let source = source_of(known);
    for (pointer, changes) in [
        ("/app_id", new.app_id.as_ref().is_some_and(|app_id_sent| Some(app_id_sent) != app_id)),
        ("/id", new.id.as_ref().is_some_and(|id| !id.eq_ignore_ascii_case(known.id.as_str()))),
        ("/user_id", new.user_id.as_ref().is_some_and(|user| user != known.user_id.as_str())),
        ("/source", new.source.as_ref().is_some_and(|sent| *sent != source)),
        ("/deleted", new.deleted == Some(true)),
    ] {
        if changes {
            let name = pointer.trim_start_matches('/');
            mistakes.add(pointer, format!("{name} cannot be changed; leave it out"));
        }
    }
}

fn is_deleted(id: &RecordId) -> Problem {
    let detail = format!(
        "record `{id}` is deleted; PUT …/records/by-app-id/{{app_id}} lets your own live again"
    );
    Problem::not_found("record-deleted", detail)
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
