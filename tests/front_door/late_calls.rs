//! Partners that act on a call only after the daemon that made it was killed, or not at all.

use std::time::Duration;

use partner_sandbox::Sandbox;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox, values};
use crate::two_way::{add, grams, own_weight, replace, switch};

/// Longer than a start takes.
const LATE_MS: u64 = 2_500;

const WAITS: [(&str, &str); 2] = [("SYNCWELL__SCHEDULER__LATE_CALLS", "4s"), MOVED_CLOCK];

async fn connected(sandbox: &Sandbox, partners: &[&str]) -> Daemon {
    let settings = "[scheduler]\nmin_gap = \"10ms\"\ngroups = [\"500ms\"]\n";
    let daemon = Daemon::start_of(partners, sandbox, settings, &WAITS).await;
    for partner in partners {
        daemon.app.connect(sandbox, "ann", partner).await;
        switch(&daemon, partner, &json!({"push": {"weight": true}})).await;
    }
    daemon
}

fn be_late(sandbox: &Sandbox, partner: &str, path: &str) {
    let late = json!({"on": {"path": path}, "times": 1, "fault": {"kind": "late", "ms": LATE_MS}});
    sandbox.control().add_fault(partner, serde_json::from_value(late).unwrap()).unwrap();
}

/// Kills the daemon while the change is on its way, and starts it again.
async fn kill_when(daemon: &mut Daemon, id: &str, partner: &str, state: &str) {
    let path = format!("/v1/users/ann/records/{id}");
    let under_way = async || {
        let record = daemon.app.get(&path).await;
        let links = record["partners"].as_array().unwrap().iter();
        links.clone().any(|link| link["partner"] == partner && link["state"] == state)
    };
    assert!(eventually(under_way).await, "{}", daemon.app.get(&path).await);
    // The call leaves after that is stored.
    tokio::time::sleep(Duration::from_millis(300)).await;
    daemon.kill();
    daemon.launch().await;
}

#[tokio::test]
async fn a_creation_that_lands_after_a_kill_is_there_once() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let mut daemon = connected(&sandbox, &["runkeeper"]).await;
    be_late(&sandbox, "runkeeper", "/weight");
    let record = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    let id = record["id"].as_str().unwrap().to_owned();
    kill_when(&mut daemon, &id, "runkeeper", "creating").await;
    assert!(grams(&control, "runkeeper").is_empty(), "it has not landed");
    replace(&daemon, &record, 71.3).await;
    let settled = eventually(async || grams(&control, "runkeeper") == [71_300]).await;
    assert!(settled, "{:?}", grams(&control, "runkeeper"));
    assert_eq!(values(&daemon.app.records("ann").await, "weight"), [71.3]);
}

#[tokio::test]
async fn a_deletion_that_lands_after_a_kill_takes_nothing_that_came_after_it() {
    let sandbox = sandbox();
    let control = sandbox.control();
    let mut daemon = connected(&sandbox, &["fitbit"]).await;
    let record = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
    let id = record["id"].as_str().unwrap().to_owned();
    assert!(eventually(async || grams(&control, "fitbit") == [70_100]).await);
    // Fitbit changes nothing: the entry is deleted and made again, under the same id.
    be_late(&sandbox, "fitbit", "/1/user");
    replace(&daemon, &record, 71.3).await;
    kill_when(&mut daemon, &id, "fitbit", "updating").await;
    assert_eq!(grams(&control, "fitbit"), [70_100], "it has not landed");
    assert!(eventually(async || grams(&control, "fitbit").is_empty()).await, "it lands");
    // A poll misses it. That is believed if another one does later.
    tokio::time::sleep(Duration::from_secs(3)).await;
    daemon.let_pass(&sandbox, Duration::from_secs(300));
    let settled = eventually(async || grams(&control, "fitbit") == [71_300]).await;
    assert!(settled, "{:?}", grams(&control, "fitbit"));
    tokio::time::sleep(Duration::from_millis(LATE_MS)).await;
    let (status, record) =
        daemon.app.call(Method::GET, &format!("/v1/users/ann/records/{id}"), None).await;
    assert!(status == 200 && record["deleted"] == false, "{record}");
    assert_eq!(grams(&control, "fitbit"), [71_300]);
}

#[tokio::test]
async fn a_deletion_that_a_program_on_the_way_answers_is_made_again() {
    for (partner, aim) in [("fitbit", "/1/user/-/body/log/weight/1"), ("runkeeper", "/weight/")] {
        let sandbox = sandbox();
        let control = sandbox.control();
        let mut daemon = connected(&sandbox, &[partner]).await;
        let record = add(&daemon, &[own_weight(&control, "w-1", 70.1, 40)]).await.remove(0);
        assert!(eventually(async || grams(&control, partner) == [70_100]).await);
        // RunKeeper's entry is read before it is deleted.
        let skip = u32::from(partner == "runkeeper");
        let nothing =
            json!({"on": {"path": aim}, "skip": skip, "times": 1, "fault": {"kind": "empty"}});
        control.add_fault(partner, serde_json::from_value(nothing).unwrap()).unwrap();
        let path = format!("/v1/users/ann/records/{}", record["id"].as_str().unwrap());
        assert_eq!(daemon.app.call(Method::DELETE, &path, None).await.0, 204);
        assert!(eventually(async || control.counts(partner).unwrap().faulted == 1).await);
        assert_eq!(grams(&control, partner), [70_100], "nothing was deleted");
        daemon.let_pass(&sandbox, Duration::from_secs(300));
        let gone = eventually(async || grams(&control, partner).is_empty()).await;
        assert!(gone, "{partner}: {:?}", grams(&control, partner));
    }
}
