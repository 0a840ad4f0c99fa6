//! Endpoints, their messages and attempts, in both databases.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::incidents::IncidentCode;
use crate::model::{ChangeKind, ConnectionId, DeliveryStatus, UserId};
use crate::settings;
use crate::store::testing::databases;
use crate::store::{IncidentFilter, Store};
use crate::vault::generate_key;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
}

async fn open(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    let open = move || Store::open(&database, vault).unwrap();
    let store = tokio::task::spawn_blocking(open).await.unwrap();
    let new = NewEndpoint {
        id: "we_1".into(),
        url: SecretString::from("https://app.example.com/?key=1"),
        secret: SecretString::from("whsec_one"),
        events: vec!["*".into()],
        user_prefix: None,
        description: None,
    };
    assert!(store.add_webhook_endpoint(new, 100, at(0)).await.unwrap());
    store
}

/// Lets something happen to a user's connection at each of these minutes.
async fn happens(store: &Store, user: &str, minutes: std::ops::Range<i64>) {
    let user = UserId::stored(user);
    let id: ConnectionId = store.prepare_connection(user, "withings".into(), at(0)).await.unwrap();
    for minute in minutes {
        store.choose(id, Vec::new(), at(minute)).await.unwrap();
    }
}

fn message(id: &str, user: Option<&str>, first: i64, last: i64) -> PlannedMessage {
    let user = user.map(UserId::stored);
    PlannedMessage { id: id.into(), user, first, last, without: Vec::new() }
}

fn end(message: &PlannedMessage, fate: Fate) -> AttemptEnd {
    let delivery = NewDelivery {
        types: BTreeMap::from([("record.created", 3), ("record.updated", 1)]),
        users: 1,
        attempt: 1,
        status: DeliveryStatus::Failed,
        status_code: Some(500),
        error: Some("it answered 500".into()),
        duration_ms: 12,
        next_at: None,
    };
    AttemptEnd { message: message.clone(), fate, delivery: Some(delivery) }
}

async fn ended(store: &Store, minute: i64, ends: Vec<AttemptEnd>) {
    let (id, health) = ("we_1".to_owned(), EndpointHealth::default());
    store.end_webhook_attempts(id, ends, health, false, None, at(minute)).await.unwrap();
}

/// The messages of the endpoint: id, attempts, and whether its user waits for it.
async fn messages(store: &Store) -> Vec<(String, u32, bool)> {
    let (_, messages) = store.webhook_state("we_1".into()).await.unwrap().unwrap();
    let shown =
        messages.into_iter().map(|it| (it.planned.id, it.attempts, it.failing_since.is_some()));
    shown.collect()
}

fn shown(id: &str, attempts: u32, waits: bool) -> (String, u32, bool) {
    (id.to_owned(), attempts, waits)
}

#[tokio::test]
async fn secrets_are_opened_again_and_the_one_before_is_kept() {
    for database in databases() {
        let store = open(&database.url).await;
        let rotated =
            store.rotate_webhook_secret("we_1".into(), "whsec_two".to_owned().into(), at(9));
        assert!(rotated.await.unwrap());
        let endpoint = store.webhook_endpoint("we_1".into()).await.unwrap().unwrap();
        assert_eq!(endpoint.url.expose_secret(), "https://app.example.com/?key=1");
        assert_eq!(endpoint.secret.expose_secret(), "whsec_two");
        let (previous, until) = endpoint.previous_secret.clone().unwrap();
        assert_eq!((previous.expose_secret(), until), ("whsec_one", at(9)));
        assert!(
            !format!("{endpoint:?}").contains("whsec_")
                && !format!("{endpoint:?}").contains("key=1")
        );
    }
}

#[tokio::test]
async fn the_place_of_a_time_is_found_in_the_feed() {
    for database in databases() {
        let store = open(&database.url).await;
        assert_eq!(store.last_change_before(at(1)).await.unwrap(), 0, "an empty feed");
        happens(&store, "ann", 10..60).await;
        // One that is dated back a little.
        happens(&store, "ann", 59..60).await;
        for (minute, expected) in [(0, 0), (10, 0), (11, 1), (40, 30), (59, 49), (60, 51)] {
            assert_eq!(store.last_change_before(at(minute)).await.unwrap(), expected, "{minute}");
        }
        let between = at(30) + TimeDelta::seconds(30);
        assert_eq!(store.last_change_before(between).await.unwrap(), 21);
    }
}

#[tokio::test]
async fn a_message_is_begun_once_and_ends_as_it_should() {
    for database in databases() {
        let store = open(&database.url).await;
        let (a, b, all) = (
            message("a", Some("ann"), 1, 1),
            message("b", Some("ann"), 2, 2),
            message("all", None, 3, 9),
        );
        let begun = vec![a.clone(), b.clone(), all.clone()];
        let plan = |from: i64, to: i64| {
            store.plan_webhooks("we_1".into(), (from, to), begun.clone(), at(1))
        };
        assert!(plan(0, 9).await.unwrap());
        assert!(!plan(0, 9).await.unwrap(), "the position is not there any more");

        let again = Fate::Again { step: 1, failing_since: at(2), next_at: at(3) };
        ended(&store, 2, vec![end(&a, again), end(&all, Fate::Stays)]).await;
        let expected = [shown("a", 1, true), shown("all", 1, false)];
        assert_eq!(messages(&store).await, expected, "what follows of ann waits");

        let parts = vec![message("p", Some("ben"), 3, 7), message("q", Some("cid"), 4, 9)];
        let next = message("c", Some("ann"), 2, 2);
        ended(&store, 3, vec![end(&a, Fate::FollowedBy(next)), end(&all, Fate::Split(parts))])
            .await;
        let expected = [shown("c", 0, true), shown("p", 0, false), shown("q", 0, false)];
        assert_eq!(messages(&store).await, expected);

        assert!(store.replay_webhooks("we_1".into(), 3).await.unwrap());
        let expected = [shown("c", 0, true), shown("p", 0, false)];
        assert_eq!(messages(&store).await, expected, "what comes again");
        // What was replaced meanwhile brings nothing back.
        let late = message("late", Some("cid"), 5, 5);
        let q = message("q", Some("cid"), 4, 9);
        ended(&store, 4, vec![end(&q, Fate::FollowedBy(late))]).await;
        assert_eq!(messages(&store).await, expected);
        let endpoint = store.webhook_endpoint("we_1".into()).await.unwrap().unwrap();
        assert_eq!(endpoint.position, 3);
        assert!(store.delete_webhook_endpoint("we_1".into(), at(5)).await.unwrap());
        assert!(!store.delete_webhook_endpoint("we_1".into(), at(5)).await.unwrap());
    }
}

#[tokio::test]
async fn old_attempts_are_deleted_a_few_at_a_time() {
    for database in databases() {
        let store = open(&database.url).await;
        let message = message("a", Some("ann"), 1, 1);
        for minute in 0..10 {
            ended(&store, minute, vec![end(&message, Fate::Stays)]).await;
        }
        let left = async || {
            let all = store.webhook_deliveries("we_1".into(), Vec::new(), None, 100).await.unwrap();
            all.rows.len()
        };
        for (more, expected) in [(true, 7), (true, 4), (false, 3)] {
            assert_eq!(store.delete_old_deliveries(at(7), 3).await.unwrap(), more);
            assert_eq!(left().await, expected);
        }
        let newest = store.webhook_deliveries("we_1".into(), Vec::new(), None, 1).await.unwrap();
        assert!(newest.more);
        assert_eq!((newest.rows[0].at, newest.rows[0].changes), (at(9), 4));
        let delivered = vec![DeliveryStatus::Delivered];
        let none = store.webhook_deliveries("we_1".into(), delivered, None, 1).await.unwrap();
        assert!(none.rows.is_empty() && !none.more);
    }
}

#[tokio::test]
async fn an_endpoint_that_fails_is_in_the_error_log_until_it_works_or_is_deleted() {
    for database in databases() {
        let store = open(&database.url).await;
        let attempt = async |failures: u32, minute: i64| {
            let last_error = (failures > 0).then(|| "it answered 500".into());
            let health = EndpointHealth { failures, last_error, ..EndpointHealth::default() };
            let (id, ends) = ("we_1".to_owned(), Vec::new());
            store.end_webhook_attempts(id, ends, health, false, None, at(minute)).await.unwrap();
        };
        let shown = async || {
            let all = store.incidents(IncidentFilter::default(), 10).await.unwrap().rows;
            let shown = all.into_iter().map(|it| {
                assert_eq!(
                    (it.code, it.endpoint),
                    (IncidentCode::WebhookFailing, Some("we_1".into()))
                );
                assert_eq!(it.detail.as_deref(), Some("it answered 500"));
                (it.times, it.closed_why)
            });
            shown.collect::<Vec<_>>()
        };
        attempt(1, 1).await;
        attempt(2, 2).await;
        assert_eq!(shown().await, []);
        attempt(3, 3).await;
        attempt(4, 4).await;
        assert_eq!(shown().await, [(2, None)]);
        attempt(0, 5).await;
        let over = (2, Some("a delivery was accepted".to_owned()));
        assert_eq!(shown().await, std::slice::from_ref(&over));
        attempt(3, 6).await;
        assert_eq!(shown().await, [(1, None), over.clone()]);
        assert!(store.delete_webhook_endpoint("we_1".into(), at(7)).await.unwrap());
        assert_eq!(shown().await, [(1, Some("it was deleted".to_owned())), over]);
    }
}

#[tokio::test]
async fn what_was_taken_and_what_waits_is_counted() {
    for database in databases() {
        let store = open(&database.url).await;
        happens(&store, "eu-ann", 10..14).await;
        happens(&store, "us-ben", 20..22).await;
        let waiting = async |prefix: Option<&str>, position| {
            let wanted = Wanted {
                endpoint: "we_1".into(),
                position,
                changes: vec![ChangeKind::SettingsChanged],
                user_prefix: prefix.map(str::to_owned),
            };
            let found = store.webhooks_waiting(vec![wanted]).await.unwrap();
            let Waiting { messages, users, changes, more, oldest_at, .. } = found[0].clone();
            assert!(!more);
            (messages, users, changes, oldest_at)
        };
        assert_eq!(waiting(None, 0).await, (0, 0, 6, Some(at(10))));
        assert_eq!(waiting(Some("us-"), 0).await, (0, 0, 2, Some(at(20))));
        assert_eq!(waiting(Some("us-c"), 0).await, (0, 0, 0, None));
        assert_eq!(waiting(None, 6).await, (0, 0, 0, None));

        let (a, b) = (message("a", Some("eu-ann"), 2, 2), message("b", Some("us-ben"), 5, 5));
        let begun = store.plan_webhooks("we_1".into(), (0, 6), vec![a.clone(), b.clone()], at(30));
        assert!(begun.await.unwrap());
        let again = Fate::Again { step: 1, failing_since: at(31), next_at: at(32) };
        let mut taken = end(&b, Fate::Over);
        taken.delivery.as_mut().unwrap().status = DeliveryStatus::Delivered;
        ended(&store, 31, vec![end(&a, again.clone()), taken]).await;
        ended(&store, 34, vec![end(&a, again.clone())]).await;
        assert_eq!(waiting(None, 6).await, (1, 1, 0, Some(at(11))));
        let counts = async |since| {
            let of_one = store.delivery_counts(Some("we_1".into()), since).await.unwrap();
            assert_eq!(store.delivery_counts(None, since).await.unwrap(), of_one);
            let shown = of_one.into_iter();
            shown.map(|it| (it.at, it.delivered, it.changes, it.failed)).collect::<Vec<_>>()
        };
        assert_eq!(counts(at(0)).await, [(at(30), 1, 4, 2)]);
        ended(&store, 36, vec![end(&a, again.clone())]).await;
        assert_eq!(counts(at(0)).await, [(at(30), 1, 4, 2), (at(35), 0, 0, 1)]);
        assert_eq!(counts(at(30)).await, [(at(35), 0, 0, 1)]);
        ended(&store, 26 * 60, vec![end(&a, again)]).await;
        assert_eq!(counts(at(0)).await, [(at(26 * 60), 0, 0, 1)], "what is older was deleted");

        let last = store.last_webhook_deliveries(vec!["we_1".into(), "we_2".into()], 2);
        let last = last.await.unwrap();
        assert_eq!((last[0].len(), last[1].len(), last[0][0].at), (2, 0, at(26 * 60)));
        let failing = vec![DeliveryStatus::Failed, DeliveryStatus::GivenUp];
        let failing = store.webhook_deliveries("we_1".into(), failing, None, 3).await.unwrap();
        assert!(failing.more && failing.rows.iter().all(|it| it.status == DeliveryStatus::Failed));
        let before = Some(failing.rows[2].id);
        let rest = store.webhook_deliveries("we_1".into(), Vec::new(), before, 3).await.unwrap();
        assert_eq!((rest.rows.len(), rest.more), (2, false));
    }
}
