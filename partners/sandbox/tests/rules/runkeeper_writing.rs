//! RunKeeper: creating, replacing and deleting items.

use partner_sandbox::{AccountChange, Sandbox};
use serde_json::{Value, json};

use super::client::*;

/// A sandbox with an empty account, and its token.
fn empty() -> (Sandbox, String) {
    let sandbox = relaxed();
    let change = AccountChange { empty: true, time_zone: None, history_days: None };
    sandbox.control().put_account("runkeeper", "writer", &change).unwrap();
    let token = token(&sandbox, "runkeeper", "writer");
    (sandbox, token)
}

fn write(
    (sandbox, token): &(Sandbox, String),
    method: &str,
    path: &str,
    kind: &str,
    body: &Value,
) -> Reply {
    let url = format!("{}{path}", sandbox.urls("runkeeper").api_url);
    let bearer = format!("Bearer {token}");
    let kind = format!("application/vnd.com.runkeeper.{kind}+json");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind.as_str())];
    send(method, &url, &headers, &body.to_string()).unwrap()
}

fn weight() -> Value {
    json!({"timestamp": "Thu, 1 Oct 2026 08:00:00", "weight": 70.5})
}

fn run() -> Value {
    json!({"type": "Running", "start_time": "Thu, 1 Oct 2026 07:00:00", "duration": 1800.5, "total_distance": 5000,
        "total_calories": 380, "average_heart_rate": 140, "notes": "first run", "post_to_facebook": false,
        "post_to_twitter": false, "detect_pauses": false})
}

fn meal() -> Value {
    json!({"timestamp": "Thu, 1 Oct 2026 12:00:00", "meal": "Lunch", "calories": 450, "water": 8})
}

#[test]
fn a_new_item_is_answered_with_its_address_and_shows_in_its_feed_and_the_log() {
    let it = empty();
    for (path, new, feed, key, body) in [
        ("/weight", "NewWeightSet", "WeightSetFeed", "weight", weight()),
        (
            "/fitnessActivities",
            "NewFitnessActivity",
            "FitnessActivityFeed",
            "fitness_activities",
            run(),
        ),
        ("/nutrition", "NewNutritionSet", "NutritionSetFeed", "nutrition", meal()),
    ] {
        let made = write(&it, "POST", path, new, &body);
        assert_eq!((made.status, made.body.len()), (201, 0), "{path}: {}", made.text());
        let uri = made.header("location").unwrap();
        assert!(uri.starts_with(&format!("{path}/")), "{uri}");
        let item = read(&it.0, path, &it.1, feed).json()["items"][0].clone();
        assert_eq!(item["uri"], json!(uri));
        assert_eq!(item["source"], json!(it.0.client_id("runkeeper")));
        assert!(item.get("utc_offset").is_none() && item.get("post_to_facebook").is_none());
        let log =
            read(&it.0, "/changeLog?modifiedNoEarlierThan=2026-10-01T12:00:00", &it.1, "ChangeLog");
        assert_eq!(log.json()[key]["modified"][0]["uri"], json!(uri));
    }
    let feed = read(&it.0, "/fitnessActivities", &it.1, "FitnessActivityFeed").json();
    let activity = &feed["items"][0];
    assert_eq!(
        (&activity["entry_mode"], &activity["duration"], activity.get("average_heart_rate")),
        (&json!("API"), &json!(1800.5), None)
    );
}

#[test]
fn what_is_put_replaces_what_can_be_written_and_nothing_else() {
    let it = empty();
    let made = write(&it, "POST", "/fitnessActivities", "NewFitnessActivity", &run());
    let uri = made.header("location").unwrap().to_owned();
    let before = read(&it.0, &uri, &it.1, "FitnessActivity").json();
    let put = json!({"type": "Walking", "start_time": "Thu, 1 Oct 2026 07:30:00", "duration": 900, "uri": "/elsewhere",
        "userID": 1});
    let answer = write(&it, "PUT", &uri, "FitnessActivity", &put);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let after = answer.json();
    assert_eq!(after, read(&it.0, &uri, &it.1, "FitnessActivity").json());
    assert_eq!((&after["type"], &after["duration"]), (&json!("Walking"), &json!(900)));
    assert!(after.get("notes").is_none() && after.get("total_calories").is_none());
    for kept in ["uri", "userID", "source", "entry_mode"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
}

#[test]
fn what_is_deleted_is_gone_and_shows_in_the_log() {
    let it = empty();
    let made = write(&it, "POST", "/weight", "NewWeightSet", &weight());
    let uri = made.header("location").unwrap().to_owned();
    let deleted = write(&it, "DELETE", &uri, "WeightSet", &Value::Null);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    let log =
        read(&it.0, "/changeLog?modifiedNoEarlierThan=2026-10-01T12:00:00", &it.1, "ChangeLog");
    assert_eq!(log.json()["weight"], json!({"modified": [], "deleted": [uri]}));
    for (method, body) in [("DELETE", Value::Null), ("PUT", weight())] {
        assert_eq!(write(&it, method, &uri, "WeightSet", &body).status, 404, "{method}");
    }
    assert_eq!(read(&it.0, &uri, &it.1, "WeightSet").status, 404);
}

#[test]
fn each_resource_wants_its_own_content_type() {
    let it = empty();
    for wrong in ["WeightSet", "NewWeight", "NewNutritionSet"] {
        assert_eq!(write(&it, "POST", "/weight", wrong, &weight()).status, 415, "{wrong}");
    }
    let url = format!("{}/weight?access_token={}", it.0.urls("runkeeper").api_url, it.1);
    for kind in ["application/json", "application/x-www-form-urlencoded"] {
        let reply = send("POST", &url, &[("Content-Type", kind)], &weight().to_string()).unwrap();
        assert_eq!(reply.status, 415, "{kind}");
    }
    let lower = ("Content-Type", "application/vnd.com.runkeeper.newweightset+JSON; charset=UTF-8");
    let made = send("POST", &url, &[lower], &weight().to_string()).unwrap();
    assert_eq!(made.status, 201);
    let uri = made.header("location").unwrap();
    assert_eq!(write(&it, "PUT", uri, "NewWeightSet", &weight()).status, 415);
    for path in ["/sleep", "/user", "/changeLog"] {
        assert_eq!(write(&it, "POST", path, "NewSleepSet", &weight()).status, 405, "{path}");
    }
}

#[test]
fn what_lacks_a_required_field_or_is_of_another_form_is_400() {
    let it = empty();
    let with = |mut item: Value, name: &str, value: Option<Value>| {
        let fields = item.as_object_mut().unwrap();
        match value {
            Some(value) => drop(fields.insert(name.to_owned(), value)),
            None => drop(fields.remove(name)),
        }
        item
    };
    for (path, new, body) in [
        ("/weight", "NewWeightSet", with(weight(), "timestamp", None)),
        ("/weight", "NewWeightSet", with(weight(), "weight", None)),
        ("/weight", "NewWeightSet", with(weight(), "weight", Some(json!("70.5")))),
        ("/weight", "NewWeightSet", with(weight(), "weight", Some(json!(-1)))),
        (
            "/weight",
            "NewWeightSet",
            with(weight(), "timestamp", Some(json!("2026-10-01T08:00:00"))),
        ),
        ("/weight", "NewWeightSet", with(weight(), "height", Some(json!(180)))),
        ("/weight", "NewWeightSet", json!([weight()])),
        ("/fitnessActivities", "NewFitnessActivity", with(run(), "type", None)),
        ("/fitnessActivities", "NewFitnessActivity", with(run(), "start_time", None)),
        ("/fitnessActivities", "NewFitnessActivity", with(run(), "duration", None)),
        ("/fitnessActivities", "NewFitnessActivity", with(run(), "utc_offset", Some(json!(2)))),
        ("/nutrition", "NewNutritionSet", with(meal(), "timestamp", None)),
    ] {
        assert_eq!(write(&it, "POST", path, new, &body).status, 400, "{body}");
    }
    let made = write(&it, "POST", "/weight", "NewWeightSet", &weight());
    let uri = made.header("location").unwrap();
    for body in [json!({}), with(weight(), "weight", None), with(weight(), "kilos", Some(json!(1)))]
    {
        assert_eq!(write(&it, "PUT", uri, "WeightSet", &body).status, 400, "{body}");
    }
    assert_eq!(read(&it.0, uri, &it.1, "WeightSet").json()["weight"], json!(70.5));
}

#[test]
fn without_the_permission_to_edit_nothing_is_written() {
    let it = empty();
    let made = write(&it, "POST", "/weight", "NewWeightSet", &weight());
    let uri = made.header("location").unwrap();
    let url = format!("{}/control/runkeeper/accounts/writer/read_only", it.0.url());
    assert_eq!(send("PUT", &url, &[], "true").unwrap().status, 204);
    for (method, path, kind) in [
        ("POST", "/weight", "NewWeightSet"),
        ("PUT", uri, "WeightSet"),
        ("DELETE", uri, "WeightSet"),
    ] {
        let refused = write(&it, method, path, kind, &weight());
        let reason = json!({"reason": "Insufficient permission"});
        assert_eq!((refused.status, refused.json()), (403, reason), "{method}");
    }
    assert_eq!(read(&it.0, uri, &it.1, "WeightSet").status, 200);
    it.0.control().set_read_only("runkeeper", "writer", false).unwrap();
    assert_eq!(write(&it, "DELETE", uri, "WeightSet", &Value::Null).status, 204);
}
