//! Texts of the host app: which it may give, and how long they may be. On both databases.

use serde_json::{Value, json};

use super::{RECORDS, answer};
use crate::harness::{Daemon, HostApp, sandbox};

const AUTHORIZE: &str = "/v1/users/ann/connections/withings/authorize";

/// The call that adds a meal and an exercise with these texts.
fn records(app_id: &str, name: &str, activity: &str) -> Value {
    json!({"records": [
        {"app_id": app_id, "start": "2026-03-04T12:00:00+01:00",
         "nutrition": {"name": name, "energy_kcal": 240}},
        {"app_id": "e", "start": "2026-03-04T13:00:00+01:00",
         "exercise": {"activity": "other", "activity_original": activity, "energy_kcal": 240}},
    ]})
}

async fn refused(app: &HostApp, call: (&str, &str, &Value), (status, word): (u16, &str)) {
    let body = if call.2.is_null() { String::new() } else { call.2.to_string() };
    let (seen, detail) = answer(app, (call.0, call.1, body.as_bytes())).await;
    assert_eq!(seen, status, "{call:?}: {detail}");
    assert!(detail.contains(word), "`{word}` is not in: {detail}");
    assert!(detail.len() < 4_000, "{} bytes", detail.len());
}

#[tokio::test]
async fn control_characters_are_refused_with_the_field_they_are_in() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let app = &daemon.app;
    app.connect(&sandbox, "ann", "withings").await;
    let (status, detail) =
        answer(app, ("POST", RECORDS, records("m", "Soup", "Yoga").to_string().as_bytes())).await;
    assert_eq!(status, 201, "{detail}");
    let id = app.records("ann").await[0]["id"].as_str().unwrap().to_owned();
    let meal = json!({"start": "2026-03-04T12:00:00+01:00",
        "nutrition": {"name": "So\0up", "energy_kcal": 240}});
    for letter in ["\0", "\u{1}", "\u{1b}", "\u{7f}", "\u{85}"] {
        let bad = format!("a{letter}b");
        refused(app, ("POST", RECORDS, &records(&bad, "x", "x")), (422, "records[0].app_id: "))
            .await;
        let nutrition = (422, "records[0].nutrition.name: ");
        refused(app, ("POST", RECORDS, &records("a", &bad, "x")), nutrition).await;
        let exercise = (422, "records[1].exercise.activity_original: ");
        refused(app, ("POST", RECORDS, &records("a", "x", &bad)), exercise).await;
        let back = json!({"return_url": format!("http://127.0.0.1:9/{bad}")});
        refused(app, ("POST", AUTHORIZE, &back), (400, "return_url")).await;
        let zone = json!({"time_zone": bad});
        let connection = "/v1/users/ann/connections/withings";
        refused(app, ("PATCH", connection, &zone), (422, "time_zone")).await;
        let kind = json!({"poll": {bad.clone(): true}});
        refused(app, ("PATCH", connection, &kind), (422, "cannot be polled")).await;
        let of_type = json!({"records": [{"app_id": "a", "start": "2026-03-04T12:00:00+01:00",
            "measurement": {"type": bad, "value": 70}}]});
        refused(app, ("POST", RECORDS, &of_type), (422, "type")).await;
    }
    for letter in ["\n", "\r", "\t"] {
        let bad = format!("a{letter}b");
        refused(app, ("POST", RECORDS, &records(&bad, "x", "x")), (422, "records[0].app_id: "))
            .await;
        let back = json!({"return_url": format!("http://127.0.0.1:9/{bad}")});
        refused(app, ("POST", AUTHORIZE, &back), (400, "return_url")).await;
    }
    refused(app, ("PUT", &format!("{RECORDS}/{id}"), &meal), (422, "nutrition.name")).await;
    for encoded in ["%00", "a%00b", "%0A", "%1B", "%C2%85", "%FF"] {
        let record = format!("{RECORDS}/{encoded}");
        let none = Value::Null;
        for call in [("GET", &*record, &none), ("DELETE", &record, &none), ("PUT", &record, &meal)]
        {
            let (status, detail) =
                answer(app, (call.0, call.1, call.2.to_string().as_bytes())).await;
            assert!([400, 404, 422].contains(&status), "{status} {call:?}: {detail}");
        }
        for list in [RECORDS, "/v1/users/ann/syncs", "/v1/changes"] {
            for cursor in [
                encoded.to_owned(),
                format!("1.{encoded}"),
                format!("{encoded}.{id}"),
                format!("1.{id}{encoded}"),
            ] {
                let path = format!("{list}?cursor={cursor}");
                refused(app, ("GET", &path, &none), (400, "cursor")).await;
            }
        }
        // Bytes that are not UTF-8 become U+FFFD, which is the name of no partner.
        if encoded != "%FF" {
            let path = format!("/v1/users/ann/syncs?partner={encoded}");
            refused(app, ("GET", &path, &none), (400, "partner")).await;
        }
        let path = format!("/v1/users/ann/connections/{encoded}");
        refused(app, ("GET", &path, &none), (404, "no partner")).await;
        let path = format!("/v1/users/ann/sync?wait={encoded}");
        refused(app, ("POST", &path, &none), (400, "wait")).await;
    }
    assert!(!daemon.log().contains("the store failed"), "{}", daemon.log());
}

#[tokio::test]
async fn a_name_may_have_several_lines() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let name = "Soup\r\n\twith \u{202e}bread\u{1f35e}, 日本";
    let body = records("日本 | <b>'--", name, name).to_string();
    let (status, detail) = answer(&daemon.app, ("POST", RECORDS, body.as_bytes())).await;
    assert_eq!(status, 201, "{detail}");
    let stored = daemon.app.records("ann").await;
    assert_eq!(stored[0]["nutrition"]["name"], name);
    assert_eq!(stored[0]["source"]["app"], "日本 | <b>'--");
}

#[tokio::test]
async fn texts_have_a_length() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    // In bytes: each of these letters has two.
    let of = |bytes: usize| "é".repeat(bytes / 2);
    let body = records(&of(512), &of(1_024), &of(1_024)).to_string();
    let (status, detail) = answer(app, ("POST", RECORDS, body.as_bytes())).await;
    assert_eq!(status, 201, "{detail}");
    let long = of(514);
    for call in [records(&long, "x", "x"), records(&of(1_000_000), "x", "x")] {
        refused(app, ("POST", RECORDS, &call), (422, "records[0].app_id: ")).await;
        refused(app, ("POST", RECORDS, &call), (422, "512")).await;
    }
    for call in [records("a", &of(1_026), "x"), records("a", &of(1_900_000), "x")] {
        refused(app, ("POST", RECORDS, &call), (422, "records[0].nutrition.name: ")).await;
    }
    let exercise = records("a", "x", &of(1_026));
    refused(app, ("POST", RECORDS, &exercise), (422, "exercise.activity_original")).await;
    let begin = "http://127.0.0.1:9/";
    let url =
        |bytes: usize| json!({"return_url": format!("{begin}{}", "x".repeat(bytes - begin.len()))});
    let (status, detail) =
        answer(app, ("POST", AUTHORIZE, url(2_048).to_string().as_bytes())).await;
    assert_eq!(status, 201, "{detail}");
    for bytes in [2_049, 200_000] {
        refused(app, ("POST", AUTHORIZE, &url(bytes)), (400, "return_url")).await;
    }
    for call in [records("", "x", "x"), records("a", "", "x"), records("a", "x", "")] {
        refused(app, ("POST", RECORDS, &call), (422, "it is empty")).await;
    }
    // What is repeated in an error is cut.
    let word = "x".repeat(1_000_000);
    refused(app, ("POST", AUTHORIZE, &json!({word.clone(): 1})), (422, "xxx")).await;
    let meal = |meal: &str| {
        json!({"records": [{"app_id": "a", "start": "2026-03-04T12:00:00+01:00",
            "nutrition": {"meal": meal, "energy_kcal": 240}}]})
    };
    refused(app, ("POST", RECORDS, &meal(&word)), (422, "xxx")).await;
    let of_type = json!({"records": [{"app_id": "a", "start": "2026-03-04T12:00:00+01:00",
        "measurement": {"type": word, "value": 70}}]});
    refused(app, ("POST", RECORDS, &of_type), (422, "measurement.type")).await;
}

#[tokio::test]
async fn times_lie_between_1900_and_9999() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    for parameter in ["from", "to"] {
        for at in ["%2B10000-01-01T00:00:00Z", "%2B262142-12-31T00:00:00Z", "-0001-01-01T00:00:00Z"]
        {
            let path = format!("{RECORDS}?{parameter}={at}");
            refused(app, ("GET", &path, &Value::Null), (400, parameter)).await;
            refused(app, ("GET", &path, &Value::Null), (400, "9999")).await;
        }
        for at in [
            "0000-01-01T00:00:00Z",
            "1900-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2026-03-04T00:00:00%2B14:00",
        ] {
            app.get(&format!("{RECORDS}?{parameter}={at}")).await;
        }
    }
    for (start, end) in [
        ("2026-03-04T12:00:00Z", "+10000-01-01T00:00:00Z"),
        ("2026-03-04T12:00:00Z", "+262142-01-01T00:00:00Z"),
        ("1899-01-01T00:00:00Z", "2026-03-04T12:00:00Z"),
        ("0000-01-01T00:00:00Z", "2026-03-04T12:00:00Z"),
    ] {
        let body = json!({"records": [{"app_id": "a", "start": start, "end": end,
            "nutrition": {"energy_kcal": 240}}]});
        refused(app, ("POST", RECORDS, &body), (422, "records[0]")).await;
    }
}
