//! The suite's cases of notifications: notifiers of every style pass, and each fault is detected.

#![cfg(test)]

pub mod fixtures;
pub mod notifiers;
pub mod sample;

use std::time::Duration;

use notifiers::{Challenging, Delivering, InMilliseconds, Issuing};
use partner_sdk::chrono::DateTime;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::serde_json::Value;
use partner_sdk::testkit::{
    CLIENT_SECRET, Canned, Conformance, Expect, ISSUED_SECRET, Incoming, NOTIFICATION_SECRET,
    NotificationFixture, Proof, Report,
};
use partner_sdk::{
    About, Callback, CallbackAnswer, Hint, Manifest, Method, NotificationRules, Notifier, Page,
    Partner, PartnerError, PollRequest, PushRequest, Pushed, Received, RemoteRecord, Session,
    Signature, Subscribed, SubscriptionRequest, async_trait,
};
use sample::Pulsebox;

/// The sample partner with a notifier.
struct Notifying<N>(N);

#[async_trait]
impl<N: Notifier + 'static> Partner for Notifying<N> {
    fn manifest(&self) -> &'static Manifest {
        Pulsebox.manifest()
    }

    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
        Pulsebox.poll(session, request).await
    }

    async fn push(&self, session: &Session, request: &PushRequest) -> Result<Pushed, PartnerError> {
        Pulsebox.push(session, request).await
    }

    async fn find_existing(
        &self,
        session: &Session,
        request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        Pulsebox.find_existing(session, request).await
    }

    fn notifier(&self) -> Option<&dyn Notifier> {
        Some(&self.0)
    }

    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError> {
        Pulsebox.external_user_id(session, token).await
    }
}

fn suite(notifier: impl Notifier + 'static) -> Conformance {
    fixtures::suite(Notifying(notifier))
}

const BODY: &str = r#"{"event":"READING","user_id":20417,"date":"2026-03-04"}"#;

fn changed() -> Vec<Hint> {
    vec![Hint::changed("20417", &["readings"])]
}

/// By OpenSSL: `printf '1772625600BODY' | openssl dgst -sha256 -hmac SECRET`.
fn challenging() -> NotificationFixture {
    const LIST: &str = "GET /webhook/subscription";
    const MAKE: &str = "POST /webhook/subscription …/notifications/pulsebox/";
    let ours = |until: &str| {
        format!(
            r#"{{"id":"8d2c","callback_url":"https://syncwell.example.net/notifications/pulsebox/conformance-address-8e51a0","expiration_time":"{until}"}}"#
        )
    };
    let (lasting, ending) = (ours("2026-06-01T00:00:00Z"), ours("2026-03-05T12:00:00Z"));
    let made = || Canned::json(201, lasting.clone());
    let challenge =
        |token| Incoming::get(&[("verification_token", token), ("challenge", "c-41\"7")]);
    NotificationFixture::new(Proof::Signature)
        .signed_by(|body| {
            let signature = Signature::sha256(CLIENT_SECRET, &[b"1772625600", body]);
            vec![
                ("x-oura-timestamp", "1772625600".to_owned()),
                ("x-oura-signature", signature.hex()),
            ]
        })
        .valid_for(Duration::from_secs(300))
        .handshake(
            "a challenge",
            challenge(NOTIFICATION_SECRET),
            CallbackAnswer { status: 200, json: Some(r#"{"challenge":"c-41\"7"}"#.to_owned()) },
        )
        .refused("a challenge of somebody else", challenge("sesame"), 401)
        .notification(
            "a reading",
            Incoming::post(BODY)
                .header("x-oura-timestamp", "1772625600")
                .header("x-oura-signature", OURA_SIGNATURE),
            &changed(),
        )
        .subscribe(&[Canned::json(200, "[]"), made()], &[LIST, MAKE])
        .again(&[Canned::json(200, format!("[{lasting}]"))], &[LIST])
        .repair("it mends what was removed", &[Canned::json(200, "[]"), made()], &[LIST, MAKE])
        .repair(
            "it renews what ends soon",
            &[Canned::json(200, format!("[{ending}]")), made()],
            &[LIST, MAKE],
        )
        .unsubscribe(&[Canned::text(204, "")], &["DELETE /webhook/subscription"])
}

const OURA_SIGNATURE: &str = "0D168DE7135F721469115FA14AF566B16D44CC949653221CF881FF016786ED4F";
const POLAR_SIGNATURE: &str = "ee1e2440a004068e5179c906fcd9a3433c8b82c70f5eeee710b74d9dbbc03598";
const WHOOP_SIGNATURE: &str = "ND8IJsIw4zC51lPTdtt0EbcNXMJToSOc8KgXaGE6pCE=";

#[tokio::test]
async fn a_challenge_and_a_signature_over_the_time() {
    suite(Challenging).notifications(challenging()).run().await;
}

#[tokio::test]
async fn a_secret_that_the_partner_issues() {
    let made = || {
        Canned::json(201, r#"{"data":{"id":"abdf33","signature_secret_key":"abe1f3aa07bc42d1"}}"#)
    };
    let none = || Canned::json(200, r#"{"data":{}}"#);
    let ours = r#"{"data":{"url":"https://syncwell.example.net/notifications/pulsebox/conformance-address-8e51a0"}}"#;
    let fixture = NotificationFixture::new(Proof::Signature)
        .signed_by(|body| {
            let signature = Signature::sha256(ISSUED_SECRET, &[body]);
            vec![("polar-webhook-signature", signature.hex())]
        })
        .handshake(
            "the first call, which is not signed",
            Incoming::post(r#"{"timestamp":"2026-03-04T12:00:00Z","event":"PING"}"#),
            CallbackAnswer::empty(200),
        )
        .notification(
            "a reading",
            Incoming::post(BODY).header("polar-webhook-signature", POLAR_SIGNATURE),
            &changed(),
        )
        .refused("a reading that is not signed", Incoming::post(BODY), 401)
        .subscribe(&[none(), made()], &["GET /webhooks", "POST /webhooks"])
        .again(&[Canned::json(200, ours)], &["GET /webhooks"])
        .repair(
            "it mends what was removed",
            &[none(), made()],
            &["GET /webhooks", "POST /webhooks"],
        )
        .unsubscribe(&[Canned::text(204, "")], &["DELETE /webhooks/abdf33"])
        .failure("no secret", &[none(), Canned::json(201, r#"{"data":{}}"#)], Expect::Malformed);
    suite(Issuing).notifications(fixture).run().await;
}

#[tokio::test]
async fn a_time_in_milliseconds() {
    const TIME: &str = "1772625600000";
    let fixture = NotificationFixture::new(Proof::Signature)
        .signed_by(|body| {
            let signature = Signature::sha256(CLIENT_SECRET, &[TIME.as_bytes(), body]);
            vec![
                ("x-whoop-signature-timestamp", TIME.to_owned()),
                ("x-whoop-signature", signature.base64()),
            ]
        })
        .valid_for(Duration::from_secs(300))
        .notification(
            "a reading",
            Incoming::post(BODY)
                .header("x-whoop-signature-timestamp", TIME)
                .header("x-whoop-signature", WHOOP_SIGNATURE),
            &changed(),
        );
    suite(InMilliseconds).notifications(fixture).run().await;
}

#[tokio::test]
async fn data_that_comes_with_the_notification() {
    let item = r#"{"userId":"4aacafe8","weightInGrams":75450}"#;
    let payload = r#"{"userId":"4aacafe8","weightInGrams":75450}"#.to_owned();
    let about = About::Data { feed: "readings", payload };
    let fixture = NotificationFixture::new(Proof::Address)
        .notification(
            "a reading",
            Incoming::post(format!(r#"{{"readings":[{item}]}}"#)),
            &[Hint { external_user_id: "4aacafe8".to_owned(), about }],
        )
        .notification(
            "a user who left",
            Incoming::post(r#"{"deregistrations":[{"userId":"4aacafe8"}]}"#),
            &[Hint::access("4aacafe8")],
        )
        .refused("a reading of nobody", Incoming::post(r#"{"readings":[{}]}"#), 400);
    suite(Delivering).notifications(fixture).run().await;
}

/// What is wrong with a notifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TakesAnything,
    NeverTooOld,
    SignsTheTimeAlone,
    Panics,
    AboutNobody,
    AboutNoFeed,
    AnyChallenge,
    SubscribesTwice,
    TriesAgain,
    SecretInTheError,
    SecretInTheAddress,
    Forgets,
    HintsOfNothing,
}

struct Faulty(Fault);

impl Faulty {
    /// The call as the notifier would like to have it.
    fn read_as(&self, callback: &Callback<'_>, time: &str, body: &[u8]) -> Received {
        let key = SecretString::from("k");
        let mut headers = callback.headers.clone();
        let signature = Signature::sha256("k", &[time.as_bytes(), body]).hex();
        headers.insert("x-oura-signature", signature.parse().unwrap());
        headers.insert("x-oura-timestamp", time.parse().unwrap());
        let callback = Callback { client_secret: &key, headers: &headers, body, ..*callback };
        Challenging.read(&callback)
    }
}

#[async_trait]
impl Notifier for Faulty {
    fn rules(&self) -> &'static NotificationRules {
        Challenging.rules()
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        let received = Challenging.read(callback);
        let time = callback.header("x-oura-timestamp").unwrap_or_default();
        let now = callback.now.timestamp().to_string();
        match (self.0, &received) {
            (Fault::TakesAnything, Received::Refused { .. }) => {
                self.read_as(callback, &now, callback.body)
            }
            (Fault::NeverTooOld, Received::Refused { .. }) => {
                let at = time.parse().ok().and_then(|it| DateTime::from_timestamp(it, 0));
                Challenging.read(&Callback { now: at.unwrap_or(callback.now), ..*callback })
            }
            (Fault::SignsTheTimeAlone, Received::Refused { .. }) => {
                let rest = Challenging.read(&Callback { body: BODY.as_bytes(), ..*callback });
                match rest {
                    Received::Refused { .. } => rest,
                    _ => self.read_as(callback, &now, callback.body),
                }
            }
            (Fault::Panics, Received::Refused { why, .. }) if why.contains("form") => {
                panic!("not of the form")
            }
            (Fault::AboutNobody, Received::Hints(_)) => {
                Received::Hints(vec![Hint::changed("", &["readings"])])
            }
            (Fault::AboutNoFeed, Received::Hints(_)) => {
                Received::Hints(vec![Hint::changed("20417", &["steps"])])
            }
            (Fault::AnyChallenge, Received::Refused { .. }) if *callback.method == Method::GET => {
                Received::Handshake(CallbackAnswer::empty(200))
            }
            (Fault::HintsOfNothing, Received::Refused { .. }) if callback.body.is_empty() => {
                Received::Hints(vec![Hint::access("20417")])
            }
            _ => received,
        }
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        let make = || session.post("/webhook/subscription").json(&request.url).write();
        match self.0 {
            Fault::SubscribesTwice if request.state.is_some() => {
                let _: Value = session.get("/webhook/subscription").fetch().await?;
                make().await?;
            }
            Fault::Forgets if request.state.is_some() => {
                return Ok(Subscribed::default());
            }
            Fault::SecretInTheAddress => {
                let secret = [("secret", request.secret.expose_secret())];
                let list = session.get("/webhook/subscription").query(&secret);
                let _: Value = list.fetch().await?;
                make().await?;
                return Ok(Subscribed::default());
            }
            _ => {}
        }
        let outcome = Challenging.subscribe(session, request).await;
        let state = Some("subscribed".to_owned());
        match (self.0, outcome) {
            (Fault::TriesAgain, Err(_)) => Challenging.subscribe(session, request).await,
            (Fault::SecretInTheError, Err(PartnerError::Transient(_))) => {
                Err(PartnerError::Transient(request.secret.expose_secret().to_owned().into()))
            }
            (_, outcome) => Ok(Subscribed { state, ..outcome? }),
        }
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        Challenging.unsubscribe(session, request).await
    }
}

async fn report(fault: Fault) -> Report {
    suite(Faulty(fault)).notifications(challenging()).report().await
}

#[tokio::test]
async fn each_fault_is_reported_by_the_case_that_is_about_it_and_by_no_other() {
    for (fault, cases) in [
        (Fault::NeverTooOld, &["a reading, forged"][..]),
        (Fault::SignsTheTimeAlone, &["a reading, forged"]),
        (Fault::Panics, &["a reading, with another body"]),
    ] {
        let report = report(fault).await;
        let failed: Vec<&str> = report.failures.iter().map(|it| it.case.as_str()).collect();
        assert_eq!(failed, cases, "{fault:?}: {report}");
    }
}

#[tokio::test]
async fn faults_that_show_in_several_cases_are_reported_with_what_is_wrong() {
    for (fault, message) in [
        (Fault::TakesAnything, "it is taken although the secrets are others"),
        (Fault::AboutNobody, "a hint is about nobody"),
        (Fault::AboutNoFeed, "a hint is about the feed steps, which is none"),
        (Fault::AnyChallenge, "expected a refusal with 401"),
        (Fault::HintsOfNothing, "of nothing has hints"),
        (Fault::TriesAgain, "it called again after the failure"),
        (Fault::SecretInTheError, "holds the value \"conformance-notification-secret"),
        (Fault::SecretInTheAddress, "a call has a secret in its address"),
        (Fault::SubscribesTwice, "2 calls were made instead of 1"),
        (Fault::Forgets, "0 calls were made instead of"),
    ] {
        let report = report(fault).await;
        let is_said = report.failures.iter().any(|failure| failure.message.contains(message));
        assert!(is_said, "{fault:?}: {report}");
    }
}

#[tokio::test]
async fn fixtures_that_are_missing_are_reported() {
    let cases = |report: &Report| -> Vec<String> {
        report.failures.iter().map(|it| it.case.clone()).collect()
    };
    let report = suite(Challenging).report().await;
    assert_eq!(cases(&report), ["it has a fixture"], "{report}");
    let empty = || NotificationFixture::new(Proof::Signature);
    let report = suite(Challenging).notifications(empty()).report().await;
    assert_eq!(cases(&report), ["its fixture has a notification", "it subscribes"], "{report}");
    let report = fixtures::suite(Pulsebox).notifications(empty()).report().await;
    assert_eq!(cases(&report), ["its fixture has a notifier"], "{report}");
    let fixture = challenging().subscribe(&[Canned::json(200, "[]")], &[]);
    let report = suite(InMilliseconds).notifications(fixture).report().await;
    assert!(report.to_string().contains("it is done by hand"), "{report}");
}
