//! Strava: ticked scopes, tokens, lists and details, writing, limits.

use std::time::Duration;

use partner_sandbox::{AccountChange, FixedLimit, Limits, Sandbox};
use serde_json::{Value, json};

use super::client::*;

fn authorize(sandbox: &Sandbox, scope: &str, choices: &[(&str, &str)]) -> Reply {
    let query = form(&[
        ("response_type", "code"),
        ("client_id", sandbox.client_id("strava")),
        ("approval_prompt", "auto"),
        ("scope", scope),
        ("redirect_uri", CALLBACK),
        ("state", "s"),
    ]);
    let url = format!("{}?{query}", sandbox.urls("strava").authorize_url);
    if choices.is_empty() { send("GET", &url, &[], "").unwrap() } else { post_form(&url, choices) }
}

fn token_call(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> Reply {
    let mut form = vec![
        ("client_id", sandbox.client_id("strava")),
        ("client_secret", sandbox.client_secret("strava")),
    ];
    form.extend_from_slice(pairs);
    post_form(&sandbox.urls("strava").token_url, &form)
}

fn get(sandbox: &Sandbox, path: &str, token: &str) -> Reply {
    let url = format!("{}{path}", sandbox.urls("strava").api_url);
    send("GET", &url, &[("Authorization", &format!("Bearer {token}"))], "").unwrap()
}

fn post(sandbox: &Sandbox, token: &str, pairs: &[(&str, &str)]) -> Reply {
    let url = format!("{}/activities", sandbox.urls("strava").api_url);
    let bearer = format!("Bearer {token}");
    let headers =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", bearer.as_str())];
    send("POST", &url, &headers, &form(pairs)).unwrap()
}

fn empty_account(sandbox: &Sandbox, name: &str) -> String {
    let time_zone = Some("America/Los_Angeles".to_owned());
    let change = AccountChange { empty: true, time_zone, history_days: None };
    sandbox.control().put_account("strava", name, &change).unwrap();
    token(sandbox, "strava", name)
}

fn ids(reply: &Reply) -> Vec<i64> {
    let list = reply.json();
    list.as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

fn error(reply: &Reply) -> (u16, String) {
    let error = &reply.json()["errors"][0];
    let part = |name: &str| error[name].as_str().unwrap().to_owned();
    (reply.status, [part("resource"), part("field"), part("code")].join(" "))
}

#[test]
fn scopes_can_be_unticked_and_the_callback_tells_which_were_not() {
    let sandbox = relaxed();
    let asked = "read,activity:read_all,activity:write";
    let page = authorize(&sandbox, asked, &[]).text();
    assert_eq!(page.matches("type=\"checkbox\" name=\"scope\"").count(), 3, "{page}");
    let allow = [("account", "account-1"), ("decision", "allow")];
    let scope = |further: &[(&str, &str)]| {
        let reply = authorize(&sandbox, asked, &[&allow, further].concat());
        let callback = returned(&reply);
        let code = callback.iter().find(|(name, _)| name == "code").unwrap().1.clone();
        (code, callback.into_iter().find(|(name, _)| name == "scope").unwrap().1)
    };
    assert_eq!(scope(&[]).1, asked, "a script that posts the decision alone");
    assert_eq!(scope(&[("ticked", "yes")]).1, "", "all boxes unticked");
    let (code, granted) =
        scope(&[("ticked", "yes"), ("scope", "read"), ("scope", "activity:write")]);
    assert_eq!(granted, "read,activity:write");

    let body =
        token_call(&sandbox, &[("grant_type", "authorization_code"), ("code", &code)]).json();
    assert!(body.get("scope").is_none() && body["athlete"]["id"].is_i64(), "{body}");
    let access = body["access_token"].as_str().unwrap();
    let refused = get(&sandbox, "/athlete/activities", access);
    let missing = "AccessToken activity:read_permission missing".to_owned();
    assert_eq!(error(&refused), (401, missing));
    assert_eq!(get(&sandbox, "/athlete", access).status, 200);

    let refused = authorize(&sandbox, "read activity:read_all", &[]);
    assert_eq!((refused.status, refused.header("location")), (400, None), "commas, not spaces");
    let denied = authorize(&sandbox, asked, &[("decision", "deny")]);
    assert_eq!(returned(&denied)[1], ("error".to_owned(), "access_denied".to_owned()));
}

#[test]
fn a_refresh_gives_the_same_token_until_its_last_hour_and_then_a_new_pair() {
    let sandbox = relaxed();
    let code = {
        let choices = [("account", "account-1"), ("decision", "allow")];
        let callback = returned(&authorize(&sandbox, "read,activity:read", &choices));
        callback.into_iter().find(|(name, _)| name == "code").unwrap().1
    };
    let exchange =
        |code: &str| token_call(&sandbox, &[("grant_type", "authorization_code"), ("code", code)]);
    let refresh = |token: &Value| {
        let token = token.as_str().unwrap();
        token_call(&sandbox, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    };
    let first = exchange(&code).json();
    assert_eq!(first["expires_in"], json!(21_600));
    let invalid = |resource, field| (400, format!("{resource} {field} invalid"));
    assert_eq!(error(&exchange(&code)), invalid("AuthorizationCode", "code"), "used");

    let same = refresh(&first["refresh_token"]).json();
    assert_eq!(same["access_token"], first["access_token"]);
    assert!(same.get("athlete").is_none(), "only in the first exchange");

    sandbox.control().advance(Duration::from_secs(5 * 3_600 + 10));
    let second = refresh(&same["refresh_token"]).json();
    assert_ne!(second["access_token"], first["access_token"]);
    let dead = refresh(&first["refresh_token"]);
    assert_eq!(error(&dead), invalid("RefreshToken", "refresh_token"));

    let url = sandbox.urls("strava").revoke_url.unwrap();
    let access = second["access_token"].as_str().unwrap();
    let ended = post_form(&url, &[("access_token", access)]);
    assert_eq!((ended.status, ended.json()), (200, json!({"access_token": access})));
    let gone = get(&sandbox, "/athlete", access);
    assert_eq!(error(&gone), (401, "Athlete access_token invalid".to_owned()));
    assert_eq!(error(&refresh(&second["refresh_token"])), invalid("RefreshToken", "refresh_token"));

    let wrong = post_form(
        &sandbox.urls("strava").token_url,
        &[("client_id", "other"), ("grant_type", "refresh_token")],
    );
    assert_eq!(error(&wrong), invalid("Application", "client_id"));
}

#[test]
fn lists_are_filtered_by_start_and_have_short_pages_where_something_is_private() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let all = empty_account(&sandbox, "lists");
    let at = |hour: i64| format!("2026-09-30T{hour:02}:00:00Z");
    let item = |hour, visibility| json!({"start_date": at(hour), "visibility": visibility, "calories": 300.5});
    let items = vec![item(6, "everyone"), item(8, "only_me"), item(10, "everyone")];
    let made = control.append("strava", "lists", "activities", items).unwrap();
    let list = |query: &str| ids(&get(&sandbox, &format!("/athlete/activities{query}"), &all));
    assert_eq!(list(""), [made[2], made[1], made[0]], "newest first");
    let six = START - 86_400 - 6 * 3_600;
    assert_eq!(
        list(&format!("?after={six}")),
        [made[1], made[2]],
        "oldest first, after that second"
    );
    assert_eq!(list(&format!("?after={}&before={}", six - 1, six + 1)), [made[0]]);
    assert_eq!(list("?per_page=2&page=2"), [made[0]]);
    assert_eq!(list("?per_page=2&page=3"), [0_i64; 0]);
    for bad in ["?per_page=201", "?per_page=0", "?page=0", "?after=monday"] {
        assert_eq!(get(&sandbox, &format!("/athlete/activities{bad}"), &all).status, 400, "{bad}");
    }

    let found = get(&sandbox, "/athlete/activities?per_page=1", &all).json();
    assert_eq!(found[0]["start_date_local"], json!("2026-09-30T03:00:00Z"), "wall time");
    assert_eq!(found[0]["utc_offset"], json!(-25_200.0));
    assert!(found[0].get("calories").is_none());
    let one = get(&sandbox, &format!("/activities/{}", made[2]), &all).json();
    assert_eq!((&one["calories"], &one["resource_state"]), (&json!(300.5), &json!(3)));

    let callback = returned(&authorize(
        &sandbox,
        "activity:read",
        &[("account", "lists"), ("decision", "allow")],
    ));
    let code = &callback.iter().find(|(name, _)| name == "code").unwrap().1;
    let some = token_call(&sandbox, &[("grant_type", "authorization_code"), ("code", code)]).json();
    let some = some["access_token"].as_str().unwrap();
    let page = get(&sandbox, "/athlete/activities?per_page=2", some);
    assert_eq!(ids(&page), [made[2]], "a short page before the end");
    let hidden = get(&sandbox, &format!("/activities/{}", made[1]), some);
    assert_eq!(error(&hidden), (404, "Activity  not found".to_owned()));
}

#[test]
fn an_activity_is_made_once_at_a_time_and_only_renamed_later() {
    let sandbox = relaxed();
    let access = empty_account(&sandbox, "writes");
    let whole = [
        ("name", "Evening row"),
        ("sport_type", "Rowing"),
        ("start_date_local", "2026-09-30T19:00:00Z"),
        ("elapsed_time", "1800"),
        ("distance", "5000.5"),
    ];
    for (left_out, _) in &whole[..4] {
        let part: Vec<_> = whole.iter().copied().filter(|(name, _)| name != left_out).collect();
        let expected = (400, format!("Activity {left_out} missing"));
        assert_eq!(error(&post(&sandbox, &access, &part)), expected);
    }
    let made = post(&sandbox, &access, &whole);
    let body = made.json();
    assert_eq!(made.status, 201);
    assert_eq!(body["start_date"], json!("2026-10-01T02:00:00Z"), "the athlete's own zone");
    assert_eq!((&body["distance"], &body["manual"]), (&json!(5000.5), &json!(true)));
    assert_eq!(post(&sandbox, &access, &whole).status, 409);
    let mut unknown = whole;
    unknown[1].1 = "Juggling";
    assert_eq!(error(&post(&sandbox, &access, &unknown)).1, "Activity sport_type invalid");

    let url = format!("{}/activities/{}", sandbox.urls("strava").api_url, body["id"]);
    let bearer = format!("Bearer {access}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let change = r#"{"name":"Row","distance":1}"#;
    let changed = send("PUT", &url, &headers, change).unwrap().json();
    assert_eq!((&changed["name"], &changed["distance"]), (&json!("Row"), &json!(5000.5)));
    assert_eq!(send("DELETE", &url, &headers, "").unwrap().status, 404, "there is no such call");
}

#[test]
fn every_answer_tells_the_usage_of_both_families_of_limits() {
    let sandbox = sandbox();
    let access = empty_account(&sandbox, "busy");
    sandbox.control().reset_counts("strava").unwrap();
    let header = |reply: &Reply, name: &str| reply.header(name).unwrap().to_owned();
    let read = get(&sandbox, "/athlete", &access);
    assert_eq!(header(&read, "x-ratelimit-limit"), "200,2000");
    assert_eq!(header(&read, "x-readratelimit-limit"), "100,1000");
    assert_eq!(header(&read, "x-readratelimit-usage"), "1,1");
    let write = post(&sandbox, &access, &[]);
    assert_eq!(header(&write, "x-ratelimit-usage"), "2,2");
    assert_eq!(header(&write, "x-readratelimit-usage"), "1,1", "a write is no read");

    let fixed = vec![FixedLimit::app(9, 900), FixedLimit::app(2, 900).of_reads()];
    sandbox.control().set_limits("strava", Limits { fixed, ..Limits::none() }).unwrap();
    assert_eq!(get(&sandbox, "/athlete", &access).status, 200);
    let refused = get(&sandbox, "/athlete", &access);
    assert_eq!(error(&refused), (429, "Application rate limit exceeded".to_owned()));
    assert!(refused.header("retry-after").is_none());
    assert_eq!(header(&refused, "x-readratelimit-usage"), "3", "a refused call counts");
    assert_eq!(post(&sandbox, &access, &[]).status, 400, "writes go on");
    // The clock is a little after noon: the next quarter begins in less than 15 minutes.
    sandbox.control().advance(Duration::from_secs(900));
    assert_eq!(header(&get(&sandbox, "/athlete", &access), "x-readratelimit-usage"), "1");
}

#[test]
fn histories_show_the_known_oddities() {
    let sandbox = relaxed();
    let mut activities = Vec::new();
    for number in 1..=4 {
        let token = token(&sandbox, "strava", &format!("account-{number}"));
        let page = get(&sandbox, "/athlete/activities?per_page=200", &token).json();
        activities.extend(page.as_array().unwrap().clone());
    }
    let some = |found: &dyn Fn(&Value) -> bool| activities.iter().any(found);
    assert!(some(&|item| item["upload_id"].is_f64()), "beyond 64 bits");
    assert!(some(&|item| item["manual"] == json!(true) && item["upload_id"].is_null()));
    assert!(some(&|item| item["visibility"] == json!("only_me")));
    assert!(some(&|item| item["sport_type"] == json!("TrailRun") && item["type"] == json!("Run")));
    assert!(activities.iter().all(|item| item["id"].as_i64().unwrap() > i64::from(u32::MAX)));
}
