//! Notifications and subscriptions of Fitbit.

use partner_sdk::testkit::{
    CLIENT_SECRET, Canned, Expect, Incoming, NOTIFICATION_SECRET, NotificationFixture, Proof,
};
use partner_sdk::{CallbackAnswer, Hint, Signature};

use crate::failure;

/// By OpenSSL: `openssl dgst -sha1 -hmac 'SECRET&' -binary < FILE | base64`.
fn signed(body: &str, signature: &str) -> Incoming {
    Incoming::post(body).header("x-fitbit-signature", signature)
}

fn sign(body: &[u8]) -> Vec<(&'static str, String)> {
    let signature = Signature::sha1(&format!("{CLIENT_SECRET}&"), &[body]).base64();
    vec![("x-fitbit-signature", signature)]
}

/// The list of the user's subscriptions.
fn listed(subscriptions: &[(&str, &str)]) -> Canned {
    let each = subscriptions.iter().map(|(collection, id)| {
        format!(
            r#"{{"collectionType":"{collection}","ownerId":"227YZL","ownerType":"user","subscriberId":"1","subscriptionId":"{id}"}}"#
        )
    });
    let each: Vec<String> = each.collect();
    Canned::json(200, format!(r#"{{"apiSubscriptions":[{}]}}"#, each.join(",")))
}

pub(crate) fn fixture() -> NotificationFixture {
    const LIST: &str = "GET /1/user/-/apiSubscriptions.json";
    const ALL: &[(&str, &str)] = &[
        ("activities", "k7f3q9x2-a-12ccc24c"),
        ("body", "k7f3q9x2-b-12ccc24c"),
        ("foods", "k7f3q9x2-f-12ccc24c"),
        ("userRevokedAccess", "k7f3q9x2-u-12ccc24c"),
    ];
    let created =
        || Canned::json(201, r#"{"collectionType":"body","subscriptionId":"k7f3q9x2-b-12ccc24c"}"#);
    NotificationFixture::new(Proof::Signature)
        .signed_by(sign)
        .handshake(
            "the right code",
            Incoming::get(&[("verify", NOTIFICATION_SECRET)]),
            CallbackAnswer::empty(204),
        )
        .refused("a wrong code", Incoming::get(&[("verify", "d1f0a9")]), 404)
        .refused("no code", Incoming::get(&[]), 404)
        .notification(
            "updates of two users",
            signed(
                include_str!("../../fixtures/notification-updates.json"),
                "9CTRhRFb7zxi0hQSIH3S+KA/ifE=",
            ),
            &[Hint::changed("228S74", &["foods"]), Hint::changed("227YZL", &["weight", "fat"])],
        )
        .notification(
            "a consent that was taken back, after a byte order mark",
            signed(
                include_str!("../../fixtures/notification-revoked.json"),
                "Xdn+We07mChoyNar5UFkOAwuwVc=",
            ),
            &[Hint::access("228S74")],
        )
        .refused("no signature", Incoming::post("[]"), 404)
        .subscribe(
            &[listed(&[]), created(), created(), created(), created()],
            &[
                LIST,
                "POST /1/user/-/activities/apiSubscriptions/k7f3q9x2-a-12ccc24c.json",
                "POST /1/user/-/body/apiSubscriptions/k7f3q9x2-b-12ccc24c.json",
                "POST /1/user/-/foods/apiSubscriptions/k7f3q9x2-f-12ccc24c.json",
                "POST /1/user/-/userRevokedAccess/apiSubscriptions/k7f3q9x2-u-12ccc24c.json",
            ],
        )
        .again(&[listed(ALL)], &[LIST])
        .repair(
            "it mends what was removed",
            &[listed(&[ALL[0], ALL[1], ALL[3]]), created()],
            &[LIST, "POST /1/user/-/foods/apiSubscriptions/k7f3q9x2-f-12ccc24c.json"],
        )
        .repair(
            "it leaves out what was not ticked",
            &[listed(&[ALL[0], ALL[3]]), created(), failure(403, "insufficient_scope")],
            &[LIST, "POST /1/user/-/body/", "POST /1/user/-/foods/"],
        )
        .unsubscribe(
            &[
                listed(&[ALL[1], ("sleep", "77"), ("foods", "an-earlier-f"), ("body", "../x")]),
                Canned::text(204, ""),
                failure(404, "not_found"),
            ],
            &[
                LIST,
                "DELETE /1/user/-/body/apiSubscriptions/k7f3q9x2-b-12ccc24c.json",
                "DELETE /1/user/-/foods/apiSubscriptions/an-earlier-f.json",
            ],
        )
        .failure(
            "another subscriber has it",
            &[listed(&[]), failure(409, "conflict")],
            Expect::Rejected,
        )
        .failure(
            "a request it does not take",
            &[listed(&[]), failure(400, "validation")],
            Expect::Malformed,
        )
}
