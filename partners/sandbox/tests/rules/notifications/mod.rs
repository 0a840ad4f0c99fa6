//! Notifications: handshakes, signatures, faults, revocations, retries, floods.

mod control;
mod faults;
mod fitbit;
mod google_health;
mod moves;
mod receiver;
mod strava;
mod withings;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use partner_sandbox::{AccountChange, Deliveries, Sandbox};
use serde_json::{Value, json};

use super::client::*;

/// HMAC-SHA1 in base64, made from the bytes that arrived.
fn sha1_base64(key: &str, bytes: &[u8]) -> String {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(bytes);
    STANDARD.encode(mac.finalize().into_bytes())
}

fn sha256_hex(key: &str, bytes: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(bytes);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An account without data, in UTC, connected with every scope.
fn connected(sandbox: &Sandbox, partner: &str, account: &str) -> String {
    let zone = Some("UTC".to_owned());
    let change = AccountChange { empty: true, time_zone: zone, history_days: None };
    sandbox.control().put_account(partner, account, &change).unwrap();
    token(sandbox, partner, account)
}

/// Waits until that is true of what became of a partner's notifications.
fn eventually(sandbox: &Sandbox, partner: &str, what: impl Fn(&Deliveries) -> bool) -> Deliveries {
    let begun = Instant::now();
    loop {
        let deliveries = sandbox.control().deliveries(partner).unwrap();
        if what(&deliveries) {
            return deliveries;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{deliveries:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Lets each wait pass in turn, after the attempt before it, until there are no more attempts.
fn given_up(sandbox: &Sandbox, partner: &str, waits: impl Iterator<Item = u64>) -> Deliveries {
    for (attempt, wait) in (1..).zip(waits) {
        eventually(sandbox, partner, |it| it.sent >= attempt && it.under_way == 0);
        sandbox.control().advance(Duration::from_secs(wait));
    }
    eventually(sandbox, partner, |it| it.given_up == 1)
}

/// Waits until nothing waits or is being delivered.
fn settled(sandbox: &Sandbox, partner: &str) -> Deliveries {
    eventually(sandbox, partner, |it| it.waiting == 0 && it.under_way == 0)
}

fn control_call(sandbox: &Sandbox, method: &str, path: &str, body: Value) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    send(method, &format!("{}/control{path}", sandbox.url()), &[], &body).unwrap()
}

/// A segment of Moves in the morning of that day of September.
fn segment(day: u32) -> Value {
    json!({"type": "move", "startTime": format!("202609{day:02}T090000+0000"),
           "endTime": format!("202609{day:02}T091500+0000"), "activities": []})
}
