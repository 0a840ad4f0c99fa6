//! Google Health: tokens, lists with their filters and pages, writing, failures (google_health.md 2 to 5, 7).

use std::collections::BTreeSet;
use std::time::Duration;

use partner_sandbox::{AccountChange, Limit, Limits, Sandbox, TokenAction};
use serde_json::{Value, json};

use super::client::*;

const PREFIX: &str = "https://www.googleapis.com/auth/googlehealth.";

fn scope(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// A code for these scopes, with these further parameters of the authorize address.
fn code_for(sandbox: &Sandbox, scopes: &[&str], further: &[(&str, &str)]) -> String {
    let scopes: Vec<String> = scopes.iter().map(|name| scope(name)).collect();
    let scopes = scopes.join(" ");
    let mut query = vec![
        ("response_type", "code"),
        ("client_id", sandbox.client_id("google_health")),
        ("scope", scopes.as_str()),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
    ];
    query.extend(further);
    let url = format!("{}?{}", sandbox.urls("google_health").authorize_url, form(&query));
    let reply = post_form(&url, &[("account", "account-1"), ("decision", "allow")]);
    returned(&reply).into_iter().find(|(name, _)| name == "code").unwrap().1
}

fn token_call(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> Reply {
    let mut fields = vec![
        ("client_id", sandbox.client_id("google_health")),
        ("client_secret", sandbox.client_secret("google_health")),
    ];
    fields.extend(pairs);
    post_form(&sandbox.urls("google_health").token_url, &fields)
}

fn exchange(sandbox: &Sandbox, code: &str, further: &[(&str, &str)]) -> Reply {
    let mut pairs =
        vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    pairs.extend(further);
    token_call(sandbox, &pairs)
}

fn renew(sandbox: &Sandbox, token: &str) -> Reply {
    token_call(sandbox, &[("grant_type", "refresh_token"), ("refresh_token", token)])
}

fn ask(sandbox: &Sandbox, method: &str, path: &str, token: &str, body: &Value) -> Reply {
    let url = format!("{}{path}", sandbox.urls("google_health").api_url);
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(method, &url, &headers, &body).unwrap()
}

fn list(sandbox: &Sandbox, token: &str, kind: &str, query: &[(&str, &str)]) -> Reply {
    let path = format!("/v4/users/me/dataTypes/{kind}/dataPoints?{}", form(query));
    ask(sandbox, "GET", &path, token, &Value::Null)
}

fn create(sandbox: &Sandbox, token: &str, kind: &str, point: &Value) -> Reply {
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

/// Status, Google's word for it, and the reason where there is one.
fn failure(reply: &Reply) -> (u16, String, Option<String>) {
    let error = reply.json()["error"].clone();
    assert_eq!(error["code"], json!(reply.status));
    let word = error["status"].as_str().unwrap().to_owned();
    (reply.status, word, error["details"][0]["reason"].as_str().map(str::to_owned))
}

fn refused(status: u16, word: &str, reason: &str) -> (u16, String, Option<String>) {
    (status, word.to_owned(), (!reason.is_empty()).then(|| reason.to_owned()))
}

fn weight(time: &str, grams: f64) -> Value {
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
fn a_refresh_token_is_given_for_offline_access_and_stays_the_same() {
    let sandbox = sandbox();
    let scopes = ["nutrition.readonly", "profile.readonly"];
    let online = exchange(&sandbox, &code_for(&sandbox, &scopes, &[]), &[]).json();
    assert_eq!((&online["expires_in"], &online["token_type"]), (&json!(3_599), &json!("Bearer")));
    assert_eq!(online["scope"], json!(format!("{} {}", scope(scopes[0]), scope(scopes[1]))));
    assert!(online.get("refresh_token").is_none(), "{online}");
    let again =
        exchange(&sandbox, &code_for(&sandbox, &scopes, &[("access_type", "offline")]), &[]);
    assert!(again.json().get("refresh_token").is_none(), "consented before: {}", again.text());
    let offline = [("access_type", "offline"), ("prompt", "consent")];
    let pair = exchange(&sandbox, &code_for(&sandbox, &scopes, &offline), &[]).json();
    let refresh = pair["refresh_token"].as_str().unwrap();

    sandbox.control().advance(Duration::from_secs(3_600));
    let old = pair["access_token"].as_str().unwrap();
    let dead = ask(&sandbox, "GET", "/v4/users/me/identity", old, &Value::Null);
    assert_eq!(failure(&dead), refused(401, "UNAUTHENTICATED", ""));
    for _ in 0..2 {
        let renewed = renew(&sandbox, refresh).json();
        assert!(renewed.get("refresh_token").is_none(), "{renewed}");
        let access = renewed["access_token"].as_str().unwrap();
        let identity = ask(&sandbox, "GET", "/v4/users/me/identity", access, &Value::Null).json();
        let known = &sandbox.control().accounts("google_health").unwrap()[0];
        assert_eq!(identity["healthUserId"], json!(known.user_id.to_string()));
    }
    sandbox.control().tokens("google_health", "account-1", TokenAction::KillRefresh).unwrap();
    let dead = renew(&sandbox, refresh);
    assert_eq!((dead.status, dead.json()["error"].clone()), (400, json!("invalid_grant")));
}

#[test]
fn a_code_is_good_once_and_for_who_can_prove_it_is_theirs() {
    let sandbox = sandbox();
    let error = |reply: Reply| (reply.status, reply.json()["error"].as_str().unwrap().to_owned());
    // RFC 7636, appendix B.
    let challenge = [
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let verifier = [("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")];
    let code = code_for(&sandbox, &["profile.readonly"], &challenge);
    assert_eq!(error(exchange(&sandbox, &code, &[])), (400, "invalid_grant".to_owned()));
    assert_eq!(exchange(&sandbox, &code, &verifier).status, 200);
    assert_eq!(error(exchange(&sandbox, &code, &verifier)), (400, "invalid_grant".to_owned()));
    let url = sandbox.urls("google_health").token_url;
    let client = sandbox.client_id("google_health");
    let wrong = [("client_id", client), ("client_secret", "x"), ("grant_type", "refresh_token")];
    assert_eq!(error(post_form(&url, &wrong)), (401, "invalid_client".to_owned()));
    let unknown = post_form(&url, &[("client_id", "x"), ("grant_type", "refresh_token")]);
    assert_eq!(error(unknown), (401, "invalid_client".to_owned()));
}

#[test]
fn revoking_takes_either_token_and_ends_everything() {
    let sandbox = sandbox();
    let issued = sandbox.control().issue_tokens("google_health", "account-1").unwrap();
    let url = sandbox.urls("google_health").revoke_url.unwrap();
    let refresh = issued.refresh_token.unwrap();
    assert_eq!(post_form(&url, &[("token", &refresh)]).status, 200);
    assert_eq!(post_form(&url, &[("token", &refresh)]).status, 400);
    assert_eq!(renew(&sandbox, &refresh).status, 400);
    assert_eq!(list(&sandbox, &issued.access_token, "weight", &[]).status, 401);
}

#[test]
fn each_group_of_data_needs_its_own_scope() {
    let sandbox = sandbox();
    let granted = ["health_metrics_and_measurements.readonly", "nutrition.writeonly"];
    let tokens = exchange(&sandbox, &code_for(&sandbox, &granted, &[]), &[]).json();
    let token = tokens["access_token"].as_str().unwrap();
    let lacking = refused(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert_eq!(list(&sandbox, token, "weight", &[]).status, 200);
    assert_eq!(failure(&list(&sandbox, token, "exercise", &[])), lacking);
    assert_eq!(failure(&list(&sandbox, token, "nutrition-log", &[])), lacking);
    let point = weight("2026-10-01T05:40:00Z", 72_500.0);
    assert_eq!(failure(&create(&sandbox, token, "weight", &point)), lacking);
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
fn some_people_s_exercises_come_whatever_the_range() {
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

#[test]
fn the_limits_are_of_a_user_and_of_the_project() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let token = token(&sandbox, "google_health", "account-1");
    let limits = control.limits("google_health").unwrap();
    let minute = |calls| Some(Limit { calls, seconds: 60 });
    assert_eq!((limits.app, limits.account), (minute(120_000), minute(300)));
    for (limits, whose) in [
        (Limits { account: minute(1), ..Limits::none() }, "Requests per minute per user"),
        (Limits { app: minute(1), ..Limits::none() }, "'Requests per minute'"),
    ] {
        control.set_limits("google_health", limits).unwrap();
        list(&sandbox, &token, "height", &[]);
        let reply = list(&sandbox, &token, "height", &[]);
        assert_eq!(failure(&reply), refused(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"));
        assert!(reply.text().contains(whose), "{}", reply.text());
    }
}
