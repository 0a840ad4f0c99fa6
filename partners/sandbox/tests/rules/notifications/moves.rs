//! Moves: the address of the console, signed notifications, no second attempt.

use std::time::Duration;

use partner_sandbox::TokenAction;
use serde_json::json;

use super::receiver::{Receiver, says};
use super::*;

#[test]
fn an_upload_is_notified_with_its_range_and_a_signature_over_the_raw_body() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    let control = sandbox.control();
    connected(&sandbox, "moves", "mover");
    let check = control.set_callback("moves", Some(&receiver.url("/n/moves"))).unwrap();
    assert!(check.verified && check.outcomes.is_empty());
    let ids = control.append("moves", "mover", "segments", vec![segment(3), segment(5)]).unwrap();
    let received = receiver.one();
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/n/moves"));
    assert_eq!(received.header("content-type"), Some("application/json"));
    let update = &received.json()["storylineUpdates"][0];
    let last = json!({"reason": "DataUpload", "startTime": "20260903T090000Z", "endTime": "20260905T091500Z",
                      "lastSegmentType": "move", "lastSegmentStartTime": "20260905T090000Z"});
    assert_eq!(update, &last);
    assert!(received.json()["userId"].as_i64().unwrap() > 1 << 53);
    let [signature, timestamp, nonce] = ["x-moves-signature", "x-moves-timestamp", "x-moves-nonce"]
        .map(|it| received.header(it).unwrap());
    let signed = [&received.body, timestamp.as_bytes(), nonce.as_bytes()].concat();
    assert_eq!(signature, sha1_base64("sandbox-secret", &signed));
    assert_eq!(signature.len(), 28);
    assert!((START..START + 60).contains(&timestamp.parse::<i64>().unwrap()));

    control.edit("moves", "mover", "segments", ids[0], &json!({"type": "place"})).unwrap();
    assert_ne!(receiver.one().header("x-moves-nonce"), Some(nonce), "a new one each time");
    control.delete("moves", "mover", "segments", ids[1]).unwrap();
    let update = receiver.one().json()["storylineUpdates"][0].clone();
    assert_eq!(update["startTime"], json!("20260905T090000Z"));
}

#[test]
fn only_who_is_connected_is_notified_of_and_only_while_there_is_an_address() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    let control = sandbox.control();
    connected(&sandbox, "moves", "mover");
    control.append("moves", "mover", "segments", vec![segment(1)]).unwrap();
    control.set_callback("moves", Some(&receiver.url("/"))).unwrap();
    control.append("moves", "account-1", "segments", vec![segment(1)]).unwrap();
    control.append("moves", "mover", "segments", vec![segment(2)]).unwrap();
    receiver.one();
    control.tokens("moves", "mover", TokenAction::Revoke).unwrap();
    control.append("moves", "mover", "segments", vec![segment(3)]).unwrap();
    token(&sandbox, "moves", "mover");
    control.set_callback("moves", None).unwrap();
    control.append("moves", "mover", "segments", vec![segment(4)]).unwrap();
    assert_eq!((settled(&sandbox, "moves").made, control.callback("moves").unwrap()), (1, None));
}

#[test]
fn what_is_refused_or_not_answered_within_three_seconds_is_thrown_away() {
    let (sandbox, receiver) = (relaxed(), Receiver::of(500));
    let control = sandbox.control();
    connected(&sandbox, "moves", "mover");
    control.set_callback("moves", Some(&receiver.url("/"))).unwrap();
    control.append("moves", "mover", "segments", vec![segment(1)]).unwrap();
    receiver.one();
    receiver.answer(|_| (200, String::new(), Duration::from_secs(4)));
    control.append("moves", "mover", "segments", vec![segment(2)]).unwrap();
    receiver.one();
    receiver.answer(|_| says(200));
    let deliveries = eventually(&sandbox, "moves", |it| it.given_up == 2);
    assert_eq!((deliveries.sent, deliveries.over_limit, deliveries.retried), (2, 1, 0));
    assert_eq!(deliveries.by_status, [("5xx".to_owned(), 1), ("timeout".to_owned(), 1)].into());
    assert!((2_900..4_000).contains(&deliveries.last[1].ms), "{deliveries:?}");
}
