//! What a caller gets wrong is named with its place, all of it at once, and with what to send.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, HostApp, sandbox};

const RECORDS: &str = "/v1/users/ann/records";

fn weight(app_id: &str) -> Value {
    json!({"app_id": app_id, "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": 70}})
}

/// A weight in which the value at a pointer is another one.
fn with(pointer: &str, value: Value) -> Value {
    let mut record = weight("w");
    *record.pointer_mut(pointer).unwrap() = value;
    record
}

async fn problem(app: &HostApp, call: (Method, &str, &Value)) -> (u16, Value) {
    let body = if call.2.is_null() { None } else { Some(call.2.to_string()) };
    let (status, problem) = app.call(call.0, call.1, body.as_deref()).await;
    (status.as_u16(), problem)
}

/// Each place that is wrong, and what is wrong there.
fn errors(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| {
            let place = error["pointer"].as_str().or(error["parameter"].as_str());
            (place.unwrap(), error["detail"].as_str().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn all_mistakes_of_a_batch_come_at_once_each_with_its_place() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let mut records: Vec<Value> = (0..1_000).map(|number| weight(&number.to_string())).collect();
    records[3]["start"] = "2026-11-22T07:15:00".into();
    records[7]["measurement"]["value"] = 7_000.into();
    records[9]["measurement"]["type"] = "wieght".into();
    records[11]["note"] = "x".into();
    records[11]["end"] = "2026-03-04T07:15:00+02:00".into();
    records[13]["measurement"]["value"] = "71.3".into();
    records[500]["app_id"] = "3".into();
    records[900] = json!({"app_id": "x", "start": "2026-03-04T06:15:00Z", "exercise": {"activity": "runing", "steps": 1.5}});
    let (status, problem) =
        problem(&daemon.app, (Method::POST, RECORDS, &json!({"records": records}))).await;
    assert_eq!((status, problem["type"].as_str()), (422, Some("urn:syncwell:problem:bad-values")));
    let expected = [
        ("/records/3/start", "no offset"),
        ("/records/7/measurement/value", "out of any human range (0.3 to 700 kg)"),
        ("/records/9/measurement/type", "did you mean `weight`?"),
        ("/records/11/note", "there is no field `note` here"),
        ("/records/13/measurement/value", "send a number from 0 to 1000000, not a text"),
        ("/records/900/exercise/activity", "did you mean `running`?"),
        ("/records/900/exercise/steps", "send a whole number"),
    ];
    let errors = errors(&problem);
    for (pointer, words) in expected {
        let found = errors.iter().find(|(place, _)| *place == pointer);
        assert!(found.is_some_and(|(_, said)| said.contains(words)), "{pointer}: {problem}");
    }
    assert_eq!(errors.len(), expected.len(), "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with("6 more values are wrong; see errors"), "{detail}");
    assert!(!detail.contains("7000") && !problem.to_string().contains("71.3"), "{problem}");
    assert_eq!(daemon.app.get(RECORDS).await["records"], json!([]));
}

#[tokio::test]
async fn dates_that_lack_something_are_answered_with_what_to_write() {
    let daemon = Daemon::start(&sandbox(), "").await;
    for (sent, why) in [
        (json!("2026-11-22T07:15:00"), "has no offset; write e.g. 2026-11-22T07:15:00+01:00 or"),
        (json!("22.11.2026"), "is not written as year-month-day; write e.g. 2026-11-22T"),
        (json!("2026-11-22"), "has no time and no offset"),
        (json!("2026-11-22T07:15:00+0100"), "without a colon"),
        (json!("yesterday"), "is not a date"),
        (
            json!(1_700_000_000),
            "send a date with a time and an offset, e.g. 2026-11-22T07:15:00+01:00, not a number",
        ),
        (Value::Null, "not null"),
    ] {
        let mut record = weight("w");
        record["start"] = sent.clone();
        let body = json!({"records": [weight("v"), record]});
        let (status, problem) = problem(&daemon.app, (Method::POST, RECORDS, &body)).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 422 && detail.starts_with("records[1].start: "), "{sent}: {problem}");
        assert!(detail.contains(why), "{sent}: {detail}");
    }
    for (query, words) in [
        ("from=2026-11-22", "from: `2026-11-22` has no time"),
        ("from=2026-11-22T07:15:00+01:00", "from: `2026-11-22T07:15:00 01:00` has a blank"),
        (
            "to=2026-11-22T07:15:00",
            "to: `2026-11-22T07:15:00` has no offset; write e.g. 2026-11-22T07:15:00%2B01:00",
        ),
        ("limit=abc", "limit: send a whole number from 1 to 1000, not a text"),
        ("limit=-1", "limit: it is out of range; send a whole number from 1 to 1000"),
        ("limit=10.0", "limit: send a whole number from 1 to 1000"),
        ("limit=1&limit=2", "limit: it stands there twice"),
        ("knid=weight", "knid: there is no parameter `knid` here; did you mean `kind`?"),
        (
            "kind=weight",
            "kind: there is no `weight`; send one of: measurement, exercise, nutrition",
        ),
    ] {
        let call = (Method::GET, &*format!("{RECORDS}?{query}"), &Value::Null);
        let (status, problem) = problem(&daemon.app, call).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.starts_with(words), "{query}: {problem}");
    }
    let call = (Method::GET, &*format!("{RECORDS}?limit=0&from=x&too=1"), &Value::Null);
    let (_, problem) = problem(&daemon.app, call).await;
    let mut places: Vec<_> = errors(&problem).iter().map(|(place, _)| *place).collect();
    places.sort_unstable();
    assert_eq!(places, ["from", "limit", "too"], "{problem}");
}

#[tokio::test]
async fn objects_are_not_read_from_lists_and_no_type_of_the_code_is_shown() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let list =
        json!(["arr-2", null, "2026-11-22T07:15:00+01:00", null, {"type": "weight", "value": 70}]);
    let path = "/v1/users/ann/connections/withings";
    for (method, path, body) in [
        (Method::POST, RECORDS, json!([[weight("w")]])),
        (Method::POST, RECORDS, json!([])),
        (Method::POST, RECORDS, json!({"records": [list]})),
        (
            Method::POST,
            RECORDS,
            json!({"records": [with("/measurement", json!(["weight", 70, "kg"]))]}),
        ),
        (Method::POST, RECORDS, json!({"records": {"0": weight("w")}})),
        (Method::PATCH, path, json!([{"weight": true}])),
        (Method::PATCH, path, json!({"poll": [["weight", true]]})),
        (Method::PATCH, path, json!({"poll": {"weight": "yes"}})),
        (
            Method::POST,
            "/v1/users/ann/connections/withings/authorize",
            json!(["http://127.0.0.1/"]),
        ),
    ] {
        let (status, problem) = problem(&daemon.app, (method, path, &body)).await;
        assert_eq!(status, 422, "{body}: {problem}");
        assert!(!errors(&problem).is_empty(), "{body}: {problem}");
        for word in ["struct", "NewRecords", "RecordInput", "Choices", "invalid length", "serde"] {
            assert!(!problem.to_string().contains(word), "{body}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_suggestion_is_made_only_when_it_is_near() {
    let daemon = Daemon::start(&sandbox(), "").await;
    for (word, near) in [
        ("wieght", Some("weight")),
        ("body-fat", Some("body_fat")),
        ("WEIGHT", Some("weight")),
        ("blood_pressure", None),
        ("steps", None),
        ("zzz", None),
    ] {
        let body = json!({"records": [with("/measurement/type", word.into())]});
        let (_, problem) = problem(&daemon.app, (Method::POST, RECORDS, &body)).await;
        let detail = problem["detail"].as_str().unwrap();
        match near {
            Some(near) => assert!(detail.contains(&format!("did you mean `{near}`?")), "{detail}"),
            None => assert!(
                detail.contains("systolic, diastolic") && !detail.contains("did you"),
                "{detail}"
            ),
        }
    }
}

#[tokio::test]
async fn what_get_returns_put_takes_and_what_cannot_change_is_named() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    let (_, added) =
        problem(app, (Method::POST, RECORDS, &json!({"records": [weight("w")]}))).await;
    let id = added["records"][0]["id"].as_str().unwrap();
    let path = format!("{RECORDS}/{}", id.to_uppercase());
    let mut read = app.get(&path).await;
    assert_eq!((&read["partners"], &read["id"]), (&json!([]), &json!(id)), "also in upper case");
    read["measurement"]["value"] = json!(71.5);
    let (status, written) = problem(app, (Method::PUT, &path, &read)).await;
    assert_eq!((status, &written["measurement"]["value"]), (200, &json!(71.5)), "{written}");
    read["user_id"] = "ben".into();
    read["source"] = json!({"app": "other"});
    read["deleted"] = true.into();
    read["id"] = "x".into();
    read["end"] = "2026-03-04T07:15:00+02:00".into();
    let (status, problem) = problem(app, (Method::PUT, &path, &read)).await;
    let mut places: Vec<_> = errors(&problem).iter().map(|(place, _)| *place).collect();
    places.sort_unstable();
    assert_eq!((status, &*places), (422, &["/deleted", "/end", "/id", "/source", "/user_id"][..]));
}
