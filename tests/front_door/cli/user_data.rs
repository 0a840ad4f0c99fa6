//! `syncwell user export` and `erase`.

use crate::harness::{Daemon, sandbox};

fn run(daemon: &Daemon, arguments: &[&str]) -> (bool, String, String) {
    let ended = daemon.command(arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.success(), text(ended.stdout), text(ended.stderr))
}

#[tokio::test]
async fn a_user_is_exported_and_erased_by_commands() {
    let sandbox = sandbox();
    let mut daemon = Daemon::start(&sandbox, "").await;
    daemon.app.connect(&sandbox, "ann", "withings").await;
    let key = daemon.admin.key.clone();
    daemon.set_environment(&[("SYNCWELL_KEY", &key)]);

    let (done, lines, said) = run(&daemon, &["user", "export", "ann"]);
    assert!(done && lines.lines().last().unwrap().contains("\"type\":\"end\""), "{lines}{said}");
    let (done, rows, said) = run(&daemon, &["user", "export", "ann", "--format", "csv"]);
    assert!(done && rows.starts_with("record,kind,start,"), "{rows}{said}");
    let (done, _, said) = run(&daemon, &["user", "export", "nobody"]);
    assert!(!done && said.contains("there is nothing of nobody here"), "{said}");

    let (done, _, said) = run(&daemon, &["user", "erase", "ann"]);
    assert!(!done && said.contains("say --yes"), "{said}");
    assert_eq!(daemon.app.connection("ann", "withings").await["status"], "connected");
    let (done, erased, said) = run(&daemon, &["user", "erase", "ann", "--yes"]);
    assert!(done && erased.contains("erased ann: 1 connections"), "{erased}{said}");
    assert_eq!(sandbox.control().counts("withings").unwrap().revoked, 1);
    let (done, _, said) = run(&daemon, &["user", "erase", "ann", "--yes"]);
    assert!(!done && said.contains("there is nothing of ann here"), "{said}");
}
