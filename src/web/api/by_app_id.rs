//! A record of the host app by its own id of it: read, put and deleted.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, delete, get, put, web};

use super::own_records::{RecordDetail, tell};
use super::record_input::RecordInput;
use super::records::RecordView;
use crate::model::{RecordId, UserId, in_address};
use crate::store::{OtherKind, OwnRecord, Put};
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::contract::Mistakes;
use crate::web::parameters::NoParameters;
use crate::web::texts::Text;
use crate::web::{Problem, State};

/// The user and the id of the host app in an address.
fn addressed(path: web::Path<(UserId, String)>) -> Result<(UserId, String), Problem> {
    let (user, app_id) = path.into_inner();
    let bad = |why: String| Problem::bad_request("bad-address", why);
    Text::Id.check("the app_id", &app_id).map_err(bad)?;
    // It stands for bytes that are not UTF-8: different ids would become the same.
    if app_id.contains(char::REPLACEMENT_CHARACTER) {
        return Err(bad("the app_id is not percent-encoded UTF-8".into()));
    }
    Ok((user, app_id))
}

async fn find(state: &State, user: &UserId, app_id: &str) -> Result<RecordId, Problem> {
    let found = state.store().record_of_app_id(user.clone(), app_id.to_owned()).await?;
    found.ok_or_else(|| no_record(user, app_id))
}

fn no_record(user: &UserId, app_id: &str) -> Problem {
    let (user_part, app_id_part) = (user.in_address(), in_address(app_id));
    let detail = format!(
        "`{user}` has no record with the app_id `{app_id}`; PUT /v1/users/{user_part}/records/by-app-id/{app_id_part} adds it"
    );
    Problem::not_found("no-record", detail)
}

/// Returns the host app's record with this `app_id`, deleted or not, and its state at each partner.
#[utoipa::path(operation_id = "get_record_by_app_id", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("app_id" = String, Path, description = "The host app's own id of the record, percent-encoded")),
    responses(
        (status = 200, description = "The record", body = RecordDetail),
        (status = 404, description = "No such record", body = Problem),
    ))]
#[get("/v1/users/{user}/records/by-app-id/{app_id}")]
pub(super) async fn get(
    _: AppKey,
    path: web::Path<(UserId, String)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, app_id) = addressed(path)?;
    let id = find(&state, &user, &app_id).await?;
    let found = state.store().record(user.clone(), id).await?;
    let found = found.ok_or_else(|| no_record(&user, &app_id))?;
    Ok(HttpResponse::Ok().json(RecordDetail::new(found, &state.directory)))
}

/// Makes the host app's record with this `app_id` say what is sent: adds it, changes it, or, if it
/// was deleted, lets it live again under its old id. The change is pushed to the partners that accept
/// its kind. Repeating a call changes nothing.
#[utoipa::path(operation_id = "put_record_by_app_id", tag = "data", security(("key" = [])), request_body = RecordInput,
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("app_id" = String, Path, description = "The host app's own id of the record, percent-encoded")),
    responses(
        (status = 200, description = "The record, which was there: it is changed, or says the same as before", body = RecordView),
        (status = 201, description = "The record, which was not there or was deleted", body = RecordView),
        (status = 422, description = "The content is implausible, `detail` says why; or its kind differs from the record's", body = Problem),
    ))]
#[put("/v1/users/{user}/records/by-app-id/{app_id}")]
pub(super) async fn put(
    key: AppKey,
    path: web::Path<(UserId, String)>,
    body: Body<RecordInput>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let mut input = body.open(&key, &state).await?;
    let (user, app_id) = addressed(path)?;
    let new: Option<RecordInput> = input.part("");
    if new.as_ref().and_then(|new| new.app_id.as_ref()).is_some_and(|sent| *sent != app_id) {
        input.mistakes.add("/app_id", "it is another one than in the address; leave it out");
    }
    let (now, exercise_energy) = (state.now(), state.shared.records.exercise_energy);
    let data = new.and_then(|new| new.data(now, exercise_energy, "", &mut input.mistakes));
    input.mistakes.none()?;
    // Without mistakes there is a record.
    let data = data.ok_or_else(|| no_record(&user, &app_id))?;
    let put = state.store().put_record(user, OwnRecord { app_id, data }, now).await?;
    let (put, written) = put.map_err(|OtherKind(record)| {
        let why = "a record cannot become one of another kind; put this one under another app_id";
        Mistakes::one("", why).about(&record, None)
    })?;
    let status = match put {
        Put::Added | Put::Revived => StatusCode::CREATED,
        Put::Changed | Put::Unchanged => StatusCode::OK,
    };
    Ok(HttpResponse::build(status).json(RecordView::from(tell(&state, written))))
}

/// Deletes the host app's record with this `app_id`. The deletion is pushed to the partners that
/// accept its kind. Deleting it again changes nothing.
#[utoipa::path(operation_id = "delete_record_by_app_id", tag = "data", security(("key" = [])),
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("app_id" = String, Path, description = "The host app's own id of the record, percent-encoded")),
    responses(
        (status = 204, description = "The record is deleted"),
        (status = 404, description = "No such record", body = Problem),
    ))]
#[delete("/v1/users/{user}/records/by-app-id/{app_id}")]
pub(super) async fn delete(
    _: AppKey,
    path: web::Path<(UserId, String)>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let (user, app_id) = addressed(path)?;
    let id = find(&state, &user, &app_id).await?;
    let deleted = state.store().delete_record(user.clone(), id, state.now()).await?;
    tell(&state, deleted.ok_or_else(|| no_record(&user, &app_id))?);
    Ok(HttpResponse::NoContent().finish())
}
