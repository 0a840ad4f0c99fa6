//! Endpoints that fail: for a user, for a while, for good.

use std::time::{Duration, Instant};

use partner_sandbox::Sandbox;
use serde_json::{Value, json};

use super::receiver::{Receiver, Reply};
use super::{ALLOWED, add, added, change, deliveries, path_of, subscribe};
use crate::harness::{Daemon, MOVED_CLOCK, eventually, sandbox};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

async fn start() -> (Sandbox, Daemon, Receiver, Value) {
    let (sandbox, receiver) = (sandbox(), Receiver::start().await);
    let daemon = Daemon::start_of(&["withings"], &sandbox, ALLOWED, &[MOVED_CLOCK]).await;
    let endpoint = subscribe(&daemon.app, &receiver.url, &["*"]).await;
    (sandbox, daemon, receiver, endpoint)
}

#[tokio::test]
async fn a_message_that_is_refused_makes_only_its_user_wait_and_keeps_that_user_s_order() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    receiver.replies(|message| Reply::status(if message.is_about("ann") { 400 } else { 204 }));
    add(&daemon, "ann", 0..2).await;
    for round in 0..10 {
        add(&daemon, "ben", round..round + 1).await;
        add(&daemon, "ann", 2 + round..3 + round).await;
    }
    // Many at once, of several users.
    receiver.takes("ben", &added("ben", 0..10)).await;
    assert!(receiver.names("ann").is_empty());
    daemon.let_pass(&sandbox, HOUR);
    add(&daemon, "ben", 10..40).await;
    receiver.takes("ben", &added("ben", 0..40)).await;
    let failed = deliveries(&daemon.app, &endpoint, "&status=failed").await;
    assert!(failed.len() >= 2, "{failed:?}");
    assert!(failed.iter().all(|it| it["status_code"] == 400 && it["users"] == 1), "{failed:?}");
    receiver.replies(|_| Reply::status(204));
    daemon.let_pass(&sandbox, 31 * MINUTE);
    receiver.takes("ann", &added("ann", 0..12)).await;
    let of_first = receiver.got().into_iter().filter(|message| message.is_about("ann"));
    let ids: Vec<String> = of_first.map(|message| message.id()).collect();
    assert!(ids.iter().filter(|id| **id == ids[0]).count() >= 3, "one id at each attempt: {ids:?}");
}

#[tokio::test]
async fn a_refused_message_of_several_users_is_split_and_the_others_get_theirs() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    assert_eq!(change(&daemon.app, &endpoint, json!({"enabled": false})).await.0, 200);
    for user in ["ann", "ben", "cid"] {
        add(&daemon, user, 0..20).await;
    }
    receiver.replies(|message| Reply::status(if message.is_about("ann") { 422 } else { 204 }));
    assert_eq!(change(&daemon.app, &endpoint, json!({"enabled": true})).await.0, 200);
    receiver.takes("ben", &added("ben", 0..20)).await;
    receiver.takes("cid", &added("cid", 0..20)).await;
    add(&daemon, "ann", 20..21).await;
    add(&daemon, "ben", 20..21).await;
    receiver.takes("ben", &added("ben", 0..21)).await;
    receiver.replies(|_| Reply::status(204));
    daemon.let_pass(&sandbox, HOUR);
    receiver.takes("ann", &added("ann", 0..21)).await;
}

#[tokio::test]
async fn a_message_of_one_user_that_is_too_large_is_split_and_a_poisoned_change_is_left_alone() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    assert_eq!(change(&daemon.app, &endpoint, json!({"enabled": false})).await.0, 200);
    add(&daemon, "ann", 0..200).await;
    let poisoned = added("ann", 0..200)[77].clone();
    receiver.replies(move |message| {
        let has_poison = message.names().contains(&poisoned);
        Reply::status(match message.changes().len() {
            1.. if has_poison => 422,
            41.. => 413,
            _ => 204,
        })
    });
    assert_eq!(change(&daemon.app, &endpoint, json!({"enabled": true})).await.0, 200);
    // What comes after the poisoned one waits for it; what was before is there at once, in its order.
    receiver.takes("ann", &added("ann", 0..77)).await;
    receiver.replies(|message| Reply::status(if message.changes().len() > 40 { 413 } else { 204 }));
    daemon.let_pass(&sandbox, HOUR);
    receiver.takes("ann", &added("ann", 0..200)).await;
}

#[tokio::test]
async fn an_endpoint_that_was_down_for_an_hour_gets_everything_in_order() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    let expected = 60;
    for status in [500, 503, 400] {
        let taken = receiver.taken().len();
        let before = receiver.names("ann").len() as u32;
        receiver.replies(move |_| Reply::status(status));
        for step in 0..6 {
            for user in ["ann", "ben", "cid", "dan"] {
                add(&daemon, user, before + step * 10..before + (step + 1) * 10).await;
            }
            daemon.let_pass(&sandbox, 10 * MINUTE);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        assert_eq!(receiver.taken().len(), taken);
        assert_eq!(daemon.app.get(&path_of(&endpoint)).await["status"], "failing");
        receiver.replies(|_| Reply::status(204));
        // Soon after it is back, not when the message's next attempt would be.
        // An attempt that was under way may have been dated after the first of these steps.
        for _ in 0..3 {
            daemon.let_pass(&sandbox, 6 * MINUTE);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        for user in ["ann", "ben", "cid", "dan"] {
            receiver.takes(user, &added(user, 0..before + expected)).await;
        }
        let works =
            eventually(async || daemon.app.get(&path_of(&endpoint)).await["status"] == "active");
        assert!(works.await);
    }
    assert!(daemon.log().contains("a webhook endpoint works again"), "{}", daemon.log());
}

#[tokio::test]
async fn an_endpoint_that_hangs_delays_no_other() {
    let (_sandbox, daemon, slow, endpoint) = start().await;
    let quick = Receiver::start().await;
    subscribe(&daemon.app, &quick.url, &["*"]).await;
    slow.replies(|_| Reply::never());
    add(&daemon, "ann", 0..1).await;
    slow.gets(1).await;
    let began = Instant::now();
    for number in 1..6 {
        add(&daemon, "ann", number..number + 1).await;
    }
    quick.takes("ann", &added("ann", 0..6)).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let failed = eventually(async || !deliveries(&daemon.app, &endpoint, "").await.is_empty());
    assert!(failed.await);
    let failed = deliveries(&daemon.app, &endpoint, "").await;
    assert_eq!(failed[0]["error"], "it did not answer in time");
}

#[tokio::test]
async fn an_endpoint_is_not_called_before_it_asked_to_be() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    receiver.replies(|_| Reply::status(429).with("retry-after: 3600"));
    add(&daemon, "ann", 0..1).await;
    receiver.gets(1).await;
    let held = eventually(async || {
        daemon.app.get(&path_of(&endpoint)).await["next_attempt_at"].is_string()
    });
    assert!(held.await);
    receiver.replies(|_| Reply::status(204));
    daemon.let_pass(&sandbox, 59 * MINUTE);
    add(&daemon, "ben", 0..1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.got().len(), 1);
    daemon.let_pass(&sandbox, 2 * MINUTE);
    receiver.takes("ann", &added("ann", 0..1)).await;
    receiver.takes("ben", &added("ben", 0..1)).await;
}

#[tokio::test]
async fn an_endpoint_that_answers_410_is_disabled_and_goes_on_when_it_is_enabled() {
    let (_sandbox, daemon, receiver, endpoint) = start().await;
    receiver.replies(|_| Reply::status(410));
    add(&daemon, "ann", 0..1).await;
    let disabled =
        eventually(async || daemon.app.get(&path_of(&endpoint)).await["status"] == "disabled");
    assert!(disabled.await);
    let shown = daemon.app.get(&path_of(&endpoint)).await;
    assert!(shown["disabled_reason"].as_str().unwrap().contains("410"), "{shown}");
    assert!(daemon.log().contains("a webhook endpoint was disabled"), "{}", daemon.log());
    receiver.replies(|_| Reply::status(204));
    add(&daemon, "ann", 1..30).await;
    assert_eq!(receiver.got().len(), 1);
    assert_eq!(change(&daemon.app, &endpoint, json!({"enabled": true})).await.0, 200);
    receiver.takes("ann", &added("ann", 0..30)).await;
}

#[tokio::test]
async fn after_five_days_of_failures_an_endpoint_is_disabled() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    receiver.replies(|_| Reply::status(500));
    add(&daemon, "ann", 0..1).await;
    for day in 0..5 {
        // Once the failure is stored, its next attempt is dated.
        let noted = eventually(async || {
            daemon.app.get(&path_of(&endpoint)).await["failures"].as_u64() > Some(day)
        });
        assert!(noted.await);
        let shown = daemon.app.get(&path_of(&endpoint)).await;
        assert_ne!(shown["status"], "disabled", "{day}: {shown}");
        daemon.let_pass(&sandbox, 24 * HOUR + MINUTE);
    }
    let disabled =
        eventually(async || daemon.app.get(&path_of(&endpoint)).await["status"] == "disabled");
    assert!(disabled.await, "{}", daemon.app.get(&path_of(&endpoint)).await);
    let shown = daemon.app.get(&path_of(&endpoint)).await;
    let reason = shown["disabled_reason"].as_str().unwrap();
    assert!(reason.contains("every attempt has failed since"), "{reason}");
    assert!(shown["disabled_at"].is_string() && shown["last_error"] == "it answered 500");
    receiver.replies(|_| Reply::status(204));
    assert_eq!(change(&daemon.app, &endpoint, json!({"enabled": true})).await.0, 200);
    receiver.takes("ann", &added("ann", 0..1)).await;
}

#[tokio::test]
async fn what_is_refused_for_three_days_is_given_up_and_the_user_goes_on() {
    let (sandbox, mut daemon, receiver, endpoint) = start().await;
    let is_bad = |message: &super::receiver::Message| {
        message.changes().iter().any(|change| change["record"]["source"]["app"] == "w-0")
            && message.is_about("ann")
    };
    receiver.replies(move |message| Reply::status(if is_bad(message) { 400 } else { 204 }));
    add(&daemon, "ann", 0..1).await;
    receiver.gets(1).await;
    add(&daemon, "ann", 1..3).await;
    for number in 0..10 {
        add(&daemon, "ben", number..number + 1).await;
        receiver.takes("ben", &added("ben", 0..number + 1)).await;
        daemon.let_pass(&sandbox, 27 * HOUR);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    receiver.takes("ann", &added("ann", 1..3)).await;
    let given_up = deliveries(&daemon.app, &endpoint, "&status=given_up").await;
    assert_eq!((given_up.len(), &given_up[0]["attempt"]), (1, &json!(10)), "{given_up:?}");
}
