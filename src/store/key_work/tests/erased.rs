//! What is left of a user whose key was deleted.

use diesel::connection::SimpleConnection as _;
use diesel::sqlite::SqliteConnection;

use super::*;
use crate::vault::VaultError;

#[tokio::test]
async fn the_values_of_an_erased_user_do_not_open_in_an_old_copy() {
    let database = databases().remove(0);
    let key = generate_key().unwrap();
    let store = open(&database.url, &[&key]).await;
    let users = fill(&store, 2).await;
    let [(_, one), (_, other)] = [&users[0], &users[1]];
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let file = database.url.strip_prefix("sqlite:").unwrap().to_owned();
    let statement = format!("VACUUM INTO '{}'", copy.display());
    SqliteConnection::establish(&file).unwrap().batch_execute(&statement).unwrap();
    store.erase_user(&UserId::stored("user0000")).await.unwrap();
    close(store).await;

    // The newest keys come with it; a backup keeps no older ones.
    let statement = format!(
        "ATTACH '{file}' AS newest; DELETE FROM user_keys;
         INSERT INTO user_keys SELECT * FROM newest.user_keys; DETACH newest"
    );
    SqliteConnection::establish(copy.to_str().unwrap()).unwrap().batch_execute(&statement).unwrap();
    let store = open(&format!("sqlite:{}", copy.display()), &[&key]).await;
    let refused = store.tokens(*one).await.unwrap_err();
    assert!(matches!(refused, StoreError::Vault(VaultError::NoUserKey { .. })), "{refused}");
    let found = store.tokens(*other).await.unwrap().unwrap();
    assert_eq!(found.access.token.expose_secret(), "access of user0001");
    let refused = store.save_tokens(*one, tokens("user0000"), at(1)).await;
    assert!(refused.is_err(), "no new key beside values that another sealed");
    store.ask_for_new_keys().await.unwrap();
    finish(&store).await;
    assert_eq!(store.load_jobs(vec![*one, *other]).await.unwrap().len(), 1);

    let erased = store.erase_users_without_key().await.unwrap();
    let named: Vec<&str> = erased.iter().map(|(user, _)| user.as_str()).collect();
    assert_eq!(named, ["user0000"]);
    assert_eq!(erased[0].1.connections, 1);
    assert!(store.users_without_key().await.unwrap().is_empty());
    connect(&store, "user0000").await;
    close(store).await;
}
