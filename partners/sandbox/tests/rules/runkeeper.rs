//! RunKeeper: tokens, media types, feeds, items and the change log.

use std::collections::BTreeSet;
use std::time::Duration;

use partner_sandbox::{AccountChange, Sandbox, TokenAction};
use serde_json::{Value, json};

use super::client::*;

fn exchange(sandbox: &Sandbox, code: &str, secret: &str, redirect_uri: &str) -> Reply {
    post_form(
        &sandbox.urls("runkeeper").token_url,
        &[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", sandbox.client_id("runkeeper")),
            ("client_secret", secret),
            ("redirect_uri", redirect_uri),
        ],
    )
}

fn empty_account(sandbox: &Sandbox, name: &str) -> String {
    let change = AccountChange {
        empty: true,
        time_zone: Some("Asia/Kolkata".to_owned()),
        history_days: None,
    };
    sandbox.control().put_account("runkeeper", name, &change).unwrap();
    token(sandbox, "runkeeper", name)
}

fn uris(feed: &Value) -> Vec<&str> {
    feed["items"].as_array().unwrap().iter().map(|item| item["uri"].as_str().unwrap()).collect()
}

#[test]
fn a_code_gives_a_bare_token_once() {
    let sandbox = sandbox();
    let secret = sandbox.client_secret("runkeeper");
    let given = code(&sandbox, "runkeeper", "account-1");
    let wrong = exchange(&sandbox, &given, "wrong", CALLBACK);
    assert_eq!((wrong.status, wrong.json()), (400, json!({"error": "invalid_client"})));
    let elsewhere = exchange(&sandbox, &given, secret, "http://127.0.0.1:9/");
    assert_eq!((elsewhere.status, elsewhere.json()), (400, json!({"error": "invalid_grant"})));
    let reply = exchange(&sandbox, &given, secret, CALLBACK);
    let body = reply.json();
    assert_eq!(body["token_type"], json!("Bearer"));
    assert_eq!(body.as_object().unwrap().len(), 2, "no expiry, no refresh token, no user: {body}");
    assert_eq!(exchange(&sandbox, &given, secret, CALLBACK).status, 400);

    let token = body["access_token"].as_str().unwrap();
    assert_eq!(token.len(), 32);
    sandbox.control().advance(Duration::from_secs(10 * 365 * 86_400));
    let user = read(&sandbox, "/user", token, "User").json();
    let known = &sandbox.control().accounts("runkeeper").unwrap()[0];
    assert_eq!(user["userID"], json!(known.user_id));
    assert_eq!(user["fitness_activities"], json!("/fitnessActivities"));
    assert_eq!(user["change_log"], json!("/changeLog"));
}

#[test]
fn every_resource_wants_its_own_type() {
    let sandbox = relaxed();
    let token = token(&sandbox, "runkeeper", "account-1");
    assert_eq!(read(&sandbox, "/weight", &token, "WeightSetFeed").status, 200);
    for wrong in ["WeightFeed", "WeightSet", "User"] {
        assert_eq!(read(&sandbox, "/weight", &token, wrong).status, 406, "{wrong}");
    }
    let url = format!("{}/weight", sandbox.urls("runkeeper").api_url);
    let bearer = format!("Bearer {token}");
    for accept in ["*/*", "application/json"] {
        let headers = [("Authorization", bearer.as_str()), ("Accept", accept)];
        assert_eq!(send("GET", &url, &headers, "").unwrap().status, 406, "{accept}");
    }
    assert_eq!(send("GET", &url, &[("Authorization", bearer.as_str())], "").unwrap().status, 406);
    let accept = ("Accept", "text/plain, Application/VND.com.runkeeper.weightsetfeed+JSON; q=0.9");
    assert_eq!(
        send("GET", &format!("{url}?access_token={token}"), &[accept], "").unwrap().status,
        200
    );
    for method in ["PUT", "DELETE", "PATCH"] {
        let refused = send(method, &url, &[("Authorization", bearer.as_str())], "").unwrap();
        assert_eq!(refused.status, 405, "{method}");
    }
    assert_eq!(read(&sandbox, "/height", &token, "HeightFeed").status, 404);
    assert_eq!(read(&sandbox, "/weight", "made-up", "WeightSetFeed").status, 401);
}

#[test]
fn answers_come_in_lower_case_and_latin_1_now_and_then() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "spelling");
    let item = json!({"timestamp": "Thu, 1 Oct 2026 08:00:00", "calories": 100, "source": "Käse"});
    sandbox.control().append("runkeeper", "spelling", "nutrition", vec![item]).unwrap();
    let replies: Vec<Reply> =
        (0..3).map(|_| read(&sandbox, "/nutrition", &token, "NutritionSetFeed")).collect();
    let kinds: BTreeSet<&str> =
        replies.iter().map(|reply| reply.header("content-type").unwrap()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "application/vnd.com.runkeeper.NutritionSetFeed+json",
            "application/vnd.com.runkeeper.nutritionsetfeed+json;charset=ISO-8859-1",
        ]
    );
    assert!(replies.iter().all(|reply| reply.json()["items"][0]["source"] == json!("Käse")));
    assert!(replies.iter().any(|reply| std::str::from_utf8(&reply.body).is_err()));
}

#[test]
fn feeds_come_in_pages_that_lead_to_each_other() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "pages");
    sandbox.control().generate("runkeeper", "pages", "fitnessActivities", 60, 90).unwrap();
    let (mut path, mut seen, mut sizes) =
        (String::from("/fitnessActivities"), Vec::new(), Vec::new());
    loop {
        let feed = read(&sandbox, &path, &token, "FitnessActivityFeed").json();
        assert_eq!(feed["size"], json!(60));
        sizes.push(feed["items"].as_array().unwrap().len());
        assert_eq!(feed["previous"].as_str().is_some_and(|uri| !uri.is_empty()), sizes.len() > 1);
        seen.extend(uris(&feed).into_iter().map(str::to_owned));
        match feed["next"].as_str() {
            Some(next) if !next.is_empty() => path = next.to_owned(),
            _ => break,
        }
    }
    assert_eq!(sizes, [25, 25, 10]);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 60);
    let big =
        read(&sandbox, "/fitnessActivities?pageSize=40&page=1", &token, "FitnessActivityFeed")
            .json();
    assert_eq!(uris(&big), seen[40..]);
    assert!(big["previous"].as_str().unwrap().contains("pageSize=40"));
    assert_eq!(
        read(&sandbox, "/fitnessActivities?page=x", &token, "FitnessActivityFeed").status,
        400
    );
}

#[test]
fn feeds_are_filtered_by_start_and_by_change_in_whole_days() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let token = empty_account(&sandbox, "days");
    let weight = |timestamp| json!({"timestamp": timestamp, "weight": 70});
    let items = vec![weight("Mon, 28 Sep 2026 23:59:59"), weight("Tue, 29 Sep 2026 00:00:00")];
    let first = control.append("runkeeper", "days", "weight", items).unwrap();
    let feed = |query: &str| {
        let feed = read(&sandbox, &format!("/weight?{query}"), &token, "WeightSetFeed").json();
        uris(&feed)
            .into_iter()
            .map(|uri| uri.rsplit('/').next().unwrap().parse().unwrap())
            .collect::<Vec<i64>>()
    };
    assert_eq!(feed(""), [first[1], first[0]], "newest first");
    assert_eq!(feed("noEarlierThan=2026-09-29"), [first[1]]);
    assert_eq!(feed("noLaterThan=2026-09-28"), [first[0]]);
    assert_eq!(feed("noEarlierThan=2026-09-29&noLaterThan=2026-09-28"), [0_i64; 0]);

    control.advance(Duration::from_secs(2 * 86_400));
    let late = control
        .append("runkeeper", "days", "weight", vec![weight("Tue, 1 Sep 2026 07:00:00")])
        .unwrap();
    assert_eq!(feed("modifiedNoEarlierThan=2026-10-03"), late);
    assert_eq!(feed("modifiedNoEarlierThan=2026-10-01"), [first[1], first[0], late[0]]);
    assert_eq!(feed("modifiedNoLaterThan=2026-10-01"), [first[1], first[0]]);
    assert_eq!(feed("modifiedNoEarlierThan=2026-10-03&noEarlierThan=2026-09-15"), [0_i64; 0]);
    control.edit("runkeeper", "days", "weight", first[0], &json!({"weight": 71})).unwrap();
    assert_eq!(feed("modifiedNoEarlierThan=2026-10-03"), [first[0], late[0]]);
    assert_eq!(feed("modifiedNoEarlierThan=2026-10-04"), [0_i64; 0]);
    assert_eq!(
        read(&sandbox, "/weight?noEarlierThan=1.10.2026", &token, "WeightSetFeed").status,
        400
    );
}

#[test]
fn unchanged_feeds_answer_304() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let token = empty_account(&sandbox, "quiet");
    let item = json!({"timestamp": "Thu, 1 Oct 2026 08:00:00", "weight": 70});
    let ids = control.append("runkeeper", "quiet", "weight", vec![item]).unwrap();
    let since = read(&sandbox, "/weight", &token, "WeightSetFeed")
        .header("last-modified")
        .unwrap()
        .to_owned();
    assert!(since.starts_with("Thu, 01 Oct 2026 12:00:") && since.ends_with(" GMT"), "{since}");
    let again = || {
        let url = format!("{}/weight?access_token={token}", sandbox.urls("runkeeper").api_url);
        let accept = ("Accept", "application/vnd.com.runkeeper.WeightSetFeed+json");
        send("GET", &url, &[accept, ("If-Modified-Since", since.as_str())], "").unwrap().status
    };
    assert_eq!(again(), 304);
    control.advance(Duration::from_secs(5));
    control.delete("runkeeper", "quiet", "weight", ids[0]).unwrap();
    assert_eq!(again(), 200);
}

#[test]
fn items_tell_more_than_their_feed() {
    let sandbox = relaxed();
    let token = empty_account(&sandbox, "details");
    let ids =
        sandbox.control().generate("runkeeper", "details", "fitnessActivities", 1, 1).unwrap();
    let path = format!("/fitnessActivities/{}", ids[0]);
    let item = read(&sandbox, &path, &token, "FitnessActivity").json();
    let summary = read(&sandbox, &path, &token, "FitnessActivitySummary").json();
    let feed = read(&sandbox, "/fitnessActivities", &token, "FitnessActivityFeed").json();
    assert!(item.get("userID").is_some() && item.get("notes").is_some());
    assert!(summary.get("userID").is_none() && summary.get("notes").is_none());
    assert_eq!(feed["items"][0], summary);
    assert_eq!(summary["uri"], json!(path));
    assert_eq!(read(&sandbox, &path, &token, "FitnessActivityFeed").status, 406);
    assert_eq!(read(&sandbox, "/fitnessActivities/1", &token, "FitnessActivity").status, 404);
}

#[test]
fn only_the_change_log_shows_deletions() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let token = empty_account(&sandbox, "log");
    let item = || json!({"timestamp": "Thu, 1 Oct 2026 08:00:00", "weight": 70});
    let ids = control.append("runkeeper", "log", "weight", vec![item(), item()]).unwrap();
    control.advance(Duration::from_secs(60));
    control.delete("runkeeper", "log", "weight", ids[0]).unwrap();
    let log = |query: &str| read(&sandbox, &format!("/changeLog?{query}"), &token, "ChangeLog");
    let all = log("modifiedNoEarlierThan=2026-10-01T12:00:00").json();
    assert_eq!(all["weight"]["deleted"], json!([format!("/weight/{}", ids[0])]));
    assert_eq!(all["weight"]["modified"][0]["uri"], json!(format!("/weight/{}", ids[1])));
    assert_eq!((&all["size"], &all["sleep"]), (&json!(2), &json!({"modified": [], "deleted": []})));
    let later = log("modifiedNoEarlierThan=2026-10-01T12:00:30").json();
    assert_eq!(
        (later["weight"]["modified"].as_array().unwrap().len(), &later["size"]),
        (0, &json!(1))
    );
    let before =
        log("modifiedNoEarlierThan=2026-10-01T11:00:00&modifiedNoLaterThan=2026-10-01T11:59:59")
            .json();
    assert_eq!(before["size"], json!(0));
    assert_eq!(log("").status, 400);
}

#[test]
fn an_ended_consent_answers_403_with_its_reason() {
    let sandbox = sandbox();
    let token = token(&sandbox, "runkeeper", "account-1");
    let revoke_url = sandbox.urls("runkeeper").revoke_url.unwrap();
    assert_eq!(post_form(&revoke_url, &[("access_token", "made-up")]).status, 401);
    assert_eq!(read(&sandbox, "/user", &token, "User").status, 200);
    assert_eq!(post_form(&revoke_url, &[("access_token", &token)]).status, 204);
    let refused = read(&sandbox, "/user", &token, "User");
    assert_eq!(refused.status, 403);
    assert_eq!(
        refused.header("content-type"),
        Some("application/vnd.com.runkeeper.ErrorMessage+json")
    );
    assert_eq!(refused.json(), json!({"reason": "Revoked", "delete_health": "false"}));

    let other = super::client::token(&sandbox, "runkeeper", "account-2");
    sandbox.control().tokens("runkeeper", "account-2", TokenAction::Revoke).unwrap();
    assert_eq!(read(&sandbox, "/user", &other, "User").status, 403);
    assert_eq!(sandbox.control().counts("runkeeper").unwrap().revoked, 2);
}

#[test]
fn histories_show_the_known_oddities() {
    let sandbox = relaxed();
    let mut activities = Vec::new();
    let mut weights = Vec::new();
    for number in 1..=12 {
        let name = format!("account-{number}");
        sandbox.control().put_account("runkeeper", &name, &AccountChange::default()).unwrap();
        let token = token(&sandbox, "runkeeper", &name);
        let feed = |path, kind| {
            read(&sandbox, path, &token, kind).json()["items"].as_array().unwrap().clone()
        };
        activities.extend(feed("/fitnessActivities?pageSize=100000", "FitnessActivityFeed"));
        weights.extend(feed("/weight?pageSize=100000", "WeightSetFeed"));
    }
    let some = |found: &dyn Fn(&Value) -> bool| activities.iter().any(found);
    assert!(
        some(&|item| item["utc_offset"] == json!(5.5))
            && some(&|item| item.get("utc_offset").is_none())
    );
    assert!(
        some(&|item| item["has_path"] == json!("true"))
            && some(&|item| item["has_path"] == json!(true))
    );
    assert!(some(&|item| item["duration"].is_i64()) && some(&|item| item["duration"].is_f64()));
    assert!(some(&|item| item["duration"] == json!(0)));
    assert!(some(&|item| item["is_live"] == json!(true)));
    assert!(
        activities
            .iter()
            .all(|item| item["source"] == json!("RunKeeper") || item.get("utc_offset").is_none())
    );
    let counts: BTreeSet<usize> =
        weights.iter().map(|item| item.as_object().unwrap().len()).collect();
    assert!(counts.contains(&8), "a set of five values with time, source and uri: {counts:?}");
    assert!(
        weights
            .iter()
            .any(|item| item.get("weight").is_none() && item.get("fat_percent").is_some())
    );
}
