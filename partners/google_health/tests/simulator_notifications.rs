//! Notifications of Google Health's simulator, over HTTP: what is subscribed to is sent, and understood.

#![cfg(test)]

use partner_google_health::{GoogleHealth, MANIFEST};
use partner_sandbox::{AccountChange, Options, Sandbox, TokenAction, service_account_json};
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::testkit::{self, Receiver};
use partner_sdk::{Credentials, Endpoints, Hint, Notifier, Session, SubscriptionRequest};

const NAME: &str = "google_health";
const SECRET: &str = "R4nd0m";

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
            service_account: Some(service_account_json(&sandbox.url()).into()),
        };
        let session =
            testkit::session(&MANIFEST, endpoints, credentials, &issued.access_token).unwrap();
        let (secret, clock) = (sandbox.client_secret(NAME).to_owned(), control.clone());
        let clock = move || -> DateTime<Utc> { DateTime::from_timestamp(clock.now(), 0).unwrap() };
        let receiver = Receiver::start(GoogleHealth, &secret, SECRET, clock).await.unwrap();
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
    let subscribed =
        GoogleHealth.subscribe(&simulator.session, &simulator.request()).await.unwrap();
    assert_eq!(subscriptions(), 1);
    simulator.calls();
    let request = SubscriptionRequest { state: subscribed.state, ..simulator.request() };
    GoogleHealth.subscribe(&simulator.session, &request).await.unwrap();
    assert_eq!((subscriptions(), simulator.calls()), (1, 2), "nothing is added");
    // Ours with an earlier secret is replaced.
    let (base, _) = request.url.rsplit_once('/').unwrap();
    let moved = SubscriptionRequest { url: format!("{base}/elsewhere"), ..request.clone() };
    GoogleHealth.subscribe(&simulator.session, &moved).await.unwrap_err();
    GoogleHealth.subscribe(&simulator.session, &request).await.unwrap();
    assert_eq!(subscriptions(), 1);
    let (mut count, user) = (0, simulator.user_id.as_str());
    for (resource, hint) in [
        ("weight", Hint::changed(user, &["weight"])),
        ("exercise", Hint::changed(user, &["exercise"])),
    ] {
        control.generate(NAME, "ann", resource, 1, 2).unwrap();
        count += 1;
        let hints = simulator.receiver.hints(count).await;
        assert_eq!(hints.get(count - 1..), Some(&[hint][..]), "{resource}: {hints:?}");
    }
    GoogleHealth.unsubscribe(&simulator.session, &request).await.unwrap();
    assert_eq!(subscriptions(), 0);
    GoogleHealth.unsubscribe(&simulator.session, &request).await.unwrap();
    // Every subscription is made again, and the user takes the access back.
    GoogleHealth.subscribe(&simulator.session, &simulator.request()).await.unwrap();
    control.tokens(NAME, "ann", TokenAction::Revoke).unwrap();
    let hints = simulator.receiver.hints(count + 2).await;
    // All that the application was given is removed for it.
    for feed in ["weight", "exercise"] {
        assert!(hints.get(count..).unwrap().contains(&Hint::changed(user, &[feed])), "{hints:?}");
    }
}
