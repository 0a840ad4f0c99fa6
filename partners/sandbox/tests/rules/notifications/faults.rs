//! What can go wrong on the way, at one partner; and floods.

use std::time::Duration;

use partner_sandbox::{Flood, Forgery, Hits, NotificationFaults, Sandbox};

use super::receiver::{Receiver, says};
use super::*;

/// Moves, with a connected account and an address.
fn ready() -> (Sandbox, Receiver) {
    let (sandbox, receiver) = (relaxed(), Receiver::of(200));
    connected(&sandbox, "moves", "mover");
    sandbox.control().set_callback("moves", Some(&receiver.url("/n/secret-path"))).unwrap();
    (sandbox, receiver)
}

fn upload(sandbox: &Sandbox, day: u32) {
    sandbox.control().append("moves", "mover", "segments", vec![segment(day)]).unwrap();
}

fn set(sandbox: &Sandbox, faults: NotificationFaults) {
    sandbox.control().set_notification_faults("moves", faults).unwrap();
}

/// The days notifications are about, each the beginning of a range.
fn days(receiver: &Receiver, count: usize) -> Vec<String> {
    let start = |it: &receiver::Received| it.json()["storylineUpdates"][0]["startTime"].clone();
    let day = |it| start(it).as_str().unwrap().get(6..8).unwrap().to_owned();
    receiver.take(count).iter().map(day).collect()
}

#[test]
fn some_are_dropped_some_come_twice_and_the_rest_as_usual() {
    let (sandbox, receiver) = ready();
    let faults = NotificationFaults { drop: Hits::next(1), ..Default::default() };
    set(&sandbox, NotificationFaults { double: Hits::next(1), ..faults });
    upload(&sandbox, 1);
    upload(&sandbox, 2);
    let mut received = days(&receiver, 2);
    upload(&sandbox, 3);
    received.extend(days(&receiver, 1));
    assert_eq!(received, ["02", "02", "03"]);
    let deliveries = settled(&sandbox, "moves");
    assert_eq!((deliveries.made, deliveries.dropped, deliveries.doubled), (3, 1, 1));

    set(&sandbox, NotificationFaults { silent: true, ..Default::default() });
    upload(&sandbox, 4);
    set(&sandbox, NotificationFaults { drop: Hits::percent(100), ..Default::default() });
    upload(&sandbox, 5);
    set(&sandbox, NotificationFaults::default());
    upload(&sandbox, 6);
    assert_eq!(days(&receiver, 1), ["06"]);
    assert_eq!(settled(&sandbox, "moves").dropped, 3);
}

#[test]
fn a_delay_and_another_order_lose_nothing() {
    let (sandbox, receiver) = ready();
    set(&sandbox, NotificationFaults { delay_ms: 300, ..Default::default() });
    let begun = Instant::now();
    upload(&sandbox, 1);
    assert_eq!(sandbox.control().deliveries("moves").unwrap().waiting, 1);
    receiver.one();
    assert!(begun.elapsed() >= Duration::from_millis(300));

    set(&sandbox, NotificationFaults { reorder: 4, ..Default::default() });
    (1..=3).for_each(|day| upload(&sandbox, day));
    assert_eq!(sandbox.control().deliveries("moves").unwrap().waiting, 3);
    upload(&sandbox, 4);
    let mut received = days(&receiver, 4);
    received.sort();
    assert_eq!(received, ["01", "02", "03", "04"]);
}

#[test]
fn a_bad_signature_is_one() {
    let (sandbox, receiver) = ready();
    set(&sandbox, NotificationFaults { bad_signature: Hits::next(1), ..Default::default() });
    let is_good = || {
        let received = receiver.one();
        let [signature, timestamp, nonce] =
            ["x-moves-signature", "x-moves-timestamp", "x-moves-nonce"]
                .map(|it| received.header(it).unwrap());
        let signed = [&received.body, timestamp.as_bytes(), nonce.as_bytes()].concat();
        signature == sha1_base64("sandbox-secret", &signed)
    };
    upload(&sandbox, 1);
    assert!(!is_good());
    upload(&sandbox, 2);
    assert!(is_good());
}

#[test]
fn a_flood_reports_its_figures_and_forged_ones_are_wrong_in_three_ways() {
    let (sandbox, receiver) = ready();
    upload(&sandbox, 1);
    receiver.one();
    let user = sandbox.control().accounts("moves").unwrap();
    let user = user.iter().find(|it| it.account == "mover").unwrap().user_id;
    let genuine = move |it: &receiver::Received| {
        let [signature, timestamp, nonce] =
            ["x-moves-signature", "x-moves-timestamp", "x-moves-nonce"]
                .map(|name| it.header(name).unwrap());
        let signed = [&it.body, timestamp.as_bytes(), nonce.as_bytes()].concat();
        match () {
            () if it.target != "/n/secret-path" => 404,
            () if signature != sha1_base64("sandbox-secret", &signed) => 401,
            () if it.json()["userId"] != json!(user) => 410,
            () => 200,
        }
    };
    receiver.answer(move |it| says(genuine(it)));
    let flood = Flood { count: 600, concurrency: 32, forged: false, forgery: None };
    let report = sandbox.control().flood("moves", &flood).unwrap();
    assert_eq!((report.count, &report.by_status), (600, &[("200".to_owned(), 600)].into()));
    assert!(
        report.p50_ms > 0.0 && report.p50_ms <= report.p99_ms && report.p99_ms <= report.max_ms
    );
    receiver.take(600);
    let forged = Flood { count: 90, forged: true, ..flood.clone() };
    let by_status = sandbox.control().flood("moves", &forged).unwrap().by_status;
    assert_eq!(by_status, ["401", "404", "410"].map(|it| (it.to_owned(), 30)).into());
    receiver.take(90);
    let one_way = Flood { forgery: Some(Forgery::UnknownUser), ..forged };
    let by_status = sandbox.control().flood("moves", &one_way).unwrap().by_status;
    assert_eq!(by_status, [("410".to_owned(), 90)].into());
    let deliveries = settled(&sandbox, "moves");
    assert_eq!(deliveries.sent, 1, "floods are not among the counts: {deliveries:?}");
}
