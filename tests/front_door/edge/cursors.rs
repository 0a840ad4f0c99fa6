//! Cursors that were changed on the way.

use serde_json::json;

use super::{RECORDS, answer};
use crate::harness::{Daemon, sandbox};

#[tokio::test]
async fn a_changed_cursor_is_refused_or_shows_what_the_caller_may_see() {
    let daemon = Daemon::start(&sandbox(), "").await;
    let app = &daemon.app;
    for user in ["ann", "ben"] {
        let meal = |number: usize| {
            json!({"app_id": format!("m-{number}"), "start": format!("19{}0-03-04T12:00:00+01:00", 6 + number % 2),
                "nutrition": {"name": user, "energy_kcal": 240}})
        };
        let body = json!({"records": (0..6).map(meal).collect::<Vec<_>>()}).to_string();
        let path = format!("/v1/users/{user}/records");
        assert_eq!(app.call(reqwest::Method::POST, &path, Some(&body)).await.0, 201);
    }
    let page = app.get(&format!("{RECORDS}?limit=2")).await;
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let of_ben = app.get("/v1/users/ben/records?limit=2").await["next_cursor"].clone();
    let (start, id) = cursor.split_once('.').unwrap();
    assert!(start.starts_with('-'), "before 1970: {cursor}");
    assert_eq!(
        app.get(&format!("{RECORDS}?cursor={cursor}")).await["records"].as_array().unwrap().len(),
        4
    );
    let refused = [
        start.to_owned(),
        format!("{start}."),
        format!(".{id}"),
        format!("{start}..{id}"),
        format!("{start}.{id}.{id}"),
        format!("%20{cursor}"),
        format!("{cursor}%20"),
        format!("%2B1.{id}"),
        format!("007.{id}"),
        format!("-0.{id}"),
        format!("1e3.{id}"),
        format!("99999999999999999999.{id}"),
        format!("{start}.{}", id.to_uppercase()),
        format!("{start}.{}", id.replace('-', "")),
        format!("{start}.{{{id}}}"),
        format!("{start}.x"),
        format!("{start}.'%20OR%201=1--"),
        format!("{start}.{id}%00"),
        format!("{start}.%F0%9F%8D%9E"),
        "x".repeat(5_000),
    ];
    for cursor in refused {
        let (status, detail) =
            answer(app, ("GET", &format!("{RECORDS}?cursor={cursor}"), b"")).await;
        assert_eq!(status, 400, "{cursor}: {detail}");
        assert!(detail.contains("cursor"), "{detail}");
    }
    for cursor in [
        of_ben.as_str().unwrap().to_owned(),
        format!("0.{id}"),
        format!("{}.{id}", i64::MAX),
        format!("{}.{id}", i64::MIN),
        format!("{start}.00000000-0000-0000-0000-000000000000"),
        format!("{start}.ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ] {
        let page = app.get(&format!("{RECORDS}?cursor={cursor}")).await;
        let records = page["records"].as_array().unwrap();
        assert!(records.iter().all(|record| record["user_id"] == "ann"), "{cursor}: {page}");
    }
    for list in ["/v1/changes", "/v1/users/ann/syncs", "/v1/connections"] {
        for cursor in
            ["+1", "%2B1", "01", "-0", "1.0", "1e3", "0x1", "1_0", "9223372036854775808", "1%00"]
        {
            let (status, detail) =
                answer(app, ("GET", &format!("{list}?cursor={cursor}"), b"")).await;
            assert_eq!(status, 400, "{list} {cursor}: {detail}");
        }
        for cursor in ["0", "-1", "-9223372036854775808", "withings.0", "withings.-1", ".1"] {
            let (status, detail) =
                answer(app, ("GET", &format!("{list}?cursor={cursor}"), b"")).await;
            assert_eq!(status, 400, "{list} {cursor}: {detail}");
        }
    }
    for path in ["/v1/users/ann/syncs?cursor=9223372036854775807", "/v1/connections?cursor=x.7"] {
        assert!(app.get(path).await["next_cursor"].is_null(), "{path}");
    }
    let page = app.get("/v1/changes?limit=1").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let parts: Vec<_> = cursor.split('.').collect();
    let [feed, seq, at] = parts.as_slice() else { panic!("{cursor}") };
    for (forged, status) in [
        ("3773".to_owned(), 400),
        (format!("{feed}.{seq}"), 400),
        (format!("{feed}.+{seq}.{at}"), 400),
        (format!("{feed}.-{seq}.{at}"), 400),
        (format!("{feed}.0{seq}.{at}"), 400),
        (format!("{feed}.{seq}.0{at}"), 400),
        (
            format!("{feed}.{seq}.{}", at.to_uppercase().replace(|at: char| at.is_numeric(), "A")),
            400,
        ),
        (format!("{feed}.{seq}.{at}.1"), 400),
        (format!("{feed}.0.{at}"), 400),
        (format!("0{feed}.{seq}.{at}"), 410),
        (format!("..{seq}.{at}"), 400),
        (format!("{feed}.{seq}.1"), 410),
        (format!("{feed}.9223372036854775807.{at}"), 410),
    ] {
        let path = format!("/v1/changes?cursor={forged}");
        let (got, detail) = answer(app, ("GET", &path, b"")).await;
        assert_eq!(got, status, "{forged}: {detail}");
    }
}
