//! Lists are bounded in bytes, whatever the database holds.

use reqwest::header::ACCEPT_ENCODING;
use serde_json::{Value, json};

use super::{RECORDS, peak};
use crate::harness::{Daemon, HostApp, sandbox};

const MEGABYTE: usize = 1 << 20;

/// The largest answer: the budget, the record that fills it, and what stands around the rows.
const MOST: usize = 10 * MEGABYTE;

/// Reads all pages with the largest limit; returns how many entries and pages there were.
async fn walk(app: &HostApp, path: &str, what: &str) -> (usize, usize) {
    let (mut entries, mut pages, mut cursor) = (0, 0, String::new());
    loop {
        let url = format!("{}{path}limit=1000{cursor}", app.address);
        // As it is: packing and unpacking is slow in a build for tests.
        let request = app.client.get(url).header(ACCEPT_ENCODING, "identity");
        let answer = request.bearer_auth(&app.key).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.bytes().await.unwrap();
        assert!(body.len() < MOST, "{path}: an answer of {} bytes", body.len());
        let page: Value = serde_json::from_slice(&body).unwrap();
        let count = page[what].as_array().unwrap().len();
        assert!(count > 0, "{path}: a page without an entry");
        (entries, pages) = (entries + count, pages + 1);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (entries, pages),
        }
    }
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_the_next_goes_on() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let app = daemon.app.clone();
    let meal = |number: usize| {
        json!({"app_id": format!("m-{number}"), "start": "2026-03-04T12:00:00+01:00",
            "nutrition": {"name": "Soup", "energy_kcal": 240}})
    };
    let body = json!({"records": (0..100).map(meal).collect::<Vec<_>>()}).to_string();
    let (status, added) = app.call(reqwest::Method::POST, RECORDS, Some(&body)).await;
    assert_eq!(status, 201, "{added}");
    let url = app.authorize("ann", "withings", "{}").await;
    let back = app.decide(&url, "ann", "deny").await;
    assert_eq!(app.client.get(&back).send().await.unwrap().status(), 200);
    assert!(daemon.stop().await.success());
    // As an earlier version may have stored them.
    let name = "x".repeat(MEGABYTE);
    daemon.rewrite(&format!(
        "UPDATE records SET content = '{{\"meal\":\"lunch\",\"name\":\"{name}\"}}';
         UPDATE syncs SET summary = '{name}', detail = '[\"{name}\"]';"
    ));
    let columns = "connection_id, user_id, partner, cause, outcome, summary, detail, started_at, finished_at, repeats";
    let double = format!("INSERT INTO syncs ({columns}) SELECT {columns} FROM syncs;");
    daemon.rewrite(&double.repeat(5));
    daemon.launch().await;
    let began = peak(&daemon);
    for (path, what, count, least) in [
        ("/v1/users/ann/records?", "records", 100, 12),
        ("/v1/changes?", "changes", 100, 12),
        ("/v1/users/ann/syncs?", "syncs", 32, 6),
    ] {
        let (entries, pages) = walk(&app, path, what).await;
        assert_eq!(entries, count, "{path}: each once");
        assert!(pages >= least, "{path}: {pages} pages");
        let most = peak(&daemon);
        println!("{path} {pages} pages: {began} MB before, {most} MB at most");
        assert!(most < began + 130, "{path}: {began} MB before, {most} MB at most");
    }
    // One that is larger than a page is a page.
    assert!(daemon.stop().await.success());
    let name = "x".repeat(9 * MEGABYTE);
    daemon.rewrite(&format!(
        "UPDATE records SET content = '{{\"meal\":\"lunch\",\"name\":\"{name}\"}}' WHERE source_id = 'm-7';"
    ));
    daemon.launch().await;
    assert_eq!(walk(&app, "/v1/users/ann/records?", "records").await.0, 100);
}
