//! Writing changes.

use partner_sdk::serde_json::{Value, json};
use partner_sdk::{Action, Feed, PartnerError, PushRequest, Pushed, Session};

use crate::sync::feed_of;
use crate::{api, body, map};

/// Writes one change (API reference, dataPoints.create, patch and batchDelete).
pub(crate) async fn push(session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
    let feed = feed_of(request.kind())?;
    let (call, name) = match &request.action {
        Action::Delete(remote_ref) => {
            delete(session, feed, &[map::name(&remote_ref.source_id, feed)?]).await?;
            return Ok(Pushed::Gone);
        }
        Action::Create => (session.post(&format!("/v4/{}", api::collection(feed.name))), None),
        Action::Update(remote_ref) => {
            let name = map::name(&remote_ref.source_id, feed)?;
            (session.patch(&format!("/v4/{name}")), Some(name))
        }
    };
    let sent = body::point(&request.record)?;
    let Some(answer) = api::write(session, call.json(&sent)).await? else {
        return match request.action {
            Action::Create => Err(PartnerError::Malformed("it has no such data type".into())),
            _ => Ok(Pushed::Gone),
        };
    };
    // The answer has the name and usually everything else. What it lacks is as it was sent.
    let name = name.map(Value::from).or_else(|| answer.get("name").cloned()).unwrap_or_default();
    let name = json!({"name": name});
    let stored = overlaid(overlaid(sent.clone(), &answer), &name);
    map::written(stored, feed, request.time_zone)
        .or_else(|_| map::written(overlaid(sent, &name), feed, request.time_zone))
        .map(Pushed::there)
}

/// Writes several changes of one kind: deletions in one call, others one by one.
pub(crate) async fn push_batch(
    session: &Session,
    requests: &[PushRequest],
) -> Vec<Result<Pushed, PartnerError>> {
    if let Some(outcome) = delete_all(session, requests).await {
        return requests.iter().map(|_| outcome.clone()).collect();
    }
    let mut outcomes = Vec::with_capacity(requests.len());
    for request in requests {
        outcomes.push(push(session, request).await);
    }
    outcomes
}

/// Deletes everything in one call and returns the outcome; `None` if separate calls are needed.
/// Seen in the field: if one point does not exist or is not this client's, none is deleted.
async fn delete_all(
    session: &Session,
    requests: &[PushRequest],
) -> Option<Result<Pushed, PartnerError>> {
    let feed = feed_of(requests.first().filter(|_| requests.len() > 1)?.kind()).ok()?;
    let mut names = Vec::with_capacity(requests.len());
    for request in requests {
        match &request.action {
            Action::Delete(remote_ref) => names.push(map::name(&remote_ref.source_id, feed).ok()?),
            _ => return None,
        }
    }
    match delete(session, feed, &names).await {
        Ok(Some(_)) => Some(Ok(Pushed::Gone)),
        Ok(None) | Err(PartnerError::Rejected(_)) => None,
        Err(error) => Some(Err(error)),
    }
}

async fn delete(
    session: &Session,
    feed: &Feed,
    names: &[String],
) -> Result<Option<Value>, PartnerError> {
    let path = format!("/v4/{}:batchDelete", api::collection(feed.name));
    api::write(session, session.post(&path).json(&json!({"names": names}))).await
}

/// Returns `point` with the fields of `other` replacing its own.
fn overlaid(mut point: Value, other: &Value) -> Value {
    if let (Some(fields), Some(others)) = (point.as_object_mut(), other.as_object()) {
        fields.extend(others.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    point
}
