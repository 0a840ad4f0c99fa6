//! Notifications of Withings's simulator, over HTTP: what is subscribed to is sent, and understood.

#![cfg(test)]

use std::time::Duration;

use partner_sandbox::{AccountChange, Options, Sandbox, TokenAction};
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::serde_json::json;
use partner_sdk::testkit::{self, Receiver};
use partner_sdk::{Credentials, Endpoints, Hint, Notifier, Session, SubscriptionRequest};
use partner_withings::{MANIFEST, Withings};

const NAME: &str = "withings";
/// The same call within ten seconds is refused.
const PAUSE: Duration = Duration::from_secs(11);
const SECRET: &str = "unused";

/// A connected account, and our address.
struct Simulator {
    sandbox: Sandbox,
    session: Session,
    receiver: Receiver,
    user_id: String,
}

impl Simulator {
    async fn start() -> Self {
        let options = Options { seed: 5, accounts: 1, unlimited: true, ..Options::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let control = sandbox.control();
        control
            .put_account(NAME, "ann", &AccountChange { empty: true, ..AccountChange::default() })
            .unwrap();
        let issued = control.issue_tokens(NAME, "ann").unwrap();
        let urls = sandbox.urls(NAME);
        let endpoints = Endpoints {
            authorize_url: urls.authorize_url,
            request_token_url: urls.request_token_url,
            token_url: urls.token_url,
            revoke_url: urls.revoke_url,
            api_url: urls.api_url,
        };
        let credentials = Credentials {
            client_id: sandbox.client_id(NAME).to_owned(),
            client_secret: sandbox.client_secret(NAME).into(),
            service_account: None,
        };
        let session =
            testkit::session(&MANIFEST, endpoints, credentials, &issued.access_token).unwrap();
        let (secret, clock) = (sandbox.client_secret(NAME).to_owned(), control.clone());
        let clock = move || -> DateTime<Utc> { DateTime::from_timestamp(clock.now(), 0).unwrap() };
        let receiver = Receiver::start(Withings, &secret, SECRET, clock).await.unwrap();
        Self { sandbox, session, receiver, user_id: issued.user_id.to_string() }
    }

    fn request(&self) -> SubscriptionRequest {
        SubscriptionRequest {
            url: self.receiver.url(),
            secret: SECRET.into(),
            connection: Some("k7f3q9x2".to_owned()),
            state: None,
            now: DateTime::from_timestamp(self.sandbox.control().now(), 0).unwrap(),
        }
    }

    /// How many calls were made since the last time.
    fn calls(&self) -> u64 {
        let total = self.sandbox.control().counts(NAME).unwrap().calls;
        self.sandbox.control().reset_counts(NAME).unwrap();
        total
    }
}

#[tokio::test]
async fn what_changes_is_sent_and_understood() {
    let simulator = Simulator::start().await;
    let control = simulator.sandbox.control();
    let subscriptions = || control.subscriptions(NAME).unwrap().len();
    let subscribed = Withings.subscribe(&simulator.session, &simulator.request()).await.unwrap();
    assert_eq!(subscriptions(), 5);
    simulator.calls();
    let request = SubscriptionRequest { state: subscribed.state, ..simulator.request() };
    control.advance(PAUSE);
    Withings.subscribe(&simulator.session, &request).await.unwrap();
    assert_eq!((subscriptions(), simulator.calls()), (5, 1), "nothing is added");
    // Ours with an earlier secret is replaced.
    let (base, _) = request.url.rsplit_once('/').unwrap();
    let moved = SubscriptionRequest { url: format!("{base}/elsewhere"), ..request.clone() };
    control.advance(PAUSE);
    Withings.subscribe(&simulator.session, &moved).await.unwrap_err();
    control.advance(PAUSE);
    Withings.subscribe(&simulator.session, &request).await.unwrap();
    assert_eq!(subscriptions(), 5);
    let (mut count, user) = (0, simulator.user_id.as_str());
    for (resource, hint) in [
        ("measure", Hint::changed(user, &["measure"])),
        ("workouts", Hint::changed(user, &["workouts"])),
    ] {
        // A weight alone: with a heart rate it is two categories.
        let weight = json!({"category": 1, "measures": [{"value": 70100, "type": 1, "unit": -3}]});
        match resource {
            "measure" => drop(control.append(NAME, "ann", resource, vec![weight]).unwrap()),
            _ => drop(control.generate(NAME, "ann", resource, 1, 2).unwrap()),
        }
        count += 1;
        let hints = simulator.receiver.hints(count).await;
        assert_eq!(hints.get(count - 1..), Some(&[hint][..]), "{resource}: {hints:?}");
    }
    control.advance(PAUSE);
    Withings.unsubscribe(&simulator.session, &request).await.unwrap();
    assert_eq!(subscriptions(), 0);
    control.advance(PAUSE);
    Withings.unsubscribe(&simulator.session, &request).await.unwrap();
    // Every subscription is made again, and the user takes the access back.
    control.advance(PAUSE);
    Withings.subscribe(&simulator.session, &simulator.request()).await.unwrap();
    control.tokens(NAME, "ann", TokenAction::Revoke).unwrap();
    let hints = simulator.receiver.hints(count + 1).await;
    assert_eq!(hints.get(count..), Some(&[Hint::access(user)][..]));
}
