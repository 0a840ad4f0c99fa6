//! Notifications in the store, on both databases.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use crate::incidents::Observed;
use crate::model::{Cause, ConnectionId, LineOutcome, Status, UserId};
use crate::scheduler::{Activity, Look, ScheduleKey, Trust};
use crate::settings;
use crate::store::testing::databases;
use crate::store::{APPLICATION, NewGrant, Notified, Store, Subscription, SyncEnd, SyncLine};
use crate::sync::ports::{Ledger, PageToSave};
use crate::sync::{Settlement, Tokens};
use crate::vault::{Vault, generate_key};

const PARTNER: &str = "moves";

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(second)
}

async fn open(url: &str) -> Store {
    let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    let open = move || Store::open(&database, vault).unwrap();
    tokio::task::spawn_blocking(open).await.unwrap()
}

async fn connect(store: &Store, user: &str) -> ConnectionId {
    let prepared =
        store.prepare_connection(UserId::stored(user.to_owned()), PARTNER.to_owned(), at(0));
    let connection = prepared.await.unwrap();
    let tokens = Tokens {
        access: partner_sdk::secrecy::SecretString::from("a").into(),
        refresh: None,
        access_expires_at: None,
        scopes: None,
    };
    let external_user_id = format!("account of {user}");
    let (choices, not_granted) = (Vec::new(), Vec::new());
    let held_as = None;
    let grant = NewGrant { connection, external_user_id, tokens, choices, not_granted, held_as };
    store.adopt(grant, at(0)).await.unwrap();
    connection
}

fn finish(connection: ConnectionId, started: i64, next: i64, trust: Option<Trust>) -> SyncEnd {
    SyncEnd {
        connection,
        settlement: Settlement {
            status: Status::Connected,
            activity: Activity { group: 0, since: at(0) },
            polled_as: 0,
            failures: 0,
            next_poll_at: Some(at(next)),
            push_not_before: at(started),
            last_poll_at: Some(at(started)),
            last_error: None,
            refused_since: None,
            trust,
            failing_since: None,
            turn: None,
        },
        cursors: Vec::new(),
        wide_looks: Vec::new(),
        resume_points: Vec::new(),
        line: SyncLine {
            connection,
            user_id: UserId::stored("ann".to_owned()),
            partner: PARTNER.to_owned(),
            cause: Cause::Schedule,
            outcome: LineOutcome::Ok,
            summary: "nothing new".to_owned(),
            detail: "null".to_owned(),
            stands_apart: false,
            started_at: at(started),
            finished_at: at(started),
        },
        push_not_before: None,
        observed: Observed::default(),
    }
}

fn notified(accounts: &[&str], second: i64) -> Notified {
    let accounts = accounts.iter().map(|account| format!("account of {account}")).collect();
    Notified { partner: PARTNER, accounts, delivered: Vec::new(), at: at(second) }
}

async fn due(store: &Store) -> Vec<(i64, ConnectionId)> {
    let keys = store.schedule_after(PARTNER, ScheduleKey::START, 100).await.unwrap();
    keys.into_iter()
        .map(|key| ((key.at - at(0).timestamp_micros()) / 1_000_000, key.connection))
        .collect()
}

#[tokio::test]
async fn what_is_announced_is_due_at_once_and_nothing_else_is() {
    for database in databases() {
        let store = open(&database.url).await;
        let (ann, ben) = (connect(&store, "ann").await, connect(&store, "ben").await);
        for connection in [ann, ben] {
            store.finish_sync(finish(connection, 10, 1_000, None)).await.unwrap();
        }
        let many = (0..300).map(|number| {
            store.notified(notified(if number % 3 == 0 { &["ann"] } else { &["eve"] }, 20))
        });
        for (number, ids) in join_all(many).await.into_iter().enumerate() {
            let expected = if number % 3 == 0 { vec![ann] } else { Vec::new() };
            assert_eq!(ids.unwrap(), expected);
        }
        assert_eq!(due(&store).await, [(20, ann), (1_000, ben)]);
        // One that is due already does not become due later.
        assert_eq!(store.notified(notified(&["ann", "ben", "ann"], 30)).await.unwrap(), [ann, ben]);
        assert_eq!(due(&store).await, [(20, ann), (30, ben)]);
        store.disconnect(ben, at(40)).await.unwrap();
        assert_eq!(store.notified(notified(&["ben"], 50)).await.unwrap(), []);
        let ben = store.connection_by_id(ben).await.unwrap().unwrap();
        assert_eq!((ben.notified_at, ben.next_poll_at), (None, None));
    }
}

#[tokio::test]
async fn the_end_of_a_sync_keeps_what_was_announced_after_it_began() {
    for database in databases() {
        let store = open(&database.url).await;
        let ann = connect(&store, "ann").await;
        store.notified(notified(&["ann"], 20)).await.unwrap();
        store.finish_sync(finish(ann, 19, 1_000, None)).await.unwrap();
        assert_eq!(due(&store).await, [(20, ann)], "it came during the sync");
        store.finish_sync(finish(ann, 21, 1_000, None)).await.unwrap();
        assert_eq!(due(&store).await, [(1_000, ann)], "the sync has seen it");
    }
}

#[tokio::test]
async fn trust_is_kept_with_the_end_of_a_sync_and_silence_is_found_by_its_index() {
    for database in databases() {
        let store = open(&database.url).await;
        let (ann, ben) = (connect(&store, "ann").await, connect(&store, "ben").await);
        let mut trust = Trust::new(at(0));
        for hour in 0..20 {
            let now = at(hour * 3 * 3_600);
            trust = trust.after(Look { now, found: true, notified_at: None });
        }
        let since = trust.unheard_since().unwrap();
        store.finish_sync(finish(ann, 10, 100, Some(trust.clone()))).await.unwrap();
        store.finish_sync(finish(ben, 10, 100, Some(Trust::new(at(0))))).await.unwrap();
        let stored = store.connection_by_id(ann).await.unwrap().unwrap();
        assert_eq!(stored.trust, Some(trust));
        let unheard = store.unheard(PARTNER, 10).await.unwrap();
        assert_eq!(unheard.len(), 1);
        assert_eq!((unheard[0].connection, unheard[0].since), (ann, since));
        store.finish_sync(finish(ann, 20, 100, None)).await.unwrap();
        assert_eq!(store.unheard(PARTNER, 10).await.unwrap(), []);
    }
}

fn subscription(connection: ConnectionId, digest: u8, next: i64) -> Subscription {
    Subscription {
        connection,
        url_digest: vec![digest],
        state: Some("state".to_owned().into()),
        issued_secret: Some("issued".to_owned().into()),
        subscribed_at: Some(at(1)),
        expires_at: Some(at(500)),
        checked_at: at(1),
        next_check_at: at(next),
        failures: 0,
        error: None,
    }
}

#[tokio::test]
async fn subscriptions_are_due_in_order_and_again_when_their_address_changes() {
    use partner_sdk::secrecy::ExposeSecret;
    for database in databases() {
        let store = open(&database.url).await;
        let (ann, ben) = (connect(&store, "ann").await, connect(&store, "ben").await);
        store.review_subscriptions(PARTNER, vec![1], true, at(5)).await.unwrap();
        store.review_subscriptions(PARTNER, Vec::new(), true, at(9)).await.unwrap();
        let due = async |second| store.subscriptions_due(PARTNER, at(second), 10).await.unwrap();
        assert_eq!((due(4).await, due(5).await.len()), (vec![], 2), "each once");
        store.save_subscription(PARTNER, subscription(ann, 1, 100)).await.unwrap();
        store.save_subscription(PARTNER, subscription(ben, 1, 50)).await.unwrap();
        store.save_subscription(PARTNER, subscription(APPLICATION, 1, 70)).await.unwrap();
        assert_eq!(due(49).await, []);
        assert_eq!(due(100).await, [ben, APPLICATION, ann]);
        let known = store.subscription(PARTNER, ann).await.unwrap().unwrap();
        assert_eq!(known.issued_secret.unwrap().expose_secret(), "issued");
        let in_place =
            async |id| store.connection_by_id(id).await.unwrap().unwrap().subscribed_at.is_some();
        assert!(in_place(ann).await);
        store.review_subscriptions(PARTNER, vec![1], true, at(10)).await.unwrap();
        assert_eq!(due(10).await, [], "nothing has changed");
        store.review_subscriptions(PARTNER, vec![2], true, at(11)).await.unwrap();
        assert_eq!(due(11).await.len(), 3);
        assert!(!in_place(ann).await, "the partner calls another address");
        store.disconnect(ann, at(12)).await.unwrap();
        assert!(store.subscription(PARTNER, ann).await.unwrap().is_none());
        store.save_subscription(PARTNER, subscription(ann, 2, 100)).await.unwrap();
        assert!(store.subscription(PARTNER, ann).await.unwrap().is_none(), "it has ended");
        store.forget_subscription(PARTNER, ben).await.unwrap();
        assert!(store.subscription(PARTNER, ben).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn delivered_data_stays_until_the_cursor_of_its_poll_is_stored() {
    use partner_sdk::secrecy::ExposeSecret;
    for database in databases() {
        let store = open(&database.url).await;
        let ann = connect(&store, "ann").await;
        for (second, payload) in [(1, "first"), (2, "second")] {
            let one = store.seal_delivered(PARTNER, "account of ann", "daily", payload).unwrap();
            let notified = Notified { delivered: vec![one], ..notified(&["ann"], second) };
            assert_eq!(store.notified(notified).await.unwrap(), [ann]);
        }
        let waiting = async || {
            let mut jobs = store.load_jobs(vec![ann]).await.unwrap();
            jobs.pop().unwrap().delivered.remove("daily").unwrap_or_default()
        };
        let items = waiting().await;
        let texts: Vec<_> = items.iter().map(|item| item.payload.expose_secret()).collect();
        assert_eq!(texts, ["first", "second"]);
        let page = |delivered: Vec<i64>| PageToSave {
            connection: ann,
            user_id: UserId::stored("ann".to_owned()),
            partner: PARTNER,
            feed: "daily",
            records: Vec::new(),
            doubtful: Vec::new(),
            present: Vec::new(),
            complete_groups: Vec::new(),
            deleted: Vec::new(),
            is_certain: false,
            complete_range: None,
            kinds: Vec::new(),
            day_only: Vec::new(),
            last_seen: at(0),
            cause: Cause::Notification,
            cursor: Some(partner_sdk::Cursor("1".to_owned())),
            delivered,
            now: at(3),
        };
        store.save_page(page(vec![items[0].id])).await.unwrap();
        assert_eq!(waiting().await.len(), 1);
        store.save_page(page(vec![items[1].id])).await.unwrap();
        assert!(waiting().await.is_empty());
        store.disconnect(ann, at(9)).await.unwrap();
    }
}
