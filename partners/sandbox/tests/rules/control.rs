//! Control over HTTP, repeatability, growth, start and stop.

use std::time::{Duration, Instant};

use partner_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::client::*;

fn control(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(method, &format!("{}/control{path}", sandbox.url()), &[], &body).unwrap()
}

#[test]
fn the_same_seed_and_calls_give_the_same_data_and_tokens() {
    let story = |seed| {
        let options = Options { seed, ..options() };
        let sandbox = Sandbox::start(options).unwrap();
        let pair = exchange(&sandbox, &code(&sandbox, "withings", "walk-in"));
        let access = good(&pair)["access_token"].as_str().unwrap().to_owned();
        let measures = call(&sandbox, "/measure", &access, &[("action", "getmeas")]).json();
        let token = token(&sandbox, "runkeeper", "account-2");
        let feed = read(&sandbox, "/fitnessActivities", &token, "FitnessActivityFeed").json();
        (pair.to_string(), good(&measures)["measuregrps"].to_string(), feed["items"].to_string())
    };
    let first = story(11);
    assert_eq!(first, story(11));
    let other = story(12);
    assert!(first.0 != other.0 && first.1 != other.1 && first.2 != other.2);
}

#[test]
fn an_account_is_made_filled_changed_and_emptied_over_http() {
    let sandbox = relaxed();
    let made = control(&sandbox, "PUT", "/runkeeper/accounts/Ann%20B", json!({"empty": true}));
    assert_eq!((made.status, &made.json()["account"]), (200, &json!("Ann B")));
    let base = "/runkeeper/accounts/Ann%20B";
    let item = json!({"timestamp": "Thu, 1 Oct 2026 08:00:00", "weight": 70});
    let added = control(
        &sandbox,
        "POST",
        &format!("{base}/data"),
        json!({"resource": "weight", "items": [item]}),
    )
    .json();
    let id = added["ids"][0].to_string();
    let generate = json!({"resource": "nutrition", "count": 3, "from_days_ago": 2});
    assert_eq!(
        control(&sandbox, "POST", &format!("{base}/generate"), generate).json()["ids"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let issued =
        control(&sandbox, "POST", &format!("{base}/tokens"), json!({"do": "issue"})).json();
    let token = issued["access_token"].as_str().unwrap();
    let one = format!("{base}/data/weight/{id}");
    assert_eq!(control(&sandbox, "PATCH", &one, json!({"weight": 71.5})).status, 204);
    let there = control(&sandbox, "GET", &format!("{base}/weight"), Value::Null).json();
    let uri = format!("/weight/{id}");
    let shown = json!({"timestamp": "Thu, 1 Oct 2026 08:00:00", "weight": 71.5, "uri": uri});
    assert_eq!(there, json!({"items": [shown]}));
    let unknown = control(&sandbox, "GET", &format!("{base}/wealth"), Value::Null);
    assert_eq!(unknown.status, 404);
    let feed = read(&sandbox, "/weight", token, "WeightSetFeed").json();
    assert_eq!(feed["items"][0]["weight"], json!(71.5));
    assert_eq!(feed["items"][0]["timestamp"], json!("Thu, 1 Oct 2026 08:00:00"));
    assert_eq!(control(&sandbox, "DELETE", &one, Value::Null).status, 204);
    assert_eq!(control(&sandbox, "DELETE", &one, Value::Null).status, 404);

    let listed = control(&sandbox, "GET", "/runkeeper/accounts", Value::Null).json();
    let ann = listed["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["account"] == json!("Ann B"))
        .unwrap()
        .clone();
    assert_eq!(ann["items"], json!({"nutrition": 3, "weight": 0}));
    assert_eq!(ann["connected"], json!(true));
    let filled =
        control(&sandbox, "PUT", base, json!({"history_days": 20, "time_zone": "Asia/Kolkata"}))
            .json();
    assert_eq!(filled["time_zone"], json!("Asia/Kolkata"));
    assert!(filled["items"]["nutrition"].as_i64().unwrap() >= 40);
    assert_eq!(
        control(&sandbox, "POST", &format!("{base}/tokens"), json!({"do": "revoke"})).status,
        204
    );
    assert_eq!(read(&sandbox, "/weight", token, "WeightSetFeed").status, 403);
}

#[test]
fn the_clock_people_counts_and_the_list_of_operations() {
    let sandbox = sandbox();
    let before = control(&sandbox, "GET", "/clock", Value::Null).json()["now"].as_i64().unwrap();
    assert!((START..START + 5).contains(&before));
    control(&sandbox, "POST", "/clock", json!({"advance_seconds": 86_400}));
    let after = control(&sandbox, "GET", "/clock", Value::Null).json()["now"].as_i64().unwrap();
    assert!((86_400..86_405).contains(&(after - before)));
    let people = control(&sandbox, "GET", "/people", Value::Null).json();
    let at = |partner: &str| {
        let accounts = people["accounts"].as_array().unwrap();
        accounts.iter().filter(|account| account["partner"] == partner).count()
    };
    for partner in ["withings", "runkeeper", "fatsecret"] {
        assert_eq!(at(partner), 4, "{partner}");
    }

    refresh(&sandbox, "made-up");
    let counts = control(&sandbox, "GET", "/withings/counts", Value::Null).json();
    assert_eq!((&counts["calls"], &counts["busiest_window"]["calls"]), (&json!(1), &json!(1)));
    assert_eq!(control(&sandbox, "POST", "/withings/counts/reset", Value::Null).status, 204);
    assert_eq!(control(&sandbox, "GET", "/withings/counts", Value::Null).json()["calls"], json!(0));

    let operations = control(&sandbox, "GET", "", Value::Null).json();
    for operation in operations["operations"].as_array().unwrap() {
        let (method, path) =
            (operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let Some(path) = path.strip_prefix("/control").filter(|path| !path.contains("{id}")) else {
            continue;
        };
        let path = path.replace("{partner}", "withings").replace("{account}", "account-1");
        let path = path.replace("{resource}", "measure");
        let status = control(&sandbox, method, &path, Value::Null).status;
        assert!(status != 404 && status != 405, "{method} {path} is listed but answers {status}");
    }
}

#[test]
fn mistakes_are_answered_with_what_is_wrong() {
    let sandbox = sandbox();
    for (method, path, body, status, text) in [
        ("GET", "/nowhere/accounts", Value::Null, 404, "nowhere"),
        ("PUT", "/withings/accounts/a", json!({"time_zone": "Mars/Base"}), 404, "Mars/Base"),
        ("PUT", "/withings/accounts/a", json!({"timezone": "UTC"}), 400, "timezone"),
        (
            "POST",
            "/withings/accounts/nobody/data",
            json!({"resource": "measure", "items": []}),
            404,
            "nobody",
        ),
        (
            "POST",
            "/withings/accounts/account-1/data",
            json!({"resource": "weight", "items": []}),
            404,
            "weight",
        ),
        (
            "POST",
            "/runkeeper/accounts/account-1/generate",
            json!({"resource": "sleep", "count": 1}),
            400,
            "sleep",
        ),
        ("POST", "/withings/accounts/account-1/tokens", json!({"do": "vanish"}), 400, "body"),
        ("POST", "/withings/faults", json!({"fault": {"kind": "fire"}}), 400, "fire"),
        ("POST", "/clock", json!({"advance_seconds": -1}), 400, "body"),
    ] {
        let reply = control(&sandbox, method, path, body);
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert!(reply.json()["detail"].as_str().unwrap().contains(text), "{}", reply.text());
    }
}

#[test]
fn data_grows_by_itself_when_asked_to() {
    let growing =
        Sandbox::start(Options { growth: Some(Duration::from_millis(2)), ..options() }).unwrap();
    let size = |sandbox: &Sandbox| -> usize {
        sandbox.control().people().iter().flat_map(|person| person.items.values()).sum()
    };
    let before = size(&growing);
    let started = Instant::now();
    while size(&growing) == before {
        assert!(started.elapsed() < Duration::from_secs(30), "nothing grew");
        std::thread::yield_now();
    }
}

#[test]
fn stopping_frees_the_port_even_while_a_call_hangs() {
    let mut sandbox = sandbox();
    let address = sandbox.url();
    let rule = serde_json::from_value(json!({"fault": {"kind": "hang"}})).unwrap();
    sandbox.control().add_fault("withings", rule).unwrap();
    let url = format!("{}/measure", sandbox.urls("withings").api_url);
    let caller = std::thread::spawn(move || send("GET", &url, &[], ""));
    while sandbox.control().counts("withings").unwrap().calls == 0 {
        std::thread::yield_now();
    }
    let started = Instant::now();
    sandbox.stop();
    sandbox.stop();
    // The caller gives up after ten.
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert!(caller.join().unwrap().is_err());
    let listen = address.replace("http://", "").parse().unwrap();
    let error = Sandbox::start(Options { listen: "192.0.2.1:1".parse().unwrap(), ..options() })
        .unwrap_err();
    assert_ne!(error.to_string(), "");
    Sandbox::start(Options { listen, ..options() }).unwrap();
}
