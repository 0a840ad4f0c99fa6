//! A kill at any moment after the answer loses nothing.

use crate::harness::{Daemon, eventually, sandbox};
use crate::notifications::{announced_lines, has_records, run, with_ann};

async fn arrives(daemon: &Daemon) {
    assert!(has_records(daemon, 1).await, "{}", daemon.log());
    let survives = eventually(async || announced_lines(daemon).await.len() == 1);
    assert!(survives.await, "the cause survives as well: {:?}", announced_lines(daemon).await);
}

#[tokio::test]
async fn a_kill_after_the_answer_loses_nothing() {
    let sandbox = sandbox();
    let (mut daemon, sender, account) = with_ann(&sandbox, "", &[]).await;
    // Its sync is under way, and never ends.
    let hang = serde_json::json!({"fault": {"kind": "hang"}});
    let control = sandbox.control();
    control.add_fault("moves", serde_json::from_value(hang).unwrap()).unwrap();
    run(&control, "ann", 60);
    assert_eq!(sender.announce(&account).await, 200);
    daemon.kill();
    control.clear_faults("moves").unwrap();
    daemon.launch().await;
    arrives(&daemon).await;
}

#[tokio::test]
async fn a_kill_between_the_commit_and_the_answer_loses_nothing() {
    let sandbox = sandbox();
    let crash = [("FAILPOINTS", "notifications::stored=return")];
    let (mut daemon, sender, _) = with_ann(&sandbox, "", &crash).await;
    let account = daemon.app.connection("ann", "moves").await["external_user_id"].clone();
    run(&sandbox.control(), "ann", 60);
    let body = format!("{{\"userId\":{}}}", account.as_str().unwrap());
    assert!(sender.signed(&body).send().await.is_err(), "it had no time to answer");
    assert!(daemon.has_ended().await);
    daemon.set_environment(&[]);
    daemon.launch().await;
    arrives(&daemon).await;
}
