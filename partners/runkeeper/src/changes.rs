//! The change log, the only place that reports deletions.

use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::serde_json::{Map, Value};
use partner_sdk::{Page, PartnerError, RejectedRecord, Session};
use serde::Deserialize;

use crate::api;
use crate::resource::Resource;

/// What changed of one resource. Health Graph documentation, "Change Log".
#[derive(Default, Deserialize)]
struct Changes {
    #[serde(default, deserialize_with = "partner_sdk::list_or_nothing")]
    modified: Vec<Value>,
    #[serde(default, deserialize_with = "partner_sdk::list_or_nothing")]
    deleted: Vec<Value>,
}

/// Requests what changed of `resource` since then: puts deletions into `page`, and returns whether
/// anything was created or modified. The details are left to the feed, which has pages.
pub(crate) async fn read(
    session: &Session,
    resource: &Resource,
    since: DateTime<Utc>,
    page: &mut Page,
) -> Result<bool, PartnerError> {
    // Same page: the time in this format, without a zone.
    let since = since.format("%Y-%m-%dT%H:%M:%S").to_string();
    let call = api::get(session, "/changeLog", "ChangeLog");
    let reply = call.query(&[("modifiedNoEarlierThan", since)]).send().await?;
    let mut log: Map<String, Value> = api::in_utf8(reply).json()?;
    let changes = log.remove(resource.name).unwrap_or(Value::Null);
    let changes: Option<Changes> = Option::deserialize(changes).map_err(|_| {
        PartnerError::Malformed("the change log is not of the documented form".into())
    })?;
    let Changes { modified, deleted } = changes.unwrap_or_default();
    for uri in deleted {
        match uri {
            Value::String(uri) => page.deleted.push(uri),
            _ => page.records.push(Err(RejectedRecord {
                source_id: None,
                reason: "a deletion in the change log has no address".into(),
            })),
        }
    }
    Ok(!modified.is_empty())
}
