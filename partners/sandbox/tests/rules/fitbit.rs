//! Fitbit: tokens, scopes, ranges of days, pages, writes, limits and the end of the service.

use std::time::Duration;

use partner_sandbox::{AccountChange, Limit, Limits, Sandbox, TokenAction};
use serde_json::{Value, json};

use super::client::*;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// `syncwell-sandbox:sandbox-secret`.
const CLIENT: &str = "Basic c3luY3dlbGwtc2FuZGJveDpzYW5kYm94LXNlY3JldA==";

fn authorize(sandbox: &Sandbox, scopes: &str) -> String {
    let query = form(&[
        ("response_type", "code"),
        ("client_id", sandbox.client_id("fitbit")),
        ("scope", scopes),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    format!("{}?{query}", sandbox.urls("fitbit").authorize_url)
}

fn new_code(sandbox: &Sandbox, scopes: &str) -> String {
    let allow = [("account", "account-1"), ("decision", "allow")];
    let back = returned(&post_form(&authorize(sandbox, scopes), &allow));
    back.into_iter().find(|(name, _)| name == "code").unwrap().1
}

fn ask(url: &str, client: &str, pairs: &[(&str, &str)]) -> Reply {
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    send("POST", url, &[kind, ("Authorization", client)], &form(pairs)).unwrap()
}

fn exchange(sandbox: &Sandbox, client: &str, code: &str, verifier: &str) -> Reply {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    ask(&sandbox.urls("fitbit").token_url, client, &pairs)
}

fn refresh(sandbox: &Sandbox, token: &str) -> Reply {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
    ask(&sandbox.urls("fitbit").token_url, CLIENT, &pairs)
}

fn data(sandbox: &Sandbox, method: &str, path: &str, token: &str, pairs: &[(&str, &str)]) -> Reply {
    let url = format!("{}/1/user/-/{path}", sandbox.urls("fitbit").api_url);
    let bearer = format!("Bearer {token}");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    send(method, &url, &[kind, ("Authorization", &bearer)], &form(pairs)).unwrap()
}

fn get(sandbox: &Sandbox, path: &str, token: &str) -> Reply {
    data(sandbox, "GET", path, token, &[])
}

fn error_type(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    assert_eq!(body["success"], json!(false), "{body}");
    (reply.status, body["errors"][0]["errorType"].as_str().unwrap().to_owned())
}

fn failed(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

fn empty_account(sandbox: &Sandbox, name: &str) -> String {
    let change = AccountChange {
        empty: true,
        time_zone: Some("Asia/Kolkata".to_owned()),
        history_days: None,
    };
    sandbox.control().put_account("fitbit", name, &change).unwrap();
    token(sandbox, "fitbit", name)
}

#[test]
fn a_code_needs_its_verifier_and_the_client_in_the_header() {
    let sandbox = sandbox();
    let code = new_code(&sandbox, "weight nutrition");
    let stranger = exchange(&sandbox, "Basic c29tZTpib2R5", &code, VERIFIER);
    assert_eq!(error_type(&stranger), failed(401, "invalid_client"));
    let unproven = exchange(&sandbox, CLIENT, &code, "something-else");
    assert_eq!(error_type(&unproven), failed(400, "invalid_grant"));
    let reply = exchange(&sandbox, CLIENT, &code, VERIFIER).json();
    assert_eq!(reply["scope"], json!("weight nutrition"), "{reply}");
    assert_eq!((&reply["expires_in"], &reply["token_type"]), (&json!(28_800), &json!("Bearer")));
    assert_eq!(reply["user_id"].as_str().unwrap().len(), 6);
    let again = exchange(&sandbox, CLIENT, &code, VERIFIER);
    assert_eq!(error_type(&again), failed(400, "invalid_grant"));
    let late = new_code(&sandbox, "weight");
    sandbox.control().advance(Duration::from_secs(601));
    assert_eq!(error_type(&exchange(&sandbox, CLIENT, &late, VERIFIER)).0, 400);
    let commas = authorize(&sandbox, "weight,nutrition");
    assert_eq!(send("GET", &commas, &[], "").unwrap().status, 400);
}

#[test]
fn a_refresh_token_is_good_for_one_call_whose_answer_comes_again_for_two_minutes() {
    let sandbox = sandbox();
    let tokens = sandbox.control().issue_tokens("fitbit", "account-1").unwrap();
    let old = tokens.refresh_token.unwrap();
    let new = refresh(&sandbox, &old).json();
    let access = new["access_token"].as_str().unwrap();
    assert_eq!(get(&sandbox, "foods/log/date/2026-10-01.json", access).status, 200);
    sandbox.control().advance(Duration::from_secs(110));
    assert_eq!(refresh(&sandbox, &old).json(), new);
    sandbox.control().advance(Duration::from_secs(20));
    assert_eq!(error_type(&refresh(&sandbox, &old)), failed(400, "invalid_grant"));
    sandbox.control().advance(Duration::from_secs(400 * 86_400));
    let newest = new["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&sandbox, newest).status, 200, "an unused one does not expire");
    let counts = sandbox.control().counts("fitbit").unwrap();
    assert_eq!((counts.refreshes, counts.refresh_token_reuse), (2, 2));
}

#[test]
fn tokens_are_refused_by_their_reason() {
    let sandbox = sandbox();
    let code = new_code(&sandbox, "weight");
    let pair = exchange(&sandbox, CLIENT, &code, VERIFIER).json();
    let access = pair["access_token"].as_str().unwrap();
    let path = "body/log/weight/date/2026-10-01.json";
    assert_eq!(get(&sandbox, path, access).status, 200);
    let unticked = get(&sandbox, "foods/log/date/2026-10-01.json", access);
    assert_eq!(error_type(&unticked), failed(403, "insufficient_scope"));
    assert_eq!(error_type(&get(&sandbox, path, "made-up")), failed(401, "invalid_token"));
    sandbox.control().tokens("fitbit", "account-1", TokenAction::ExpireAccess).unwrap();
    assert_eq!(error_type(&get(&sandbox, path, access)), failed(401, "expired_token"));

    let new = refresh(&sandbox, pair["refresh_token"].as_str().unwrap()).json();
    let revoke_url = sandbox.urls("fitbit").revoke_url.unwrap();
    let refresh_token = new["refresh_token"].as_str().unwrap();
    let stranger = ask(&revoke_url, "Basic c29tZTpib2R5", &[("token", refresh_token)]);
    assert_eq!(error_type(&stranger), failed(401, "invalid_client"));
    assert_eq!(ask(&revoke_url, CLIENT, &[("token", refresh_token)]).status, 200);
    let access = new["access_token"].as_str().unwrap();
    assert_eq!(error_type(&get(&sandbox, path, access)), failed(401, "invalid_token"));
    assert_eq!(error_type(&refresh(&sandbox, refresh_token)), failed(400, "invalid_grant"));
}

#[test]
fn body_logs_are_read_in_windows_of_31_days_in_the_user_s_zone() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "days");
    let entry = |date: &str, time: &str| json!({"date": date, "time": time, "weight": 70.5, "source": "Aria"});
    let items = vec![entry("2026-09-01", "00:00:00"), entry("2026-09-30", "23:59:59")];
    let ids = sandbox.control().append("fitbit", "days", "weight", items).unwrap();
    assert_eq!(ids[0], 1_788_220_800_000, "wall time in milliseconds");
    let log = |days: &str| get(&sandbox, &format!("body/log/weight/date/{days}.json"), &token);
    let found = |days: &str| {
        let body = log(days).json();
        body["weight"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["logId"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("2026-09-01/2026-10-01"), ids, "oldest first");
    assert_eq!(found("2026-09-30"), ids[1..]);
    assert_eq!(found("2026-09-02/2026-09-29"), [0_i64; 0]);
    assert_eq!(found("2026-09-30/30d"), ids);
    for bad in ["2026-09-01/2026-10-02", "2026-10-01/2026-09-01", "2026-09-01/2d", "September"] {
        assert_eq!(error_type(&log(bad)), failed(400, "validation"), "{bad}");
    }
}

#[test]
fn a_weight_is_written_by_form_and_deleted_by_its_id() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "writes");
    let post =
        |pairs: &[(&str, &str)]| data(&sandbox, "POST", "body/log/weight.json", &token, pairs);
    let reply = post(&[("weight", "72.46"), ("date", "2026-09-30")]);
    let written = reply.json()["weightLog"].clone();
    assert_eq!((reply.status, &written["time"]), (201, &json!("23:59:59")));
    assert_eq!((&written["weight"], &written["source"]), (&json!(72.46), &json!("API")));
    let day = get(&sandbox, "body/log/weight/date/2026-09-30.json", &token).json();
    assert_eq!(day["weight"], json!([written]));
    for bad in [
        &[("weight", "72.46")][..],
        &[("date", "2026-09-30")],
        &[("weight", "-1"), ("date", "2026-09-30")],
        &[("weight", "72,4"), ("date", "2026-09-30")],
        &[("weight", "72"), ("date", "2026-09-30"), ("time", "7:1")],
    ] {
        assert_eq!(error_type(&post(bad)), failed(400, "validation"), "{bad:?}");
    }
    let url = format!("{}/1/user/-/body/log/weight.json", sandbox.urls("fitbit").api_url);
    let bearer = format!("Bearer {token}");
    let headers = [("Content-Type", "application/json"), ("Authorization", bearer.as_str())];
    let body = json!({"weight": 72.46, "date": "2026-09-30"}).to_string();
    assert_eq!(send("POST", &url, &headers, &body).unwrap().status, 400, "JSON is not read");

    let path = format!("body/log/weight/{}.json", written["logId"]);
    assert_eq!(data(&sandbox, "DELETE", &path, &token, &[]).status, 204);
    let again = data(&sandbox, "DELETE", &path, &token, &[]);
    assert_eq!(error_type(&again), failed(404, "not_found"));
}

#[test]
fn activities_come_in_pages_that_name_the_next() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "pages");
    sandbox.control().generate("fitbit", "pages", "activities", 250, 90).unwrap();
    let mut query = "afterDate=2026-01-01&sort=asc&offset=0&limit=100".to_owned();
    let (mut starts, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = get(&sandbox, &format!("activities/list.json?{query}"), &token).json();
        let list = page["activities"].as_array().unwrap();
        sizes.push(list.len());
        starts.extend(list.iter().map(|it| it["startTime"].as_str().unwrap().to_owned()));
        match page["pagination"]["next"].as_str().unwrap().split_once('?') {
            Some((_, next)) => query = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [100, 100, 50]);
    assert!(starts.is_sorted(), "oldest first");
    let day = starts[7].split('T').next().unwrap();
    let after = format!("activities/list.json?afterDate={day}&sort=asc&offset=0&limit=1");
    let first = get(&sandbox, &after, &token).json()["activities"][0]["startTime"].clone();
    assert!(!first.as_str().unwrap().starts_with(day), "a day is not after itself");
    for bad in [
        "sort=asc&offset=0&limit=20",
        "afterDate=2026-01-01&sort=desc&offset=0&limit=20",
        "afterDate=2026-01-01&sort=asc&limit=20",
        "afterDate=2026-01-01&sort=asc&offset=0&limit=101",
        "afterDate=soon&sort=asc&offset=0&limit=20",
    ] {
        let reply = get(&sandbox, &format!("activities/list.json?{bad}"), &token);
        assert_eq!(error_type(&reply), failed(400, "validation"), "{bad}");
    }
}

#[test]
fn an_activity_needs_its_energy_or_a_place_in_the_directory() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "moves");
    let when = [("date", "2026-09-30"), ("startTime", "18:30:15"), ("durationMillis", "1800000")];
    let post = |what: &[(&str, &str)]| {
        data(&sandbox, "POST", "activities.json", &token, &[&when[..], what].concat())
    };
    let custom = post(&[("activityName", "Rowing"), ("manualCalories", "240")]);
    let log = custom.json()["activityLog"].clone();
    assert_eq!(
        (custom.status, &log["startTime"], &log["calories"]),
        (201, &json!("18:30"), &json!(240))
    );
    let walk = post(&[("activityId", "90013"), ("distance", "2.5")]).json()["activityLog"].clone();
    assert_eq!((&walk["name"], &walk["calories"]), (&json!("Walk"), &json!(120)));
    for bad in [
        &[("activityName", "Rowing")][..],
        &[("activityId", "90013")],
        &[("activityId", "1"), ("distance", "2.5")],
        &[("manualCalories", "240")],
        &[("activityName", "Rowing"), ("manualCalories", "240.5")],
    ] {
        assert_eq!(error_type(&post(bad)), failed(400, "validation"), "{bad:?}");
    }
    let list = "activities/list.json?afterDate=2026-09-29&sort=asc&offset=0&limit=10";
    let list = get(&sandbox, list, &token).json();
    assert_eq!(list["activities"][0]["startTime"], json!("2026-09-30T18:30:15.000+05:30"));
    assert_eq!(list["activities"][1]["distance"], json!(2.5));
    let path = format!("activities/{}.json", log["logId"]);
    assert_eq!(data(&sandbox, "DELETE", &path, &token, &[]).status, 204);
}

#[test]
fn food_is_written_by_one_set_of_names_and_shown_by_another() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "eats");
    let soup = [
        ("foodName", "Soup"),
        ("mealTypeId", "3"),
        ("unitId", "304"),
        ("amount", "1.00"),
        ("date", "2026-09-30"),
        ("calories", "412"),
        ("totalFat", "9.5"),
        ("totalCarbohydrate", "51"),
    ];
    let post = |pairs: &[(&str, &str)]| data(&sandbox, "POST", "foods/log.json", &token, pairs);
    let reply = post(&soup);
    let written = reply.json()["foodLog"].clone();
    assert_eq!(reply.status, 201);
    assert_eq!(written["nutritionalValues"], json!({"calories": 412, "fat": 9.5, "carbs": 51.0}));
    let day = get(&sandbox, "foods/log/date/2026-09-30.json", &token).json();
    assert_eq!((&day["foods"], &day["summary"]["calories"]), (&json!([written]), &json!(412.0)));
    for missing in 0..5 {
        let mut pairs = soup.to_vec();
        pairs.remove(missing);
        assert_eq!(error_type(&post(&pairs)), failed(400, "validation"), "{pairs:?}");
    }
    let path = format!("foods/log/{}.json", written["logId"]);
    assert_eq!(data(&sandbox, "DELETE", &path, &token, &[]).status, 204);
    let day = get(&sandbox, "foods/log/date/2026-09-30.json", &token).json();
    assert_eq!(day["foods"], json!([]));
}

#[test]
fn every_answer_has_the_limit_of_the_user() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let account = Some(Limit { calls: 3, seconds: 3_600 });
    control.set_limits("fitbit", Limits { account, ..Limits::none() }).unwrap();
    let (first, second) =
        (token(&sandbox, "fitbit", "account-1"), token(&sandbox, "fitbit", "account-2"));
    let path = "foods/log/date/2026-10-01.json";
    let left: Vec<_> = (0..3)
        .map(|_| {
            get(&sandbox, path, &first).header("fitbit-rate-limit-remaining").unwrap().to_owned()
        })
        .collect();
    assert_eq!(left, ["2", "1", "0"]);
    let refused = get(&sandbox, path, &first);
    assert_eq!(refused.status, 429);
    let number = |name: &str| refused.header(name).unwrap().parse::<u32>().unwrap();
    assert!((3_500..=3_600).contains(&number("retry-after")));
    assert_eq!(number("fitbit-rate-limit-remaining"), 0);
    let other = get(&sandbox, "no/such.json", &second);
    assert_eq!((other.status, other.header("fitbit-rate-limit-remaining")), (404, Some("2")));
}

#[test]
fn the_whole_service_can_be_switched_off() {
    let sandbox = relaxed();
    let tokens = sandbox.control().issue_tokens("fitbit", "account-1").unwrap();
    let rule = json!({"fault": {"kind": "status", "status": 410}});
    let faults = format!("{}/control/fitbit/faults", sandbox.url());
    assert_eq!(send("POST", &faults, &[], &rule.to_string()).unwrap().status, 201);
    for path in ["body/log/fat/date/2026-10-01.json", "activities/list.json", "nowhere.json"] {
        assert_eq!(get(&sandbox, path, &tokens.access_token).status, 410);
    }
    let refresh_token = tokens.refresh_token.unwrap();
    assert_eq!(refresh(&sandbox, &refresh_token).status, 410);
    let revoke_url = sandbox.urls("fitbit").revoke_url.unwrap();
    assert_eq!(ask(&revoke_url, CLIENT, &[("token", &refresh_token)]).status, 410);
}

#[test]
fn histories_show_the_known_oddities() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let change = AccountChange { history_days: Some(20), ..AccountChange::default() };
    control.put_account("fitbit", "odd", &change).unwrap();
    let token = token(&sandbox, "fitbit", "odd");
    let weights = get(&sandbox, "body/log/weight/date/2026-10-01/1m.json", &token).json();
    let weights = weights["weight"].as_array().unwrap();
    let id = |entry: &Value| entry["logId"].clone();
    let duplicates =
        |entry: &&Value| weights.iter().filter(|other| id(other) == id(entry)).count() == 2;
    let sources: Vec<_> = weights.iter().filter(duplicates).map(|entry| &entry["source"]).collect();
    assert_eq!(sources.len(), 2);
    assert_ne!(sources[0], sources[1]);
    assert!(weights.iter().any(|entry| entry.get("fat").is_some()));
    let list = "activities/list.json?afterDate=2026-09-01&sort=asc&offset=0&limit=100";
    let list = get(&sandbox, list, &token).json();
    let starts: Vec<_> = list["activities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["startTime"].as_str().unwrap())
        .collect();
    assert_eq!(starts.iter().filter(|start| start.ends_with('Z')).count(), 1);
}
