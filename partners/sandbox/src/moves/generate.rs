//! Made-up moves and stays with the irregularities of the real service.

use serde_json::{Value, json};

use super::time;
use crate::accounts::Account;
use crate::rng::Rng;

fn activity(account: &mut Account, kind: &str, at: i64, seconds: i64) -> Value {
    let (zone, tells_calories) = (account.zone, !account.oddity.is_multiple_of(4));
    let rng = &mut account.rng;
    let group = match kind {
        "walking_on_treadmill" => Some("walking"),
        "zumba" => None,
        kind => Some(kind),
    };
    let mut value = json!({
        "activity": kind, "manual": false, "startTime": time::write(at, zone),
        "endTime": time::write(at + seconds, zone), "duration": seconds,
    });
    // Kinds without a group have no `group`; distance and steps are missing where they mean
    // nothing.
    if let Some(group) = group {
        value["group"] = json!(group);
    }
    if matches!(kind, "walking" | "running" | "cycling" | "transport") {
        value["distance"] = json!((seconds * rng.range(10, 60)) as f64 / 10.0);
    }
    if matches!(kind, "walking" | "running" | "walking_on_treadmill") {
        value["steps"] = json!(seconds * 2);
    }
    // Energy needs a weight and a height in the app.
    if tells_calories && kind != "transport" {
        value["calories"] = json!(seconds / 12 + 1);
    }
    value
}

fn around(account: &Account, kind: &str, start: i64, end: i64, activities: &Value) -> Value {
    let mut segment = json!({
        "type": kind, "startTime": time::write(start, account.zone),
        "endTime": time::write(end, account.zone), "activities": activities,
    });
    if kind == "place" {
        segment["place"] = json!({
            "id": 1, "type": "unknown", "location": {"lat": -41.5, "lon": -140.25},
        });
    }
    segment
}

/// A move, or a stay with some exercise in it.
pub(super) fn segment(account: &mut Account, at: i64) -> Value {
    let kind = account.rng.pick(
        "walking",
        &["walking", "running", "cycling", "transport", "walking_on_treadmill", "zumba"],
    );
    let seconds = account.rng.range(300, 3_000);
    let done = activity(account, kind, at, seconds);
    if matches!(kind, "walking_on_treadmill" | "zumba") {
        around(account, "place", at - 600, at + seconds + 600, &json!([done]))
    } else {
        around(account, "move", at, at + seconds, &json!([done]))
    }
}

/// A stay over midnight with a walk on both of its days, and a workout that was added without its
/// times.
pub(super) fn oddities(account: &mut Account, first: i64) -> Vec<(i64, Value)> {
    let midnight = time::begins(time::day(first + 2 * 86_400, account.zone), account.zone);
    let walks = json!([
        activity(account, "walking", midnight - 1_800, 300),
        activity(account, "walking", midnight + 1_800, 300),
    ]);
    let stay = around(account, "place", midnight - 7_200, midnight + 7_200, &walks);
    let mut added = activity(account, "zumba", midnight + 30_000, 1_800);
    if let Some(fields) = added.as_object_mut() {
        fields.remove("startTime");
        fields.remove("endTime");
    }
    added["manual"] = json!(true);
    let gym = around(account, "place", midnight + 30_000, midnight + 33_000, &json!([added]));
    vec![(midnight + 8_000, stay), (midnight + 40_000, gym)]
}

/// The user corrects the kind that the app detected.
pub(super) fn retouch(value: &mut Value, rng: &mut Rng) {
    let kind = rng.pick("walking", &["running", "cycling"]);
    if let Some(activity) = value.pointer_mut("/activities/0") {
        activity["activity"] = json!(kind);
        activity["group"] = json!(kind);
    }
}
