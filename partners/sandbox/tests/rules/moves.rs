//! Moves: tokens, days, ranges, both versions, limits.

use partner_sandbox::{AccountChange, Sandbox};
use serde_json::{Value, json};

use super::client::*;

fn get(sandbox: &Sandbox, path: &str, token: &str) -> Reply {
    let url = format!("{}{path}", sandbox.urls("moves").api_url);
    send("GET", &url, &[("Authorization", &format!("Bearer {token}"))], "").unwrap()
}

/// An account in Kolkata with data on three days: 1 August, 28 and 30 September.
fn account(sandbox: &Sandbox) -> (String, Vec<i64>) {
    let change = AccountChange {
        empty: true,
        time_zone: Some("Asia/Kolkata".to_owned()),
        history_days: None,
    };
    sandbox.control().put_account("moves", "mover", &change).unwrap();
    let walk = |start: &str| {
        json!({"activity": "walking", "group": "walking", "startTime": start, "duration": 300,
               "distance": 250.5, "steps": 400, "calories": 20})
    };
    let segments = vec![
        json!({"type": "move", "startTime": "20260801T090000+0530", "endTime": "20260801T090500+0530",
               "activities": [walk("20260801T090000+0530")]}),
        json!({"type": "place", "startTime": "20260928T220000+0530", "endTime": "20260929T080000+0530",
               "place": {"id": 1, "type": "home"},
               "activities": [walk("20260928T230000+0530"), walk("20260929T010000+0530")]}),
        json!({"type": "move", "startTime": "20260930T090000+0530", "endTime": "20260930T090500+0530",
               "activities": [{"activity": "zumba", "manual": true, "duration": 600}]}),
    ];
    let ids = sandbox.control().append("moves", "mover", "segments", segments).unwrap();
    (token(sandbox, "moves", "mover"), ids)
}

#[test]
fn each_refresh_gives_a_new_pair_and_ids_are_beyond_53_bits() {
    let sandbox = relaxed();
    let given = {
        let query = form(&[
            ("response_type", "code"),
            ("client_id", sandbox.client_id("moves")),
            ("redirect_uri", CALLBACK),
            ("scope", "activity location"),
        ]);
        let url = format!("{}?{query}", sandbox.urls("moves").authorize_url);
        assert_eq!(send("GET", &url.replace("scope=", "x="), &[], "").unwrap().status, 400);
        let callback =
            returned(&post_form(&url, &[("account", "account-1"), ("decision", "allow")]));
        callback.into_iter().find(|(name, _)| name == "code").unwrap().1
    };
    let call = |pairs: &[(&str, &str)]| {
        let mut form = vec![
            ("client_id", sandbox.client_id("moves")),
            ("client_secret", sandbox.client_secret("moves")),
        ];
        form.extend_from_slice(pairs);
        post_form(&sandbox.urls("moves").token_url, &form)
    };
    let code = [("grant_type", "authorization_code"), ("code", &given), ("redirect_uri", CALLBACK)];
    let first = call(&code).json();
    assert_eq!(first["expires_in"], json!(15_551_999));
    assert!(first["user_id"].as_i64().unwrap() > 1 << 53, "{first}");
    assert_eq!(call(&code).json(), json!({"error": "invalid_grant"}));
    let old = first["refresh_token"].as_str().unwrap();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", old)];
    let second = call(&refresh).json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["user_id"], first["user_id"]);
    let used = call(&refresh);
    assert_eq!((used.status, used.json()), (400, json!({"error": "invalid_grant"})));
    let info =
        |token: &str| get(&sandbox, &format!("/oauth/v1/tokeninfo?access_token={token}"), "");
    assert_eq!(info(second["access_token"].as_str().unwrap()).json()["scope"], "activity location");
    assert_eq!(info("made-up").status, 404);
}

#[test]
fn ranges_are_limited_by_length_first_day_and_today() {
    let sandbox = relaxed();
    let (token, _) = account(&sandbox);
    let profile = get(&sandbox, "/user/profile", &token).json();
    assert_eq!(profile["profile"]["firstDate"], json!("20260801"));
    assert_eq!(profile["profile"]["currentTimeZone"]["offset"], json!(19_800));
    for (path, status) in [
        ("activities/daily?from=20260801&to=20260831", 200),
        ("activities/daily?from=20260801&to=20260901", 400),
        ("activities/daily?from=20260731&to=20260801", 400),
        ("activities/daily?from=20260930&to=20261001", 200),
        ("activities/daily?from=20260930&to=20261002", 400),
        ("activities/daily?from=20260902&to=20260901", 400),
        ("activities/daily?from=yesterday&to=20260901", 400),
        ("activities/daily?pastDays=31", 200),
        ("activities/daily?pastDays=32", 400),
        ("activities/daily/2026-09", 200),
        ("activities/daily/20261002", 400),
        ("activities/daily", 400),
        ("storyline/daily?from=20260901&to=20260907", 200),
        ("storyline/daily?from=20260901&to=20260908", 400),
        ("storyline/daily/2026-W40?trackPoints=true", 200),
    ] {
        assert_eq!(get(&sandbox, &format!("/user/{path}"), &token).status, status, "{path}");
    }
    assert_eq!(get(&sandbox, "/user/activities/daily/20260930", "made-up").status, 401);
}

#[test]
fn days_list_all_overlapping_segments_in_the_format_of_the_version() {
    let sandbox = relaxed();
    let (token, ids) = account(&sandbox);
    let days = |path: &str| get(&sandbox, path, &token).json();
    let range = "from=20260927&to=20260930";
    let listed = days(&format!("/user/storyline/daily?{range}"));
    let dates: Vec<_> = listed.as_array().unwrap().iter().map(|day| day["date"].clone()).collect();
    assert_eq!(dates, ["20260927", "20260928", "20260929", "20260930"], "oldest first");
    assert_eq!((&listed[0]["segments"], &listed[0]["summary"]), (&Value::Null, &Value::Null));
    assert_eq!(
        listed[1]["segments"], listed[2]["segments"],
        "a stay over midnight is in both days"
    );
    assert_eq!(listed[1]["segments"][0]["place"]["type"], json!("home"));
    assert_eq!(listed[1]["summary"][0]["steps"], json!(800));

    let listed = days(&format!("/api/1.1/user/activities/daily?{range}"));
    assert!(listed[1]["segments"][0].get("place").is_none() && listed[1].get("summary").is_none());
    assert!(listed[1]["lastUpdate"].as_str().unwrap().ends_with('Z'));
    let older = days(&format!("/api/1.0/user/activities/daily?{range}"));
    let walk = &older[1]["segments"][0]["activities"][0];
    assert_eq!((&walk["activity"], walk.get("group")), (&json!("wlk"), None));
    assert!(older[1].get("lastUpdate").is_none());
    assert_eq!(older[3]["segments"][0]["activities"], json!([]), "it knows no zumba");

    sandbox.control().delete("moves", "mover", "segments", ids[2]).unwrap();
    assert_eq!(days("/user/activities/daily/20260930")[0]["segments"], Value::Null);
}

#[test]
fn headers_tell_what_is_left_of_the_minute_and_the_hour() {
    let sandbox = sandbox();
    let token = token(&sandbox, "moves", "account-1");
    let header = |reply: &Reply, name: &str| reply.header(name).unwrap().to_owned();
    let first = get(&sandbox, "/user/profile", &token);
    let limits = ["x-ratelimit-minutelimit", "x-ratelimit-hourlimit"].map(|it| header(&first, it));
    assert_eq!(limits, ["60", "2000"]);
    assert_eq!(header(&first, "x-ratelimit-minuteremaining"), "59");
    let refused =
        (0..60).map(|_| get(&sandbox, "/user/profile", &token)).fold(first, |_, next| next);
    assert_eq!((refused.status, refused.header("retry-after")), (429, None));
    assert_eq!(header(&refused, "x-ratelimit-minuteremaining"), "0");
}
