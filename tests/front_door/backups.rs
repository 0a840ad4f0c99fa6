//! A copy made while the daemon runs, and putting it back.

use serde_json::json;

use crate::harness::{Daemon, eventually, sandbox, weight};
use reqwest::Method;

const RECORDS: &str = "/v1/users/ann/records";

async fn post(daemon: &Daemon, user: &str, app_id: &str) {
    let record = json!({"app_id": app_id, "start": "2026-03-04T06:15:00+02:00",
        "measurement": {"type": "weight", "value": 71}});
    let body = json!({"records": [record]}).to_string();
    let path = format!("/v1/users/{user}/records");
    assert_eq!(daemon.app.call(Method::POST, &path, Some(&body)).await.0, 201);
}

fn run(daemon: &Daemon, arguments: &[&str]) -> (bool, String) {
    let ended = daemon.command(arguments);
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn a_backup_of_a_running_daemon_is_put_back_without_those_who_were_erased_since() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    let Some(database) = daemon.database_file() else {
        let (done, said) = run(&daemon, &["backup", "a.db"]);
        assert!(!done && said.contains("pg_dump"), "{said}");
        return;
    };
    for user in ["ann", "ben"] {
        daemon.app.connect(&sandbox, user, "withings").await;
        post(&daemon, user, "before").await;
    }
    let folder = tempfile::tempdir().unwrap();
    let (copy, keys) = (folder.path().join("one.db"), folder.path().join("user-keys"));
    let copy = copy.to_str().unwrap();
    let (done, said) = run(&daemon, &["backup", copy]);
    assert!(done && said.contains("the keys of 2 users"), "{said}");
    let mode = |file: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(file).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(copy.as_ref()), mode(&keys)), (0o600, 0o600));
    let (done, said) = run(&daemon, &["backup", copy]);
    assert!(!done && said.contains("is there already"), "{said}");
    let same = keys.to_str().unwrap();
    let (done, said) =
        run(&daemon, &["backup", &format!("{same}-2"), "--user-keys", &format!("{same}-2")]);
    assert!(!done && said.contains("need a file each"), "{said}");
    let old_keys = folder.path().join("old-keys");
    std::fs::copy(&keys, &old_keys).unwrap();

    post(&daemon, "ann", "after").await;
    let newest = daemon.app.get("/v1/changes").await["next_cursor"].clone();
    let newest = newest.as_str().unwrap_or_default().to_owned();
    assert_eq!(daemon.app.call(Method::DELETE, "/v1/users/ben", None).await.0, 200);
    let second = folder.path().join("two.db");
    assert!(run(&daemon, &["backup", second.to_str().unwrap()]).0);

    let (done, said) = run(&daemon, &["restore", copy, "--replace"]);
    assert!(!done && said.contains("another syncwell runs"), "{said}");
    assert!(daemon.stop().await.success());
    let (done, said) = run(&daemon, &["restore", copy]);
    assert!(!done && said.contains("--replace"), "{said}");
    // It would erase who was connected between them.
    let (newer, older) = (second.to_str().unwrap(), old_keys.to_str().unwrap());
    let (done, said) = run(&daemon, &["restore", newer, "--replace", "--user-keys", older]);
    assert!(!done && said.contains("old-keys is older than"), "{said}");
    // It has keys of its own, which would bring back who was erased.
    let plain = folder.path().join("plain.db");
    std::fs::copy(&database, &plain).unwrap();
    let (done, said) = run(&daemon, &["restore", plain.to_str().unwrap(), "--replace"]);
    assert!(!done && said.contains("was not written by `syncwell backup`"), "{said}");
    assert!(!database.with_file_name("test.db.before-restore-1").exists());
    let (done, said) = run(&daemon, &["restore", copy, "--replace"]);
    assert!(done && said.contains("one user was erased after the backup"), "{said}");
    assert!(database.with_file_name("test.db.before-restore-1").exists());
    daemon.launch().await;

    let records = daemon.app.records("ann").await;
    assert_eq!(records.len(), 1, "what was written later is gone: {records:?}");
    assert_eq!(
        daemon.app.call(Method::GET, "/v1/users/ben/records", None).await.1["records"],
        json!([])
    );
    let control = sandbox.control();
    control.append("withings", "ann", "measure", vec![weight(&control, 70_000, 1)]).unwrap();
    daemon.app.sync_ok("ann", "withings").await;
    assert!(eventually(async || daemon.app.records("ann").await.len() == 2).await, "it goes on");
    post(&daemon, "ann", "before").await;
    assert_eq!(daemon.app.get(RECORDS).await["records"].as_array().unwrap().len(), 2);
    // A host app that had read on learns that it must begin again.
    if !newest.is_empty() {
        let path = format!("/v1/changes?cursor={newest}");
        assert_eq!(daemon.app.call(Method::GET, &path, None).await.0, 410);
    }

    std::fs::write(copy, b"nothing").unwrap();
    assert!(daemon.stop().await.success());
    let (done, said) = run(&daemon, &["restore", copy, "--replace"]);
    assert!(!done && !database.with_file_name("test.db.before-restore-2").exists(), "{said}");
    daemon.launch().await;
    assert_eq!(daemon.app.records("ann").await.len(), 2, "a copy that is damaged changes nothing");
}
