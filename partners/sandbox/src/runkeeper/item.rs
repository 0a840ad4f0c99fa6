//! Single items, and what a feed leaves out of them.

use serde_json::Value;

use super::{Resource, media};
use crate::call::{Answer, Call};
use crate::partner::Desk;

/// Fields that only `GET /fitnessActivities/{id}` returns.
const DETAILS: [&str; 14] = [
    "userID",
    "secondary_type",
    "equipment",
    "average_heart_rate",
    "heart_rate",
    "climb",
    "notes",
    "path",
    "distance",
    "images",
    "share",
    "share_map",
    "activity",
    "comments",
];

pub(super) fn answer(
    desk: &Desk<'_>,
    call: &Call<'_>,
    account: usize,
    resource: &'static Resource,
    id: i64,
) -> Answer {
    let is_activity = resource.name == "fitnessActivities";
    let short = is_activity && media::accepts(call, "FitnessActivitySummary");
    if !short && !media::accepts(call, resource.item) {
        return Answer::bare(406);
    }
    let items =
        desk.state.accounts.get(account).and_then(|account| account.collection(resource.name));
    let Some(found) = items.and_then(|items| items.find(id)) else {
        return Answer::bare(404);
    };
    if short {
        media::answer(desk, "FitnessActivitySummary", &summary(&found.value))
    } else {
        media::answer(desk, resource.item, &found.value)
    }
}

/// The item as a feed shows it. Fields that are not known details stay, so that odd records reach
/// the client.
pub(super) fn summary(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut()
        && fields.contains_key("start_time")
    {
        fields.retain(|name, _| !DETAILS.contains(&name.as_str()));
        // A series in an activity; a number in a nutrition entry, which has no start.
        if fields.get("calories").is_some_and(Value::is_array) {
            fields.remove("calories");
        }
    }
    value
}
