//! Creating, changing and deleting points.

use serde_json::{Value, json};

use super::error::{self, Refusal};
use super::{DataType, authorized, data_type, known_parameters, shape, time};
use crate::call::{Answer, Call};
use crate::collection::Item;
use crate::partner::Desk;

/// The most names in one deletion (API reference of v4).
const MAX_DELETED: usize = 10_000;

fn writable(kind: &DataType) -> [String; 1] {
    [format!("{}.writeonly", kind.group)]
}

pub(super) fn body(call: &Call<'_>) -> Result<Value, Refusal> {
    let is_json = call.content_type.is_some_and(|it| it.starts_with("application/json"));
    let unreadable = || error::misfit("Invalid JSON payload received.");
    if is_json {
        serde_json::from_slice(call.body).map_err(|_| unreadable())
    } else {
        Err(unreadable())
    }
}

/// A long-running operation that is already done.
fn operation(desk: &mut Desk<'_>, r#type: &str, mut response: Value) -> Answer {
    if let Some(fields) = response.as_object_mut() {
        let name = format!("type.googleapis.com/google.devicesandservices.health.v4.{type}", type = r#type);
        fields.insert("@type".to_owned(), json!(name));
    }
    let name = format!("operations/{}", desk.state.rng.hex(16));
    Answer::json(200, &json!({"name": name, "done": true, "response": response}))
}

/// A point as it is stored; the service sets its data source.
fn stored(desk: &Desk<'_>, kind: &DataType, mut sent: Value, name: &str, created: &str) -> Value {
    let mut data = sent.get_mut(kind.field).map(Value::take).unwrap_or_default();
    time::complete(&mut data);
    if let Some(fields) = data.as_object_mut().filter(|_| kind.id == "exercise") {
        fields.insert("createTime".to_owned(), json!(created));
        fields.insert("updateTime".to_owned(), json!(time::instant(desk.now)));
    }
    let mut source = sent.get_mut("dataSource").map(Value::take).unwrap_or_else(|| json!({}));
    if let Some(fields) = source.as_object_mut() {
        fields.insert("platform".to_owned(), json!("GOOGLE_WEB_API"));
        let application = json!({"googleWebClientId": desk.app.client_id});
        fields.insert("application".to_owned(), application);
    }
    json!({"name": name, "dataSource": source, kind.field: data})
}

fn is_own(desk: &Desk<'_>, point: &Value) -> bool {
    let client = point.pointer("/dataSource/application/googleWebClientId");
    client.and_then(Value::as_str) == Some(desk.app.client_id.as_str())
}

pub(super) fn create(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    kind: &str,
) -> Result<Answer, Refusal> {
    let kind = data_type(kind)?;
    let number = authorized(desk, call, user, &writable(kind))?;
    known_parameters(call, &[])?;
    let sent = body(call)?;
    shape::check(kind, &sent)?;
    let Some(account) = desk.state.accounts.get_mut(number) else { return Err(error::not_found()) };
    let id = account.new_id();
    let name = kind.name(account, id);
    let point = stored(desk, kind, sent, &name, &time::instant(desk.now));
    let time = time::started(kind, &point).map_or(desk.now, |(instant, _)| instant);
    if let Some(account) = desk.state.accounts.get_mut(number) {
        account.insert(kind.id, Item { id, time, modified: desk.now, value: point.clone() });
    }
    Ok(operation(desk, "DataPoint", point))
}

pub(super) fn patch(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    kind: &str,
    id: &str,
) -> Result<Answer, Refusal> {
    let kind = data_type(kind)?;
    let number = authorized(desk, call, user, &writable(kind))?;
    known_parameters(call, &[])?;
    let sent = body(call)?;
    shape::check(kind, &sent)?;
    let old = find(desk, number, kind, id).ok_or_else(error::not_found)?;
    if !is_own(desk, &old.value) {
        return Err(error::not_owned(false));
    }
    // Made from anonymous food, as all own entries are here.
    if kind.id == "nutrition-log" {
        return Err(error::precondition(
            "Nutrition logs created from anonymous food are not editable.",
        ));
    }
    let name = old.value.get("name").and_then(Value::as_str).unwrap_or_default();
    let created = old.value.pointer("/exercise/createTime").and_then(Value::as_str);
    let point = stored(desk, kind, sent, name, created.unwrap_or_default());
    let time = time::started(kind, &point).map_or(old.time, |(instant, _)| instant);
    let now = desk.now;
    if let Some(account) = desk.state.accounts.get_mut(number) {
        account.collection_mut(kind.id).edit(old.id, |item| {
            item.value = point.clone();
            item.time = time;
            item.modified = now;
        });
    }
    Ok(operation(desk, "DataPoint", point))
}

fn find(desk: &Desk<'_>, number: usize, kind: &DataType, id: &str) -> Option<Item> {
    let items = desk.state.accounts.get(number)?.collection(kind.id)?;
    items.find(id.parse().ok()?).cloned()
}

/// All or nothing: if one name cannot be deleted, none is.
pub(super) fn batch_delete(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    parent: &str,
) -> Result<Answer, Refusal> {
    if parent != "-" {
        authorized(desk, call, user, &writable(data_type(parent)?))?;
    }
    known_parameters(call, &[])?;
    let body = body(call)?;
    let only_names =
        body.as_object().is_some_and(|fields| fields.keys().all(|name| name == "names"));
    let names = body.get("names").and_then(Value::as_array).filter(|_| only_names);
    let names = names.filter(|names| (1..=MAX_DELETED).contains(&names.len()));
    let names = names.ok_or_else(|| error::misfit("Invalid value at 'names'"))?;
    let mut doomed = Vec::with_capacity(names.len());
    for name in names {
        let parts: Vec<&str> = name.as_str().unwrap_or_default().split('/').collect();
        let &["users", user, "dataTypes", kind, "dataPoints", id] = parts.as_slice() else {
            return Err(error::invalid("INVALID_DATA_POINT_NAME", "Invalid data point name."));
        };
        if parent != "-" && kind != parent {
            return Err(error::misfit("The parent of all data points must match."));
        }
        let kind = data_type(kind)?;
        let number = authorized(desk, call, user, &writable(kind))?;
        let item = find(desk, number, kind, id).ok_or_else(error::not_found)?;
        if !is_own(desk, &item.value) {
            return Err(error::not_owned(true));
        }
        doomed.push((number, kind, item.id));
    }
    for (number, kind, id) in doomed {
        if let Some(account) = desk.state.accounts.get_mut(number) {
            account.collection_mut(kind.id).remove(id, desk.now);
        }
    }
    Ok(operation(desk, "BatchDeleteDataPointsResponse", json!({})))
}
