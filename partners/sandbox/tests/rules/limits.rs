//! Rate limits and what is counted.

use std::time::Duration;

use partner_sandbox::{Limit, Limits, Sandbox};
use serde_json::json;

use super::client::*;

fn getmeas(sandbox: &Sandbox, token: &str, offset: usize) -> serde_json::Value {
    call(sandbox, "/measure", token, &[("action", "getmeas"), ("offset", &offset.to_string())])
        .json()
}

#[test]
fn withings_allows_120_calls_a_minute_of_real_time_to_the_application() {
    let sandbox = sandbox();
    let (first, second) =
        (token(&sandbox, "withings", "account-1"), token(&sandbox, "withings", "account-2"));
    refresh(&sandbox, "made-up");
    for offset in 0..119 {
        good(&getmeas(&sandbox, if offset % 2 == 0 { &first } else { &second }, offset));
    }
    let refused = getmeas(&sandbox, &first, 500);
    assert_eq!(refused["status"], json!(601));
    let wait = refused["body"]["wait_seconds"].as_i64().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
    sandbox.control().advance(Duration::from_secs(3_600));
    assert_eq!(getmeas(&sandbox, &first, 501)["status"], json!(601), "the window counts real time");

    let counts = sandbox.control().counts("withings").unwrap();
    assert_eq!((counts.calls, counts.rejected), (122, 2));
    assert_eq!((counts.busiest_window.calls, counts.busiest_window.seconds), (122, 60));
    assert_eq!(counts.by_path["/measure"], 121);
    assert_eq!(counts.by_path["/v2/oauth2"], 1);
}

#[test]
fn a_window_slides() {
    let sandbox = relaxed();
    let control = sandbox.control();
    let access = token(&sandbox, "withings", "account-1");
    let app = Some(Limit { calls: 3, seconds: 1 });
    control.set_limits("withings", Limits { app, ..Limits::none() }).unwrap();
    let states: Vec<_> = (0..4).map(|_| getmeas(&sandbox, &access, 0)["status"].clone()).collect();
    assert_eq!(states, [json!(0), json!(0), json!(0), json!(601)]);
    let refused = getmeas(&sandbox, &access, 0);
    assert_eq!(refused["body"]["wait_seconds"], json!(1));
    #[expect(clippy::disallowed_methods, reason = "the window is one of real time")]
    std::thread::sleep(Duration::from_millis(1_000));
    good(&getmeas(&sandbox, &access, 0));
    assert_eq!(control.counts("withings").unwrap().busiest_window.calls, 5);
    control.reset_counts("withings").unwrap();
    good(&getmeas(&sandbox, &access, 0));
    let counts = control.counts("withings").unwrap();
    assert_eq!((counts.calls, counts.busiest_window.calls), (1, 1));
}

#[test]
fn runkeeper_says_in_plain_text_whose_limit_it_is_and_how_long_to_wait() {
    let sandbox = relaxed();
    let url = format!("{}/control/runkeeper/limits", sandbox.url());
    let set = |limits: serde_json::Value| send("PUT", &url, &[], &limits.to_string()).unwrap();
    let (first, second) =
        (token(&sandbox, "runkeeper", "account-1"), token(&sandbox, "runkeeper", "account-2"));
    assert_eq!(set(json!({"account": {"calls": 1, "seconds": 720}})).status, 200);
    assert_eq!(read(&sandbox, "/user", &first, "User").status, 200);
    let refused = read(&sandbox, "/user", &first, "User");
    assert_eq!((refused.status, refused.header("content-type")), (429, Some("text/plain")));
    assert!(refused.text().contains("user") && refused.text().ends_with("try again in 12 minutes"));
    assert_eq!(read(&sandbox, "/user", &second, "User").status, 200);

    let both = set(json!({"app": {"calls": 1, "seconds": 50}, "account": null})).json();
    assert_eq!(
        both,
        json!({"app": {"calls": 1, "seconds": 50}, "account": null, "same_call_seconds": null})
    );
    let refused = read(&sandbox, "/user", &second, "User").text();
    assert!(!refused.contains("user") && refused.ends_with(" seconds"), "{refused}");
    assert_eq!(set(json!({"apps": null})).status, 400);
    assert_eq!(set(json!({"app": {"calls": 1, "seconds": 0}})).status, 400);
}
