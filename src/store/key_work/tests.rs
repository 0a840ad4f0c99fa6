//! Sealing again, in both databases.

mod erased;
mod held;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::model::{ConnectionId, UserId};
use crate::settings;
use crate::store::sql::key_schema::{data_keys, user_keys};
use crate::store::sql::schema::{connections, subscriptions, webhook_endpoints};
use crate::store::testing::databases;
use crate::store::{
    APPLICATION, NewEndpoint, NewGrant, Subscription, subscriptions as subscribed, webhooks,
};
use crate::sync::Tokens;
use crate::sync::ports::Ledger as _;
use crate::vault::{AssociatedData, generate_key};

const PARTNER: &str = "moves";

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(second)
}

/// Opens the store with the first of these keys, as a process that starts does; the others are old.
async fn try_open(url: &str, keys: &[&str]) -> Result<Store, StoreError> {
    let mut vaults = keys.iter().map(|key| Vault::from_hex(key).unwrap());
    let vault = Arc::new(vaults.next().unwrap().with_old(vaults));
    let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
    tokio::task::spawn_blocking(move || Store::open(&database, vault)).await.unwrap()
}

async fn open(url: &str, keys: &[&str]) -> Store {
    try_open(url, keys).await.unwrap()
}

async fn close(store: Store) {
    tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
}

fn tokens(of: &str) -> Tokens {
    let secret = |what: &str| SecretString::from(format!("{what} of {of}"));
    Tokens {
        access: partner_sdk::AccessToken {
            token: secret("access"),
            secret: Some(secret("secret")),
        },
        refresh: Some(secret("refresh")),
        access_expires_at: None,
        scopes: None,
    }
}

async fn connect(store: &Store, user: &str) -> ConnectionId {
    let prepared = store.prepare_connection(UserId::stored(user), PARTNER.to_owned(), at(0));
    let connection = prepared.await.unwrap();
    let grant = NewGrant {
        connection,
        external_user_id: format!("account of {user}"),
        tokens: tokens(user),
        choices: Vec::new(),
        not_granted: Vec::new(),
        held_as: None,
    };
    store.adopt(grant, at(0)).await.unwrap();
    connection
}

/// A webhook endpoint, a subscription and as many users as that, connected.
async fn fill(store: &Store, users: usize) -> Vec<(String, ConnectionId)> {
    let endpoint = NewEndpoint {
        id: "we_1".into(),
        url: SecretString::from("https://app.example.com/?key=1"),
        secret: SecretString::from("whsec_one"),
        events: vec!["*".into()],
        user_prefix: None,
        description: None,
    };
    assert!(store.add_webhook_endpoint(endpoint, 100, at(0)).await.unwrap());
    let subscription = Subscription {
        connection: APPLICATION,
        url_digest: vec![1],
        state: Some(SecretString::from("state")),
        issued_secret: Some(SecretString::from("issued")),
        subscribed_at: None,
        expires_at: None,
        checked_at: at(0),
        next_check_at: at(9),
        failures: 0,
        error: None,
    };
    store.save_subscription(PARTNER, subscription).await.unwrap();
    let mut all = Vec::new();
    for number in 0..users {
        let user = format!("user{number:04}");
        let connection = connect(store, &user).await;
        all.push((user, connection));
    }
    all
}

/// Everything opens and says what it said.
async fn assert_whole(store: &Store, users: &[(String, ConnectionId)]) {
    for (user, connection) in users {
        let found = store.tokens(*connection).await.unwrap().unwrap();
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        assert_eq!(text(&found.access.token), format!("access of {user}"));
        assert_eq!(text(found.access.secret.as_ref().unwrap()), format!("secret of {user}"));
        assert_eq!(text(found.refresh.as_ref().unwrap()), format!("refresh of {user}"));
    }
    let ids = users.iter().map(|(_, id)| *id).collect();
    assert_eq!(store.load_jobs(ids).await.unwrap().len(), users.len());
    let endpoint = store.webhook_endpoints().await.unwrap().remove(0);
    assert_eq!(endpoint.url.expose_secret(), "https://app.example.com/?key=1");
    assert_eq!(endpoint.secret.expose_secret(), "whsec_one");
    let subscribed = store.subscription(PARTNER, APPLICATION).await.unwrap().unwrap();
    assert_eq!(subscribed.state.unwrap().expose_secret(), "state");
    assert_eq!(subscribed.issued_secret.unwrap().expose_secret(), "issued");
}

/// Works until there is nothing to do; returns how many batches it took.
async fn finish(store: &Store) -> usize {
    let mut batches = 0;
    while store.work_on_keys(at(100)).await.unwrap() != Rest::Idle {
        batches += 1;
        assert!(batches < 1_000, "it ends");
    }
    batches
}

/// The headers of all tokens and of the endpoint: version and id of the key.
async fn headers(store: &Store) -> Vec<Vec<u8>> {
    let read = |db: &mut Db| {
        let mut all: Vec<Option<Vec<u8>>> = connections::table
            .order(connections::id)
            .select(connections::access_token_sealed)
            .load(db)?;
        let of_endpoint = webhook_endpoints::table.select(webhook_endpoints::secret_sealed);
        all.push(Some(of_endpoint.first(db)?));
        Ok(all)
    };
    let all = store.read(read).await.unwrap();
    all.into_iter().flatten().map(|sealed| sealed[..9].to_vec()).collect()
}

/// How many keys of the installation and replaced keys of users there are.
async fn old_keys(store: &Store) -> (i64, i64) {
    let read = |db: &mut Db| {
        let values = data_keys::table.filter(data_keys::purpose.eq(vault_key::VALUES));
        let replaced = user_keys::table.filter(user_keys::previous_wrapped.is_not_null());
        Ok((values.count().get_result(db)?, replaced.count().get_result(db)?))
    };
    store.read(read).await.unwrap()
}

#[tokio::test]
async fn new_data_keys_seal_everything_again_through_a_kill_after_every_batch() {
    for database in databases() {
        let key = generate_key().unwrap();
        let mut store = open(&database.url, &[&key]).await;
        let users = fill(&store, 230).await;
        finish(&store).await;
        let (before, derived) = (headers(&store).await, store.vault().derive("address"));
        store.ask_for_new_keys().await.unwrap();
        let mut batches = 0;
        while store.work_on_keys(at(50)).await.unwrap() != Rest::Idle {
            batches += 1;
            assert!(batches < 100, "it ends");
            // What another start finds, while half of it is sealed with the new keys.
            close(store).await;
            store = open(&database.url, &[&key]).await;
            if batches % 4 == 0 {
                assert_whole(&store, &users).await;
            }
            let work = store.key_work().await.unwrap();
            assert!(work.renews && work.done <= work.total, "{work:?}");
        }
        assert!(batches > 12, "in small batches: {batches}");
        let work = store.key_work().await.unwrap();
        assert_eq!((work.done, work.total, work.finished_at), (232, 232, Some(at(50))));
        let after = headers(&store).await;
        assert!(after.iter().zip(&before).all(|(after, before)| after != before && after[0] == 2));
        assert_eq!(old_keys(&store).await, (1, 0), "no old key is left");
        assert_eq!(store.vault().derive("address").expose_secret(), derived.expose_secret());
        assert_whole(&store, &users).await;
        close(store).await;
    }
}

#[tokio::test]
async fn a_new_key_whose_commit_seemed_to_fail_is_used_all_the_same() {
    for database in databases() {
        let key = generate_key().unwrap();
        let store = open(&database.url, &[&key]).await;
        let users = fill(&store, 2).await;
        finish(&store).await;
        store.ask_for_new_keys().await.unwrap();
        let vault = Arc::clone(&store.vault);
        let lost = move |db: &mut Db| {
            for _ in 0..2 {
                drop(batch(db, &vault, at(80))?);
            }
            Ok(())
        };
        store.write(lost).await.unwrap();
        finish(&store).await;
        assert_eq!(old_keys(&store).await, (1, 0));
        assert_whole(&store, &users).await;
        close(store).await;
        assert_whole(&open(&database.url, &[&key]).await, &users).await;
    }
}

#[tokio::test]
async fn a_new_master_key_wraps_everything_and_the_old_one_opens_nothing_then() {
    for database in databases() {
        let (old, new) = (generate_key().unwrap(), generate_key().unwrap());
        let store = open(&database.url, &[&old]).await;
        let users = fill(&store, 120).await;
        finish(&store).await;
        let (before, derived) = (headers(&store).await, store.vault().derive("address"));
        close(store).await;
        let refused = try_open(&database.url, &[&new]).await.unwrap_err();
        assert!(refused.to_string().contains("vault.old_key_files"), "{refused}");

        let store = open(&database.url, &[&new, &old]).await;
        assert_whole(&store, &users).await;
        let work = store.key_work().await.unwrap();
        assert!(work.is_asked && work.master != work.stored_master, "{work:?}");
        for _ in 0..4 {
            assert_eq!(store.work_on_keys(at(60)).await.unwrap(), Rest::Short);
        }
        close(store).await;
        assert!(
            try_open(&database.url, &[&new]).await.is_err(),
            "the old one is needed until the end"
        );
        let store = open(&database.url, &[&new, &old]).await;
        finish(&store).await;
        let work = store.key_work().await.unwrap();
        let old_id = Vault::from_hex(&old).unwrap().key_id();
        assert_eq!((work.not_needed, work.master), (vec![old_id], work.stored_master));
        close(store).await;

        assert!(try_open(&database.url, &[&old]).await.is_err());
        let store = open(&database.url, &[&new]).await;
        assert_whole(&store, &users).await;
        assert_eq!(headers(&store).await, before, "the values themselves stayed");
        assert_eq!(store.vault().derive("address").expose_secret(), derived.expose_secret());
        let wrapped: Vec<(String, Vec<u8>)> = store
            .read(|db| user_keys::table.select((user_keys::user_id, user_keys::wrapped)).load(db))
            .await
            .unwrap();
        let opened = |key: &str| {
            let key = Vault::from_hex(key).unwrap();
            let opens = |(user, wrapped): &&(String, Vec<u8>)| {
                let place = AssociatedData { column: "user_keys.wrapped", row: user };
                key.unwrap_key(place, wrapped).is_ok()
            };
            wrapped.iter().filter(opens).count()
        };
        assert_eq!(opened(&old), 0);
        assert_eq!(opened(&new), users.len());
        close(store).await;
    }
}

#[tokio::test]
async fn what_a_version_without_data_keys_sealed_opens_and_is_sealed_again() {
    for database in databases() {
        let key = generate_key().unwrap();
        let store = open(&database.url, &[&key]).await;
        let users = fill(&store, 3).await;
        finish(&store).await;
        // As that version left it: sealed with the master key, and no other keys.
        let (vault, all) = (Vault::from_hex(&key).unwrap(), users.clone());
        let before = move |db: &mut Db| {
            let seal = |column, row: &str, secret: &str| {
                vault.seal(AssociatedData { column, row }, secret).unwrap()
            };
            diesel::delete(user_keys::table).execute(db)?;
            diesel::delete(data_keys::table).execute(db)?;
            for (user, id) in all {
                let row = id.to_string();
                let sealed =
                    |column, what: &str| Some(seal(column, &row, &format!("{what} of {user}")));
                diesel::update(connections::table.find(id))
                    .set((
                        connections::access_token_sealed
                            .eq(sealed("connections.access_token", "access")),
                        connections::token_secret_sealed
                            .eq(sealed("connections.token_secret", "secret")),
                        connections::refresh_token_sealed
                            .eq(sealed("connections.refresh_token", "refresh")),
                    ))
                    .execute(db)?;
            }
            diesel::update(webhook_endpoints::table)
                .set((
                    webhook_endpoints::url_sealed.eq(seal(
                        webhooks::URL,
                        "we_1",
                        "https://app.example.com/?key=1",
                    )),
                    webhook_endpoints::secret_sealed.eq(seal(
                        webhooks::SECRET,
                        "we_1",
                        "whsec_one",
                    )),
                ))
                .execute(db)?;
            let row = format!("{PARTNER}/{APPLICATION}");
            diesel::update(subscriptions::table)
                .set((
                    subscriptions::state_sealed.eq(Some(seal(subscribed::STATE, &row, "state"))),
                    subscriptions::issued_secret_sealed.eq(Some(seal(
                        subscribed::ISSUED,
                        &row,
                        "issued",
                    ))),
                ))
                .execute(db)?;
            diesel::update(key_work::table).set(key_work::asked.eq(true)).execute(db)?;
            Ok(())
        };
        store.write(before).await.unwrap();
        close(store).await;
        let store = open(&database.url, &[&key]).await;
        let derived = store.vault().derive("address");
        let as_before = Vault::from_hex(&key).unwrap().derive("address");
        assert_eq!(derived.expose_secret(), as_before.expose_secret(), "addresses stay");
        assert!(headers(&store).await.iter().all(|header| header[0] == 1));
        assert_whole(&store, &users).await;
        finish(&store).await;
        assert!(headers(&store).await.iter().all(|header| header[0] == 2));
        assert_whole(&store, &users).await;
        close(store).await;
    }
}

#[tokio::test]
async fn tokens_that_come_while_keys_are_replaced_are_sealed_with_the_new_one() {
    for database in databases() {
        let key = generate_key().unwrap();
        let store = open(&database.url, &[&key]).await;
        let users = fill(&store, 5).await;
        finish(&store).await;
        store.ask_for_new_keys().await.unwrap();
        loop {
            for (user, id) in &users {
                store.save_tokens(*id, tokens(user), at(70)).await.unwrap();
            }
            connect(&store, "late").await;
            if store.work_on_keys(at(70)).await.unwrap() == Rest::Idle {
                break;
            }
        }
        assert_whole(&store, &users).await;
        assert_eq!(old_keys(&store).await, (1, 0));
        close(store).await;
    }
}
