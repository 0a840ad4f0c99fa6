//! Writes: a new item, a change, a deletion; and the look-up after an unknown outcome.

use partner_sdk::chrono::TimeDelta;
use partner_sdk::serde_json::{Map, Value, json};
use partner_sdk::{
    Action, Body, Page, PartnerError, PushRequest, Pushed, RemoteRecord, RemoteRef, Reply, Session,
    header,
};

use crate::resource::Resource;
use crate::{api, feed, write};

type Item = Map<String, Value>;

/// Writes one change.
pub(crate) async fn push(session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
    let resource = Resource::of_kind(request.kind());
    match &request.action {
        Action::Create => create(session, resource, request).await,
        Action::Update(there) => {
            let path = path(session, there)?;
            update(session, resource, request, &path).await
        }
        Action::Delete(there) => {
            let path = path(session, there)?;
            delete(session, resource, request, &path).await
        }
    }
}

/// Returns what RunKeeper has of the kind of `request` on its day.
pub(crate) async fn find_existing(
    session: &Session,
    request: &PushRequest,
) -> Result<Vec<RemoteRecord>, PartnerError> {
    let resource = Resource::of_kind(request.kind());
    let about = request.about(TimeDelta::minutes(2));
    let page = feed::between(session, resource, about, request.time_zone).await?;
    Ok(of_kind(page, request).collect())
}

/// Health Graph documentation: 201 without a body, and the address of the new item.
async fn create(
    session: &Session,
    resource: &Resource,
    request: &PushRequest,
) -> Result<Pushed, PartnerError> {
    let mut item = write::new_item(&request.record, request.time_zone)?;
    let mut body = item.clone();
    // Otherwise the user's settings decide.
    body.insert("post_to_facebook".to_owned(), json!(false));
    body.insert("post_to_twitter".to_owned(), json!(false));
    let reply = api::with_body(session.post(resource.path), resource.new, &body).write().await?;
    let location = reply.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let uri = api::path_below(&session.endpoints().api_url, location.unwrap_or_default())?;
    item.insert("uri".to_owned(), json!(of_resource(resource, &uri)?));
    remote(resource, request, item).map(Pushed::there)
}

/// Health Graph documentation: a PUT of the item, answered with the item. What the record does not
/// contain (other values of the set, notes, the path) is read first, and written back unchanged.
async fn update(
    session: &Session,
    resource: &Resource,
    request: &PushRequest,
    path: &str,
) -> Result<Pushed, PartnerError> {
    let Some(mut item) = fetch(session, resource, path).await? else { return Ok(Pushed::Gone) };
    let there = remote(resource, request, item.clone()).ok();
    write::change(&mut item, &request.record, there.as_ref(), request.time_zone)?;
    match put(session, resource, path, item).await? {
        Some(reply) => {
            let item = read_item(reply, path)?;
            remote(resource, request, item).map(Pushed::there)
        }
        None => Ok(Pushed::Gone),
    }
}

/// A value that is not the last of its weight set is removed from the set; everything else is
/// deleted.
async fn delete(
    session: &Session,
    resource: &Resource,
    request: &PushRequest,
    path: &str,
) -> Result<Pushed, PartnerError> {
    if let Body::Measurement(measurement) = &request.record.body {
        let name = write::value_name(measurement.r#type)?;
        let Some(mut item) = fetch(session, resource, path).await? else { return Ok(Pushed::Gone) };
        let mut page = Page::default();
        (resource.read)(&mut page, vec![item.clone().into()], request.time_zone);
        let kinds: Vec<_> =
            page.records.iter().flatten().map(|record| record.body.kind()).collect();
        if kinds.iter().any(|kind| *kind != request.kind()) {
            if item.remove(name).is_some() && kinds.contains(&request.kind()) {
                put(session, resource, path, item).await?;
            }
            return Ok(Pushed::Gone);
        }
    }
    api::any(session.delete(path)).remove().await?;
    Ok(Pushed::Gone)
}

async fn fetch(
    session: &Session,
    resource: &Resource,
    path: &str,
) -> Result<Option<Item>, PartnerError> {
    let reply = api::get(session, path, resource.item).change().await?;
    reply.map(|reply| read_item(reply, path)).transpose()
}

async fn put(
    session: &Session,
    resource: &Resource,
    path: &str,
    mut item: Item,
) -> Result<Option<Reply>, PartnerError> {
    item.retain(|name, _| resource.writable.contains(&name.as_str()));
    api::with_body(session.put(path), resource.item, &item).change().await
}

/// Reads the item at `path`, whether or not it contains its address.
fn read_item(reply: Reply, path: &str) -> Result<Item, PartnerError> {
    let mut item: Item = api::in_utf8(reply).json()?;
    item.insert("uri".to_owned(), json!(path));
    Ok(item)
}

/// Returns the record of the kind of `request` in an item, as a poll will report it.
fn remote(
    resource: &Resource,
    request: &PushRequest,
    mut item: Item,
) -> Result<RemoteRecord, PartnerError> {
    // Health Graph documentation: only the item contains it, and polls read feeds.
    item.remove("average_heart_rate");
    let mut page = Page::default();
    (resource.read)(&mut page, vec![item.into()], request.time_zone);
    let none = || PartnerError::Malformed("the item does not tell what was written".into());
    of_kind(page, request).next().ok_or_else(none)
}

fn of_kind(page: Page, request: &PushRequest) -> impl Iterator<Item = RemoteRecord> {
    let kind = request.kind();
    page.records.into_iter().flatten().filter(move |record| record.body.kind() == kind)
}

fn path(session: &Session, there: &RemoteRef) -> Result<String, PartnerError> {
    let uri = there.group.as_deref().unwrap_or(&there.source_id);
    api::path_below(&session.endpoints().api_url, uri)
}

/// Returns `uri` if it is the address of a single item of `resource`.
fn of_resource<'uri>(resource: &Resource, uri: &'uri str) -> Result<&'uri str, PartnerError> {
    let id = uri.strip_prefix(resource.path).and_then(|rest| rest.strip_prefix('/'));
    let is_item = id.is_some_and(|id| !id.is_empty() && !id.contains(['/', '?']));
    let nowhere = PartnerError::Malformed("the answer does not tell where the new item is".into());
    is_item.then_some(uri).ok_or(nowhere)
}
