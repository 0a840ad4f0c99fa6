//! Google Health: lists with their filters and pages, writing, errors.

use std::collections::BTreeSet;
use std::time::Duration;

use partner_sandbox::{AccountChange, Sandbox};
use serde_json::{Value, json};

use super::client::*;

pub(crate) fn ask(sandbox: &Sandbox, method: &str, path: &str, token: &str, body: &Value) -> Reply {
    let url = format!("{}{path}", sandbox.urls("google_health").api_url);
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(method, &url, &headers, &body).unwrap()
}

pub(crate) fn list(sandbox: &Sandbox, token: &str, kind: &str, query: &[(&str, &str)]) -> Reply {
    let path = format!("/v4/users/me/dataTypes/{kind}/dataPoints?{}", form(query));
    ask(sandbox, "GET", &path, token, &Value::Null)
}

pub(crate) fn create(sandbox: &Sandbox, token: &str, kind: &str, point: &Value) -> Reply {
    ask(sandbox, "POST", &format!("/v4/users/me/dataTypes/{kind}/dataPoints"), token, point)
}

fn delete(sandbox: &Sandbox, token: &str, kind: &str, names: &[&str]) -> Reply {
    let path = format!("/v4/users/me/dataTypes/{kind}/dataPoints:batchDelete");
    ask(sandbox, "POST", &path, token, &json!({"names": names}))
}

fn empty_account(sandbox: &Sandbox, name: &str) -> String {
    let change = AccountChange { empty: true, ..AccountChange::default() };
    sandbox.control().put_account("google_health", name, &change).unwrap();
    token(sandbox, "google_health", name)
}

fn names(listing: &Value) -> Vec<String> {
    let points = listing["dataPoints"].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| point["name"].as_str().unwrap().to_owned()).collect()
}

/// Status, Google's status word, and the reason if there is one.
pub(crate) fn failure(reply: &Reply) -> (u16, String, Option<String>) {
    let error = reply.json()["error"].clone();
    assert_eq!(error["code"], json!(reply.status));
    let word = error["status"].as_str().unwrap().to_owned();
    (reply.status, word, error["details"][0]["reason"].as_str().map(str::to_owned))
}

pub(crate) fn refused(status: u16, word: &str, reason: &str) -> (u16, String, Option<String>) {
    (status, word.to_owned(), (!reason.is_empty()).then(|| reason.to_owned()))
}

pub(crate) fn weight(time: &str, grams: f64) -> Value {
    json!({"weight": {"sampleTime": {"physicalTime": time, "utcOffset": "7200s"}, "weightGrams": grams}})
}

fn run(start: &str, end: &str) -> Value {
    json!({"exercise": {
        "interval": {"startTime": start, "startUtcOffset": "-18000s", "endTime": end, "endUtcOffset": "-18000s"},
        "exerciseType": "RUNNING", "displayName": "Run", "activeDuration": "1800s",
        "metricsSummary": {"caloriesKcal": 300.5, "steps": "4000", "averageHeartRateBeatsPerMinute": "140"},
    }})
}

#[test]
fn a_list_is_newest_first_and_its_pages_end() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "pages");
    sandbox.control().generate("google_health", "pages", "exercise", 50, 30).unwrap();
    let (mut seen, mut starts, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = String::new();
    loop {
        let page = list(&sandbox, &token, "exercise", &[("pageSize", "100"), ("pageToken", &next)]);
        let page = page.json();
        let points = page["dataPoints"].as_array().cloned().unwrap_or_default();
        starts.extend(
            points
                .iter()
                .map(|it| it["exercise"]["interval"]["startTime"].as_str().unwrap().to_owned()),
        );
        sizes.push(points.len());
        seen.extend(names(&page));
        match page["nextPageToken"].as_str() {
            Some(token) => next = token.to_owned(),
            None => {
                assert_eq!(page, json!({}), "nothing follows a full page");
                break;
            }
        }
    }
    assert_eq!(sizes, [25, 25, 0], "at most 25 exercises a page, whatever was asked for");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 50);
    assert!(starts.is_sorted_by(|newer, older| newer >= older), "{starts:?}");
    let other = [
        ("pageToken", next.as_str()),
        ("filter", "exercise.interval.civil_start_time >= \"2026-01-01\""),
    ];
    let strange = list(&sandbox, &token, "exercise", &other);
    assert_eq!(failure(&strange), refused(400, "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"));
}

#[test]
fn samples_are_filtered_by_instant_and_sessions_by_the_date_on_the_wall() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "filters");
    for time in ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"] {
        assert_eq!(create(&sandbox, &token, "weight", &weight(time, 70_000.0)).status, 200);
    }
    // Five hours behind UTC this is still the thirtieth.
    let late = run("2026-10-01T03:00:00Z", "2026-10-01T03:30:00Z");
    assert_eq!(create(&sandbox, &token, "exercise", &late).status, 200);
    let count = |kind, filter| {
        let reply = list(&sandbox, &token, kind, &[("filter", filter)]);
        if reply.status == 200 { Ok(names(&reply.json()).len()) } else { Err(failure(&reply).2) }
    };
    let refused = Err(Some("INVALID_DATA_POINT_FILTER".to_owned()));
    assert_eq!(
        count("weight", "weight.sample_time.physical_time >= \"2026-10-01T00:00:00Z\""),
        Ok(2)
    );
    let both = "weight.sample_time.physical_time >= \"2026-10-01T00:00:00Z\" AND \
                weight.sample_time.physical_time < \"2026-10-02T00:00:00Z\"";
    assert_eq!(count("weight", both), Ok(1));
    for filter in [
        "weight.sample_time.physical_time > \"2026-10-01T00:00:00Z\"",
        "weight.sampleTime.physicalTime >= \"2026-10-01T00:00:00Z\"",
        "weight.sample_time.physical_time >= 2026-10-01",
        "body_fat.sample_time.physical_time >= \"2026-10-01T00:00:00Z\"",
    ] {
        assert_eq!(count("weight", filter), refused, "{filter}");
    }
    let physical = "exercise.interval.start_time >= \"2026-10-01T00:00:00Z\"";
    assert_eq!(count("exercise", physical), refused);
    let ignored = count("exercise", "exercise.interval.civil_start_time >= \"2026-10-01\"");
    let kept = count("exercise", "exercise.interval.civil_start_time >= \"2026-09-30\"");
    assert_eq!((ignored, kept), (Ok(0), Ok(1)));
}

#[test]
fn exercises_of_some_accounts_ignore_the_range() {
    let sandbox = relaxed();
    let count = |name: &str| {
        let token = empty_account(&sandbox, name);
        let control = sandbox.control();
        control.generate("google_health", name, "exercise", 5, 30).unwrap();
        let future = [("filter", "exercise.interval.civil_start_time >= \"2030-01-01\"")];
        names(&list(&sandbox, &token, "exercise", &future).json()).len()
    };
    let counts: BTreeSet<usize> = (0..12).map(|number| count(&format!("p{number}"))).collect();
    assert_eq!(counts, BTreeSet::from([0, 5]));
}

#[test]
fn what_is_written_is_answered_with_a_finished_operation_and_served_afterwards() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "writer");
    let sent = run("2026-09-30T18:00:00-05:00", "2026-09-30T18:30:00-05:00");
    let operation = create(&sandbox, &token, "exercise", &sent).json();
    assert_eq!(operation["done"], json!(true));
    let made = &operation["response"];
    let name = made["name"].as_str().unwrap();
    assert_eq!(made["dataSource"]["platform"], json!("GOOGLE_WEB_API"));
    assert_eq!(made["exercise"]["interval"]["startTime"], json!("2026-09-30T23:00:00Z"));
    let civil = json!({"date": {"year": 2026, "month": 9, "day": 30}, "time": {"hours": 18}});
    assert_eq!(made["exercise"]["interval"]["civilStartTime"], civil);
    assert_eq!(made["exercise"]["metricsSummary"], sent["exercise"]["metricsSummary"]);
    let path = format!("/v4/{name}");
    let mut served = ask(&sandbox, "GET", &path, &token, &Value::Null).json();
    served["@type"] = made["@type"].clone();
    assert_eq!(&served, made);

    sandbox.control().advance(Duration::from_secs(60));
    let mut changed = sent.clone();
    changed["exercise"]["metricsSummary"] = json!({"caloriesKcal": 310});
    let masked = ask(&sandbox, "PATCH", &format!("{path}?updateMask=exercise"), &token, &changed);
    assert_eq!(failure(&masked), refused(400, "INVALID_ARGUMENT", ""));
    let patched = ask(&sandbox, "PATCH", &path, &token, &changed).json()["response"].clone();
    assert_eq!(patched["name"], json!(name));
    assert_eq!(patched["exercise"]["metricsSummary"], json!({"caloriesKcal": 310}));
    assert_eq!(patched["exercise"]["createTime"], made["exercise"]["createTime"]);
    assert_ne!(patched["exercise"]["updateTime"], made["exercise"]["updateTime"]);

    assert_eq!(delete(&sandbox, &token, "exercise", &[name]).json()["done"], json!(true));
    assert_eq!(
        failure(&delete(&sandbox, &token, "exercise", &[name])),
        refused(404, "NOT_FOUND", "")
    );
    assert_eq!(ask(&sandbox, "PATCH", &path, &token, &changed).status, 404);
    assert_eq!(list(&sandbox, &token, "exercise", &[]).json(), json!({}));
}

#[test]
fn a_body_is_judged_field_by_field() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "strict");
    let good = run("2026-09-30T18:00:00Z", "2026-09-30T18:30:00Z");
    for (place, value) in [
        ("/exercise/metricsSummary/steps", json!(4_000)),
        ("/exercise/metricsSummary/caloriesKcal", json!("300")),
        ("/exercise/metricsSummary", Value::Null),
        ("/exercise/activeDuration", json!(1_800)),
        ("/exercise/activeDuration", json!("30m")),
        ("/exercise/displayName", json!("")),
        ("/exercise/exerciseType", json!("running")),
        ("/exercise/interval/startUtcOffset", json!("-05:00")),
        ("/exercise/interval/endTime", json!("2026-09-30")),
        ("/exercise/interval/endTime", json!("2026-09-30T18:00:00Z")),
        ("/exercise", json!({"duration": 5})),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let reply = create(&sandbox, &token, "exercise", &wrong);
        assert_eq!(
            (reply.status, failure(&reply).1.as_str()),
            (400, "INVALID_ARGUMENT"),
            "{wrong}"
        );
    }
    let time = json!({"physicalTime": "2026-10-01T00:00:00Z"});
    for (kind, wrong) in [
        ("weight", weight("2026-10-01T05:40:00Z", 0.5)),
        ("weight", json!({"weight": {"sampleTime": time, "weightKilograms": 70}})),
        ("weight", json!({"bodyFat": {"sampleTime": time, "percentage": 20}})),
        ("weight", json!({"dataPoint": weight("2026-10-01T05:40:00Z", 70_000.0)})),
        ("body-fat", json!({"bodyFat": {"sampleTime": time, "percentage": 120}})),
        ("height", json!({"height": {"sampleTime": time, "heightMillimeters": 1_785}})),
        ("blood-pressure", json!({})),
    ] {
        assert_eq!(create(&sandbox, &token, kind, &wrong).status, 400, "{kind} {wrong}");
    }
    let url = format!(
        "{}/v4/users/me/dataTypes/weight/dataPoints",
        sandbox.urls("google_health").api_url
    );
    let bearer = format!("Bearer {token}");
    let body = weight("2026-10-01T05:40:00Z", 70_000.0).to_string();
    let no_type = send("POST", &url, &[("Authorization", &bearer)], &body).unwrap();
    assert_eq!(no_type.status, 400);
    assert_eq!(sandbox.control().accounts("google_health").unwrap().last().unwrap().items.len(), 0);
}

#[test]
fn other_programs_points_and_nutrition_logs_cannot_be_edited() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "owner");
    let control = sandbox.control();
    let others = control.generate("google_health", "owner", "weight", 1, 3).unwrap();
    let point = weight("2026-10-01T05:40:00Z", 70_000.0);
    let own = create(&sandbox, &token, "weight", &point).json()["response"]["name"].clone();
    let foreign = names(&list(&sandbox, &token, "weight", &[]).json());
    let foreign = foreign.iter().find(|name| name.ends_with(&format!("/{}", others[0]))).unwrap();
    let not_owned = "DATA_POINT_NOT_OWNED_BY_CLIENT";
    let patched = ask(&sandbox, "PATCH", &format!("/v4/{foreign}"), &token, &point);
    assert_eq!(failure(&patched), refused(400, "INVALID_ARGUMENT", not_owned));
    let both = delete(&sandbox, &token, "weight", &[own.as_str().unwrap(), foreign]);
    assert_eq!(failure(&both), refused(403, "PERMISSION_DENIED", not_owned));
    let missing = foreign.replace(&others[0].to_string(), "1");
    assert_eq!(delete(&sandbox, &token, "weight", &[own.as_str().unwrap(), &missing]).status, 404);
    assert_eq!(names(&list(&sandbox, &token, "weight", &[]).json()).len(), 2, "all or nothing");

    let meal = json!({"nutritionLog": {
        "interval": {"startTime": "2026-09-30T18:00:00Z", "endTime": "2026-09-30T18:30:00Z"},
        "foodDisplayName": "Soup", "mealType": "LUNCH", "energy": {"kcal": 210},
        "nutrients": [{"nutrient": "SODIUM", "quantity": {"grams": 0.8}}],
    }});
    let made = create(&sandbox, &token, "nutrition-log", &meal).json()["response"]["name"].clone();
    let path = format!("/v4/{}", made.as_str().unwrap());
    let edited = ask(&sandbox, "PATCH", &path, &token, &meal);
    assert_eq!(failure(&edited), refused(400, "FAILED_PRECONDITION", ""));
    let equal = json!({"startTime": "2026-09-30T18:00:00Z", "endTime": "2026-09-30T18:00:00Z"});
    let mut instant = meal.clone();
    instant["nutritionLog"]["interval"] = equal;
    let reply = create(&sandbox, &token, "nutrition-log", &instant);
    assert_eq!(failure(&reply), refused(400, "INVALID_ARGUMENT", "INVALID_TIME_RANGE"));
}
