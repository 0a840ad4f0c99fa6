//! Notifications and the subscription of Strava.

use std::time::Duration;

use partner_sdk::testkit::{
    CLIENT_SECRET, Canned, Expect, Incoming, NOTIFICATION_SECRET, NotificationFixture, Proof,
};
use partner_sdk::{CallbackAnswer, Hint, Signature};

use crate::fault;

/// By OpenSSL: `(printf '1772625600.'; cat FILE) | openssl dgst -sha256 -hmac SECRET`.
fn signed(body: &str, signature: &str) -> Incoming {
    Incoming::post(body).header("x-strava-signature", &format!("t=1772625600,v1={signature}"))
}

fn sign(body: &[u8]) -> Vec<(&'static str, String)> {
    let signature = Signature::sha256(CLIENT_SECRET, &[b"1772625600.", body]).hex();
    vec![("x-strava-signature", format!("t=1772625600,v1={signature}"))]
}

/// The list of subscriptions, with one of this address.
fn listed(address: &str) -> Canned {
    let subscription = format!(
        r#"[{{"id":120475,"resource_state":2,"application_id":5,"callback_url":"https://{address}","created_at":"2026-03-01T18:42:00.123Z"}}]"#
    );
    Canned::json(200, subscription)
}

pub(crate) fn fixture() -> NotificationFixture {
    const OURS: &str = "syncwell.example.net/notifications/strava/conformance-address-8e51a0";
    const OLD: &str = "syncwell.example.net/notifications/strava/an-earlier-secret";
    const LIST: &str = "GET /push_subscriptions?client_id=conformance-client&client_secret=";
    const CREATE: &str = "POST /push_subscriptions …client_id=conformance-client&client_secret=…\
                          &callback_url=https%3A%2F%2Fsyncwell.example.net%2Fnotifications%2Fstrava\
                          %2Fconformance-address-8e51a0&verify_token=conformance-notification";
    const END: &str = "DELETE /push_subscriptions/120475?client_id=conformance-client&client_s";
    let created = || Canned::json(201, r#"{"id":120475}"#);
    let challenge = |token| {
        Incoming::get(&[
            ("hub.mode", "subscribe"),
            ("hub.challenge", "15f7d1a91c1f40f8a748fd134752feb3"),
            ("hub.verify_token", token),
        ])
    };
    let answer = r#"{"hub.challenge":"15f7d1a91c1f40f8a748fd134752feb3"}"#;
    NotificationFixture::new(Proof::Signature)
        .signed_by(sign)
        .valid_for(Duration::from_secs(300))
        // Not every notification is signed.
        .may_lack("x-strava-signature")
        .handshake(
            "the challenge",
            challenge(NOTIFICATION_SECRET),
            CallbackAnswer { status: 200, json: Some(answer.to_owned()) },
        )
        .refused("a challenge of somebody else", challenge("STRAVA"), 403)
        .refused("a challenge without a token", Incoming::get(&[("hub.mode", "subscribe")]), 403)
        .notification(
            "an activity",
            signed(
                include_str!("../../fixtures/notification-activity.json"),
                "20abc55c7d4a9e5159265a848d134f85c2747ec89640c57a3703d497104284e2",
            ),
            &[Hint::changed("134815", &["activities"])],
        )
        .notification(
            "access that was taken back",
            signed(
                include_str!("../../fixtures/notification-deauthorized.json"),
                "268ed16bf6fc79c46d2e8939604bea183e28da837e1995a27efefa4d69f0588f",
            ),
            &[Hint::access("134815")],
        )
        .refused("no form", Incoming::post("object_type=activity"), 400)
        .subscribe(&[Canned::json(200, "[]"), created()], &[LIST, CREATE])
        .again(&[listed(OURS)], &[LIST])
        .repair("it mends what was removed", &[Canned::json(200, "[]"), created()], &[LIST, CREATE])
        .repair(
            "it replaces one with an earlier secret",
            &[listed(OLD), Canned::text(204, ""), created()],
            &[LIST, END, CREATE],
        )
        .unsubscribe(&[listed(OURS), Canned::text(204, "")], &[LIST, END])
        .failure(
            "the application's subscription is somebody else's",
            &[listed("elsewhere.example.org/hook")],
            Expect::Rejected,
        )
        .failure(
            "our address cannot be reached",
            &[
                Canned::json(200, "[]"),
                fault(400, "Bad Request", "PushSubscription", "callback url", "not verifiable"),
            ],
            Expect::Rejected,
        )
        .failure(
            "a client that is not known",
            &[fault(401, "Authorization Error", "Application", "client_id", "invalid")],
            Expect::Malformed,
        )
        .secret_in_urls()
}
