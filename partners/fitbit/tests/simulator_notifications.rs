//! Notifications of Fitbit's simulator, over HTTP: what is subscribed to is sent, and understood.

#![cfg(test)]

use partner_fitbit::{Fitbit, MANIFEST};
use partner_sandbox::{AccountChange, Options, Sandbox, TokenAction};
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::testkit::{self, Receiver};
use partner_sdk::{Credentials, Endpoints, Hint, Notifier, Session, SubscriptionRequest};

const NAME: &str = "fitbit";
const SECRET: &str = "sandbox-verification-code";

/// A connected account, and our address.
struct Simulator {
    sandbox: Sandbox,
    session: Session,
    receiver: Receiver,
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
        let receiver = Receiver::start(Fitbit, &secret, SECRET, clock).await.unwrap();
        Self { sandbox, session, receiver }
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
    let (url, console) = (simulator.receiver.url(), control.clone());
    let check = tokio::task::spawn_blocking(move || console.set_callback(NAME, Some(&url)));
    assert!(check.await.unwrap().unwrap().verified);
    let subscriptions = || control.subscriptions(NAME).unwrap().len();
    let subscribed = Fitbit.subscribe(&simulator.session, &simulator.request()).await.unwrap();
    assert_eq!(subscriptions(), 4);
    simulator.calls();
    let request = SubscriptionRequest { state: subscribed.state, ..simulator.request() };
    Fitbit.subscribe(&simulator.session, &request).await.unwrap();
    assert_eq!((subscriptions(), simulator.calls()), (4, 1), "nothing is added");
    let listed: Value =
        simulator.session.get("/1/user/-/apiSubscriptions.json").fetch().await.unwrap();
    let owner = listed["apiSubscriptions"][0]["ownerId"].as_str().unwrap().to_owned();
    let (mut count, user) = (0, owner.as_str());
    for (resource, hint) in [
        ("weight", Hint::changed(user, &["weight", "fat"])),
        ("activities", Hint::changed(user, &["activities"])),
        ("foods", Hint::changed(user, &["foods"])),
    ] {
        control.generate(NAME, "ann", resource, 1, 2).unwrap();
        count += 1;
        let hints = simulator.receiver.hints(count).await;
        assert_eq!(hints.get(count - 1..), Some(&[hint][..]), "{resource}: {hints:?}");
    }
    Fitbit.unsubscribe(&simulator.session, &request).await.unwrap();
    assert_eq!(subscriptions(), 0);
    Fitbit.unsubscribe(&simulator.session, &request).await.unwrap();
    // Every subscription is made again, and the user takes the access back.
    Fitbit.subscribe(&simulator.session, &simulator.request()).await.unwrap();
    control.tokens(NAME, "ann", TokenAction::Revoke).unwrap();
    let hints = simulator.receiver.hints(count + 1).await;
    assert_eq!(hints.get(count..), Some(&[Hint::access(user)][..]));
}
