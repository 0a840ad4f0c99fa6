//! A store that hangs is found out, one whose database only fails is not.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::testing::databases;
use crate::settings::Database;
use crate::store::Store;
use crate::vault::{Vault, generate_key};

const SOON: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_writer_or_readers_that_are_stuck_are_named_until_they_go_on() {
    for database in databases() {
        let settings = Database { url: database.url.clone(), readers: 1, ..Default::default() };
        let vault = Vault::from_hex(&generate_key().unwrap()).unwrap();
        let open = move || Store::open(&settings, Arc::new(vault)).unwrap();
        let store = tokio::task::spawn_blocking(open).await.unwrap();
        assert_eq!(store.hanging(SOON).await, None);

        let (release, held) = channel::<()>();
        let stuck = store.clone();
        let stuck =
            tokio::spawn(async move { stuck.write(move |_| Ok(held.recv().is_err())).await });
        tokio::task::yield_now().await;
        let named = "writing to the database";
        assert_eq!(store.hanging(SOON).await, Some(named));
        drop(release);
        assert!(stuck.await.unwrap().unwrap());

        let (release, held) = channel::<()>();
        let stuck = store.clone();
        let stuck =
            tokio::spawn(async move { stuck.read(move |_| Ok(held.recv().is_err())).await });
        tokio::task::yield_now().await;
        assert_eq!(store.hanging(SOON).await, Some("reading from the database"));
        drop(release);
        assert!(stuck.await.unwrap().unwrap());
        assert_eq!(store.hanging(Duration::from_secs(10)).await, None);
        tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
    }
}
