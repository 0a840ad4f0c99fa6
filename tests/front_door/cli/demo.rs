//! The demo needs no setup and leaves no files behind.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::{run, syncwell};
use crate::harness::eventually;
use crate::process::Running;

/// A working folder, and a folder for temporary files (`TMPDIR`).
fn temporary() -> (TempDir, TempDir) {
    (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn once_connects_everyone_says_what_it_did_and_ends() {
    let (working, temporary) = temporary();
    let ended = run(syncwell(working.path(), &["demo", "--once"]).env("TMPDIR", temporary.path()));
    assert!(ended.well, "{}{}", ended.out, ended.err);
    for words in [
        "12 of 12 people connected",
        "24 of 24 connections, ",
        "Withings",
        "RunKeeper",
        "\n  weight ",
        "\n  exercise ",
        "\n  total ",
        "of 120 ",
        "ann types 71.3 kg into the app",
        "ann corrects it to 70.8 kg",
        "still one: 1 here, 1 there",
        "changed here",
        "weight is out of any human range (0.3 to 700 kg)",
        "gone at RunKeeper",
        "72.413 kg reaches the app by webhook",
        "72.413 kg reaches the app by stream",
    ] {
        assert!(ended.out.contains(words), "`{words}` is not in: {}", ended.out);
    }
    let refused = ended.out.lines().find(|line| line.contains("refused for too many calls"));
    let counts: Vec<_> = refused.unwrap().split_whitespace().rev().take(2).collect();
    assert_eq!(counts, ["0", "0"], "{}", ended.out);
    assert!(!ended.out.contains('\u{1b}') && !ended.out.contains('█'), "plain in a pipe");
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{}", ended.out);
    assert_eq!(ended.err, "", "no errors");
    assert!(is_empty(working.path()) && is_empty(temporary.path()), "something is left behind");
}

#[test]
fn as_json_each_event_is_an_object() {
    let (working, temporary) = temporary();
    let arguments = ["demo", "--once", "--json"];
    let ended = run(syncwell(working.path(), &arguments).env("TMPDIR", temporary.path()));
    assert!(ended.well, "{}{}", ended.out, ended.err);
    let events: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named =
        |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(events[0]["event"], "started");
    assert_eq!(named("connected")[0]["people"], 12);
    let read = named("read")[0]["records"].as_u64().unwrap();
    let partners = named("partner");
    let totals: u64 = partners.iter().map(|partner| partner["total"].as_u64().unwrap()).sum();
    assert_eq!((partners.len(), totals), (2, read), "{}", ended.out);
    let steps: Vec<_> = named("step").iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["typed", "edited", "read_back", "changed_there", "refused", "deleted"]);
    for (heard, by) in named("heard").iter().zip(["webhook", "stream"]) {
        assert_eq!(heard["by"], by);
        // Polls of the demo are a minute apart and more: it was a notification.
        let seconds = heard["seconds"].as_f64().unwrap();
        assert!(seconds < 10.0, "{heard}");
    }
}

#[tokio::test]
async fn the_demo_runs_until_it_is_interrupted_and_its_curl_lines_work() {
    let (working, temporary) = temporary();
    let mut demo =
        Running::start(syncwell(working.path(), &["demo"]).env("TMPDIR", temporary.path()));
    let (line, of_key) = (demo.line_with("  S=").await, demo.line_with("  KEY=").await);
    let address = line.trim().strip_prefix("S=").unwrap();
    let key = of_key.trim().strip_prefix("KEY=").unwrap();
    let curl = demo.line_with("v1/users/ann/records").await;
    assert_eq!(curl.trim(), "curl -sH \"Authorization: Bearer $KEY\" $S/v1/users/ann/records");
    let client = partner_sdk::http_client().unwrap();
    let ask = async |path: String| {
        let request = client.get(format!("{address}/{path}")).bearer_auth(key);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap()
    };
    let answer = ask("v1/users/ann/records".into()).await;
    assert!(!answer["records"].as_array().unwrap().is_empty(), "{answer}");
    assert_eq!(answer["records"][0]["user_id"], "ann");
    let total = async || {
        let (mut total, mut cursor) = (0, String::new());
        loop {
            let page = ask(format!("v1/changes?limit=1000{cursor}")).await;
            total += page["changes"].as_array().unwrap().len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return total,
            }
        }
    };
    let before = total().await;
    assert!(eventually(async || total().await > before).await, "no data comes any more");
    demo.line_with(", from ").await;
    assert!(!is_empty(temporary.path()), "its database is where temporary files go");
    demo.signal("INT");
    let status = demo.ended().await;
    assert!(status.success(), "{status}: {}", demo.printed());
    assert!(is_empty(working.path()) && is_empty(temporary.path()), "something is left behind");
}
