//! Events of activities and of the end of a consent.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Strava;
use super::activities::is_private;
use crate::notifications::{Change, EndedBy, Notice, Notifies, Signing, Subject, sign};

/// Three attempts. How far apart is not documented.
const WAITS: [i64; 2] = [1, 5];

impl Notifies for Strava {
    fn time_limit(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn accepts(&self, status: u16) -> bool {
        status == 200
    }

    fn retry_after(&self, attempt: u32) -> Option<i64> {
        WAITS.get(attempt.checked_sub(1)? as usize).copied()
    }

    fn changed(&self, of: &Subject<'_>, _resource: &str, changes: &[Change]) -> Vec<Notice> {
        let sees_all = of.granted("activity:read_all");
        if !of.is_connected() || !(sees_all || of.granted("activity:read")) {
            return Vec::new();
        }
        let events =
            changes.iter().filter_map(|change| Some((change.id, aspect(change, sees_all)?)));
        events
            .flat_map(|(id, (aspect, updates))| event(of, "activity", id, aspect, &updates))
            .collect()
    }

    fn ended(&self, of: &Subject<'_>, _by: EndedBy, _action: Option<&str>) -> Vec<Notice> {
        let updates = json!({"authorized": "false"});
        event(of, "athlete", of.account.user_id, "update", &updates).into_iter().collect()
    }

    fn headers(&self, signing: &Signing<'_>, notice: &Notice) -> Vec<(&'static str, String)> {
        if !signing.signs {
            return Vec::new();
        }
        let time = signing.now.to_string();
        let signature = sign::sha256_hex(signing.secret, &[&time, ".", &notice.body]);
        vec![("X-Strava-Signature", format!("t={time},v1={signature}"))]
    }
}

/// What an application is to know of a change: of edits only those of the title, the type and who
/// may see it; and what it may not see does not exist for it.
fn aspect(change: &Change, sees_all: bool) -> Option<(&'static str, Value)> {
    let visible = |value: &&Value| sees_all || !is_private(value);
    let before = change.before.as_ref().map(|version| &version.value).filter(visible);
    let after = change.after.as_ref().map(|version| &version.value).filter(visible);
    match (before, after) {
        (None, None) => None,
        (None, Some(_)) if change.before.is_some() => Some(("update", json!({"private": "false"}))),
        (None, Some(_)) => Some(("create", json!({}))),
        (Some(_), None) => Some(("delete", json!({}))),
        (Some(before), Some(after)) => {
            let mut updates = Map::new();
            for (field, key) in [("name", "title"), ("sport_type", "type")] {
                if before.get(field) != after.get(field) {
                    updates.insert(key.to_owned(), after.get(field).cloned().unwrap_or_default());
                }
            }
            if is_private(before) != is_private(after) {
                updates.insert("private".to_owned(), json!(is_private(after).to_string()));
            }
            (!updates.is_empty()).then_some(("update", updates.into()))
        }
    }
}

fn event(of: &Subject<'_>, object: &str, id: i64, aspect: &str, updates: &Value) -> Option<Notice> {
    let subscription = of.state.notices.of_application.first()?;
    let body = json!({
        "aspect_type": aspect,
        "event_time": of.now,
        "object_id": id,
        "object_type": object,
        "owner_id": of.account.user_id,
        "subscription_id": subscription.id.parse::<i64>().ok(),
        "updates": updates,
    });
    Some(Notice::json(of.number, subscription.callback.as_ref()?, &body))
}
