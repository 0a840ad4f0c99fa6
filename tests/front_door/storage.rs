//! What the daemon says and does when its database cannot be written or read.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, sandbox};

const RECORDS: &str = "/v1/users/ann/records";

/// What `/readyz` waits for; empty if the daemon is ready.
async fn waits_for(daemon: &Daemon) -> String {
    let (status, body) = daemon.app.call(Method::GET, "/readyz", None).await;
    let waits = body["waiting_for"].as_array().unwrap();
    assert_eq!(status == 200, waits.is_empty(), "{body}");
    waits.iter().map(|what| what.as_str().unwrap()).collect()
}

async fn comes_to_wait_for(daemon: &Daemon, what: &str) {
    let mut waits = String::new();
    let came = eventually(async || {
        waits = waits_for(daemon).await;
        waits.contains(what) && waits.is_empty() == what.is_empty()
    });
    assert!(came.await, "it waits for `{waits}`, not for `{what}`: {}", daemon.log());
}

async fn post(daemon: &Daemon, app_id: &str) -> u16 {
    let weight = json!({"app_id": app_id, "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": 71}});
    let body = json!({"records": [weight]}).to_string();
    daemon.app.call(Method::POST, RECORDS, Some(&body)).await.0.as_u16()
}

async fn ids(daemon: &Daemon) -> Vec<String> {
    let records = daemon.app.get(RECORDS).await["records"].as_array().unwrap().clone();
    let id = |record: &Value| record["source"]["app"].as_str().unwrap().to_owned();
    records.iter().map(id).collect()
}

/// The files of the database that exist, and the same names in another folder.
fn files(database: &Path, other: &Path) -> Vec<(PathBuf, PathBuf)> {
    let names = ["", "-wal", "-shm"].map(|suffix| format!("test.db{suffix}"));
    let paths = names.map(|name| (database.with_file_name(&name), other.join(&name)));
    paths.into_iter().filter(|(file, _)| file.exists()).collect()
}

#[tokio::test]
async fn a_database_that_takes_no_writes_makes_the_daemon_not_ready_until_it_does() {
    let sandbox = sandbox();
    let daemon = Daemon::start(&sandbox, "").await;
    let Some(path) = daemon.database_file() else { return };
    assert_eq!(post(&daemon, "before").await, 201);

    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    // The daemon may be writing at this moment.
    other.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").unwrap();
    assert_eq!(post(&daemon, "meanwhile").await, 503);
    comes_to_wait_for(&daemon, "takes no writes").await;
    assert_eq!(ids(&daemon).await, ["before"], "reads go on");
    let log = daemon.log();
    assert_eq!(log.matches("the database takes no writes").count(), 1, "{log}");
    assert!(log.contains("database is locked"), "{log}");

    other.batch_execute("ROLLBACK").unwrap();
    comes_to_wait_for(&daemon, "").await;
    assert_eq!(post(&daemon, "after").await, 201);
    assert!(daemon.log().contains("takes writes again"));
}

#[tokio::test]
async fn a_database_whose_files_were_taken_away_takes_no_records() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let Some(path) = daemon.database_file() else { return };
    assert_eq!(post(&daemon, "before").await, 201);

    let elsewhere = tempfile::tempdir_in(path.parent().unwrap().parent().unwrap()).unwrap();
    let files = files(&path, elsewhere.path());
    assert_eq!(files.len(), 3, "the file, its log and the log's index");
    for (file, away) in &files {
        std::fs::rename(file, away).unwrap();
        assert_eq!(post(&daemon, "lost").await, 503, "without {}", file.display());
        comes_to_wait_for(&daemon, "files were moved or deleted").await;
        std::fs::copy(away, file).unwrap();
        comes_to_wait_for(&daemon, "files were moved or deleted").await;
        std::fs::rename(away, file).unwrap();
        comes_to_wait_for(&daemon, "").await;
    }
    assert!(daemon.log().contains("put the file back or restore a backup"), "{}", daemon.log());
    assert_eq!(post(&daemon, "after").await, 201);
    assert_eq!(ids(&daemon).await.len(), 2, "nothing was taken and lost");

    for (file, _) in &files {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(post(&daemon, "lost").await, 503);
    assert!(!path.exists(), "no empty database took its place");
    daemon.kill();
    daemon.launch().await;
    assert!(daemon.log().contains("a new, empty one is made"), "{}", daemon.log());
}

#[tokio::test]
async fn a_damaged_database_makes_the_daemon_not_ready_once_it_was_read() {
    const PAGE: usize = 4_096;
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let Some(path) = daemon.database_file() else { return };
    let record = |number: i32| {
        json!({"app_id": format!("{number:0100}"), "start": "2026-03-04T06:15:00+02:00",
            "measurement": {"type": "weight", "value": 71}})
    };
    let body = json!({"records": (0..1000).map(record).collect::<Vec<_>>()}).to_string();
    assert_eq!(daemon.app.call(Method::POST, RECORDS, Some(&body)).await.0, 201);
    daemon.stop().await;
    let mut bytes = std::fs::read(&path).unwrap();
    // The records' own pages, and nothing that a start reads.
    for page in bytes.chunks_mut(PAGE) {
        if page.windows(90).filter(|text| text.iter().all(|byte| *byte == b'0')).count() > 5 {
            page.fill(0xA5);
        }
    }
    std::fs::write(&path, bytes).unwrap();
    daemon.launch().await;
    let (status, problem) = daemon.app.call(Method::GET, RECORDS, None).await;
    assert_eq!(status, 503, "{problem}");
    comes_to_wait_for(&daemon, "cannot be read").await;
    assert!(daemon.log().contains("malformed"), "{}", daemon.log());
}

#[tokio::test]
async fn a_log_of_the_database_that_was_cut_loses_its_end_and_nothing_before() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let Some(path) = daemon.database_file() else { return };
    assert_eq!(post(&daemon, "first").await, 201);
    // What an orderly stop leaves is in the database itself.
    assert!(daemon.stop().await.success());
    daemon.launch().await;
    let mut posted = vec!["first".to_owned()];
    for number in 0..20 {
        let id = format!("later-{number:02}");
        assert_eq!(post(&daemon, &id).await, 201);
        posted.push(id);
    }
    daemon.kill();
    let log = path.with_file_name("test.db-wal");
    let bytes = std::fs::read(&log).unwrap();
    std::fs::write(&log, &bytes[..bytes.len() * 6 / 10]).unwrap();
    daemon.launch().await;
    let mut left = ids(&daemon).await;
    left.sort();
    assert!(left.len() < posted.len() && left.len() > 1, "{left:?}");
    assert_eq!(left, posted[..left.len()]);
    assert_eq!(post(&daemon, "after").await, 201);
    // Which checks every page.
    let copied = daemon.command(&["backup", "copy.db"]);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
}
