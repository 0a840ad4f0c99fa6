//! The demo needs no setup and leaves no files behind.

use std::collections::BTreeSet;
use std::path::Path;

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
    let people: BTreeSet<_> = ended
        .out
        .lines()
        .filter_map(|line| line.strip_suffix(" connected Withings and RunKeeper"))
        .collect();
    assert!(people.len() >= 20, "{}", ended.out);
    let connections = 2 * people.len();
    for words in [
        format!("{connections} of {connections} connections read"),
        format!("{} people, {connections} connections", people.len()),
        " weight".into(),
        " exercise".into(),
        " nutrition".into(),
        "and refused 0".into(),
        "s it is there as /weight/".into(),
    ] {
        assert!(ended.out.contains(&words), "`{words}` is not in: {}", ended.out);
    }
    assert_eq!(ended.err, "", "no errors");
    assert!(is_empty(working.path()) && is_empty(temporary.path()), "something is left behind");
}

#[tokio::test]
async fn the_demo_runs_until_it_is_interrupted_and_its_curl_lines_work() {
    let (working, temporary) = temporary();
    let mut demo =
        Running::start(syncwell(working.path(), &["demo"]).env("TMPDIR", temporary.path()));
    let line = demo.line_with("/v1/users/ann/records").await;
    let (key, address) = line
        .trim()
        .strip_prefix("curl -H 'Authorization: Bearer ")
        .unwrap()
        .split_once("' ")
        .unwrap();
    let client = partner_sdk::http_client().unwrap();
    let ask = async || {
        let answer = client.get(address).bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_slice::<serde_json::Value>(&answer.bytes().await.unwrap()).unwrap()
    };
    let answer = ask().await;
    assert!(!answer["records"].as_array().unwrap().is_empty(), "{answer}");
    assert_eq!(answer["records"][0]["user_id"], "ann");
    demo.line_with("syncs done").await;
    let grows = address.replace("/v1/users/ann/records", "/v1/changes?limit=1000");
    let total = async || {
        let (mut total, mut cursor) = (0, String::new());
        loop {
            let request = client.get(format!("{grows}{cursor}")).bearer_auth(key);
            let bytes = request.send().await.unwrap().bytes().await.unwrap();
            let page: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            total += page["changes"].as_array().unwrap().len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return total,
            }
        }
    };
    let before = total().await;
    assert!(eventually(async || total().await > before).await, "no data comes any more");
    assert!(!is_empty(temporary.path()), "its database is where temporary files go");
    demo.signal("INT");
    let status = demo.ended().await;
    assert!(status.success(), "{status}: {}", demo.printed());
    assert!(is_empty(working.path()) && is_empty(temporary.path()), "something is left behind");
}
