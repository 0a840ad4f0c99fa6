//! Notifications of Moves's simulator, over HTTP: what is subscribed to is sent, and understood.

#![cfg(test)]

use partner_moves::Moves;
use partner_sandbox::{AccountChange, Options, Sandbox};
use partner_sdk::Hint;
use partner_sdk::chrono::{DateTime, Utc};
use partner_sdk::testkit::Receiver;

const NAME: &str = "moves";
const SECRET: &str = "unused";

/// A connected account, and our address.
struct Simulator {
    sandbox: Sandbox,
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
        let (secret, clock) = (sandbox.client_secret(NAME).to_owned(), control.clone());
        let clock = move || -> DateTime<Utc> { DateTime::from_timestamp(clock.now(), 0).unwrap() };
        let receiver = Receiver::start(Moves, &secret, SECRET, clock).await.unwrap();
        Self { sandbox, receiver, user_id: issued.user_id.to_string() }
    }
}

#[tokio::test]
async fn what_changes_is_sent_and_understood() {
    let simulator = Simulator::start().await;
    let control = simulator.sandbox.control();
    let (url, console) = (simulator.receiver.url(), control.clone());
    let check = tokio::task::spawn_blocking(move || console.set_callback(NAME, Some(&url)));
    assert!(check.await.unwrap().unwrap().verified);
    let (mut count, user) = (0, simulator.user_id.as_str());
    for (resource, hint) in [("segments", Hint::changed(user, &["activities"]))] {
        control.generate(NAME, "ann", resource, 1, 2).unwrap();
        count += 1;
        let hints = simulator.receiver.hints(count).await;
        assert_eq!(hints.get(count - 1..), Some(&[hint][..]), "{resource}: {hints:?}");
    }
    control.set_callback(NAME, None).unwrap();
}
