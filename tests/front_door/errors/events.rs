//! Scenarios of what is announced, by partners and to host apps.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use partner_sandbox::NotificationFaults;
use reqwest::Method;
use serde_json::{Value, json};

use super::{closes, errors, explains, opens};
use crate::harness::{Daemon, MOVED_CLOCK, NOTIFIED, eventually, sandbox};
use crate::notifications::{has_records, run, with_ann};
use crate::webhooks::receiver::{Receiver, Reply};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn silent_notifications_are_open_until_one_leads_to_data() {
    let sandbox = sandbox();
    let (mut daemon, sender, _) = with_ann(&sandbox, "", &[MOVED_CLOCK]).await;
    let control = sandbox.control();
    let (setting, address) = (control.clone(), sender.address.clone());
    let set = move || setting.set_callback("moves", Some(&address)).unwrap();
    assert!(tokio::task::spawn_blocking(set).await.unwrap().verified);
    run(&control, "ann", 60);
    assert!(has_records(&daemon, 1).await);
    let silent = NotificationFaults { silent: true, ..NotificationFaults::default() };
    control.set_notification_faults("moves", silent).unwrap();
    for known in 2..=4 {
        run(&control, "ann", 30);
        for _ in 0..2 {
            pass(&mut daemon, &sandbox, HOUR + HOUR / 6).await;
        }
        assert!(has_records(&daemon, known).await, "polls find it");
    }
    let error = opens(&daemon, "notifications_silent", "moves").await;
    assert_eq!(error["user_id"], "ann", "{error}");
    explains(&daemon.app, "ann", "moves", "notifications_silent").await;
    control.set_notification_faults("moves", NotificationFaults::default()).unwrap();
    run(&control, "ann", 5);
    closes(&daemon, &error).await;
}

async fn pass(daemon: &mut Daemon, sandbox: &partner_sandbox::Sandbox, by: Duration) {
    let now = DateTime::from_timestamp(sandbox.control().now(), 0).unwrap();
    let later = now + TimeDelta::from_std(by).unwrap() - TimeDelta::seconds(5);
    daemon.let_pass(sandbox, by);
    let polled = eventually(async || {
        let connection = daemon.app.connection("ann", "moves").await;
        let last: DateTime<chrono::Utc> =
            connection["last_poll_at"].as_str().unwrap().parse().unwrap();
        last >= later && daemon.actor("moves").await["sessions_busy"] == 0
    });
    assert!(polled.await, "{}", daemon.app.connection("ann", "moves").await);
}

#[tokio::test]
async fn a_failing_endpoint_is_open_until_it_accepts_or_is_deleted() {
    let (sandbox, receiver) = (sandbox(), Receiver::start().await);
    let allowed = "[events]\nallow_private_targets = true\n";
    let mut daemon =
        Daemon::start_of(&["withings"], &sandbox, allowed, &[MOVED_CLOCK, NOTIFIED]).await;
    let endpoint = crate::webhooks::subscribe(&daemon.app, &receiver.url, &["*"]).await;
    for (number, is_deleted) in [(0, false), (1, true)] {
        receiver.replies(|_| Reply::status(500));
        crate::webhooks::add(&daemon, "ann", number..number + 1).await;
        let mut error = Value::Null;
        let opened = eventually(async || {
            daemon.let_pass(&sandbox, HOUR);
            tokio::time::sleep(Duration::from_millis(200)).await;
            let open = errors(&daemon, "open", "webhook_failing").await;
            error = open.into_iter().next().unwrap_or_default();
            !error.is_null()
        });
        assert!(opened.await, "{}", daemon.log());
        assert!(error["sentence"].as_str().unwrap().len() > 40, "{error}");
        assert!(error["mend"].as_str().unwrap().len() > 40, "{error}");
        assert!(!error.to_string().contains("hidden-key"), "{error}");
        if is_deleted {
            let path = format!("/v1/webhook-endpoints/{}", endpoint["id"].as_str().unwrap());
            let (status, answer) = daemon.app.call(Method::DELETE, &path, None).await;
            assert!(status.is_success(), "{answer}");
        } else {
            receiver.replies(|_| Reply::status(204));
            daemon.let_pass(&sandbox, 12 * HOUR);
        }
        closes(&daemon, &error).await;
    }
    assert_eq!(json!(errors(&daemon, "open", "webhook_failing").await), json!([]));
}
