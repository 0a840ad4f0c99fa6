//! Notifications and the subscriber of Google Health.

use partner_sdk::testkit::{
    Canned, Expect, Incoming, NOTIFICATION_SECRET, NotificationFixture, Proof,
};
use partner_sdk::{CallbackAnswer, Hint};

use crate::failure;

pub(crate) fn fixture() -> NotificationFixture {
    const TOKEN: &str = "POST http://accounts.partner.test/token …grant_type=urn%3Aietf%3Aparams%3A\
                         oauth%3Agrant-type%3Ajwt-bearer&assertion=eyJ";
    const LIST: &str = "GET /v4/projects/steps-and-scales-4471/subscribers";
    const BODY: &str = "\"endpointUri\":\"https://syncwell.example.net/notifications/google_health/\
                        conformance-address-8e51a0\"";
    let create = format!(
        "POST /v4/projects/steps-and-scales-4471/subscribers?subscriberId=syncwell-35da90a135500735 \
         …\"endpointAuthorization\":{{\"secret\":\"Bearer {NOTIFICATION_SECRET}\"}},{BODY},\
         \"subscriberConfigs\":[{{\"dataTypes\":[\"weight\",\"body-fat\",\"height\",\"exercise\",\
         \"nutrition-log\"],\"subscriptionCreatePolicy\":\"AUTOMATIC\"}}]"
    );
    let patch = format!(
        "PATCH /v4/projects/steps-and-scales-4471/subscribers/syncwell-35da90a135500735\
         ?updateMask=endpointUri%2CsubscriberConfigs%2CendpointAuthorization …{BODY}"
    );
    let token = || {
        Canned::json(
            200,
            r#"{"access_token":"ya29.c.b0Aaekm1K","expires_in":3599,"token_type":"Bearer"}"#,
        )
    };
    let listed = |url: &str, types: &str| {
        let ours = format!(
            r#"{{"name":"projects/4471/subscribers/syncwell-35da90a135500735","endpointUri":"https://{url}","subscriberConfigs":[{{"dataTypes":[{types}],"subscriptionCreatePolicy":"AUTOMATIC"}}]}}"#
        );
        let other =
            r#"{"name":"projects/4471/subscribers/abc-1","endpointUri":"https://x.example.org"}"#;
        Canned::json(200, format!(r#"{{"subscribers":[{other},{ours}]}}"#))
    };
    const OURS: &str =
        "syncwell.example.net/notifications/google_health/conformance-address-8e51a0";
    const OLD: &str = "syncwell.example.net/notifications/google_health/an-earlier-secret";
    const ALL: &str = r#""weight","body-fat","height","exercise","nutrition-log""#;
    let done = || Canned::json(200, r#"{"name":"projects/4471/subscribers/syncwell"}"#);
    let right = format!("Bearer {NOTIFICATION_SECRET}");
    let verification = || Incoming::post(r#"{"type":"verification"}"#);
    NotificationFixture::new(Proof::Secret)
        .service_account(include_str!("../../fixtures/service_account.json"))
        .handshake(
            "the verification with the secret",
            verification().header("authorization", &right),
            CallbackAnswer::empty(200),
        )
        .refused("the verification without the secret", verification(), 401)
        .refused(
            "the verification with another secret",
            verification().header("authorization", "Bearer R4nd0m"),
            401,
        )
        .notification(
            "a body fat",
            Incoming::post(include_str!("../../fixtures/notification-body_fat.json"))
                .header("authorization", &right),
            &[Hint::changed("111100001111", &["body_fat"])],
        )
        .notification(
            "a consent that was taken back",
            Incoming::post(include_str!("../../fixtures/notification-ended.json"))
                .header("authorization", &right),
            &[Hint::access("111100001111")],
        )
        .refused("no form", Incoming::post("data").header("authorization", &right), 400)
        .subscribe(&[token(), Canned::json(200, "{}"), done()], &[TOKEN, LIST, &create])
        .again(&[token(), listed(OURS, ALL)], &[TOKEN, LIST])
        .repair(
            "it mends what was removed",
            &[
                token(),
                Canned::json(200, r#"{"subscribers":[],"nextPageToken":"p2"}"#),
                Canned::json(200, "{}"),
                done(),
            ],
            &[TOKEN, LIST, "/subscribers?pageToken=p2", &create],
        )
        .repair("it mends an earlier address", &[token(), listed(OLD, ALL), done()], &[TOKEN, LIST, &patch])
        .repair(
            "it adds types of data",
            &[token(), listed(OURS, r#""weight","exercise""#), done()],
            &[TOKEN, LIST, &patch],
        )
        .unsubscribe(
            &[token(), Canned::json(200, "{}")],
            &[TOKEN, "DELETE /v4/projects/steps-and-scales-4471/subscribers/syncwell-35da90a135500735"],
        )
        .failure(
            "a key that was deleted",
            &[Canned::json(400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#)],
            Expect::Rejected,
        )
        .failure(
            "an account without the role",
            &[
                token(),
                failure(403, "PERMISSION_DENIED", "Permission denied", "IAM_PERMISSION_DENIED"),
            ],
            Expect::Rejected,
        )
        .failure(
            "our address cannot be reached",
            &[
                token(),
                Canned::json(200, "{}"),
                Canned::json(400, r#"{"error":{"code":400,"message":"Verification failed","status":"FAILED_PRECONDITION"}}"#),
            ],
            Expect::Rejected,
        )
        .failure(
            "a list that does not end",
            &std::iter::once(token())
                .chain((0..10).map(|_| Canned::json(200, r#"{"nextPageToken":"p2"}"#)))
                .collect::<Vec<_>>(),
            Expect::Malformed,
        )
}
