//! A grant that waits to be confirmed is sealed with its user's key.

use super::*;
use crate::store::HeldGrant;
use crate::store::sql::schema::unconfirmed_grants;

/// The access token of the grant that a user would confirm now.
async fn access(store: &Store, token: &SecretString, user: &str) -> Result<String, StoreError> {
    let held = store.held_grant(token, UserId::stored(user), PARTNER.to_owned(), at(60)).await?;
    Ok(held.unwrap().tokens.access.token.expose_secret().to_owned())
}

#[tokio::test]
async fn a_grant_that_waits_is_sealed_again_and_gone_with_the_key_of_its_user() {
    for database in databases() {
        let key = generate_key().unwrap();
        let store = open(&database.url, &[&key]).await;
        let users = fill(&store, 2).await;
        finish(&store).await;
        let (user, connection) = &users[0];
        let token = SecretString::from("token");
        let grant = HeldGrant {
            connection: *connection,
            external_user_id: "account".into(),
            tokens: tokens(user),
            choices: Vec::new(),
        };
        store.hold_grant(&token, grant.clone(), at(600)).await.unwrap();
        store.ask_for_new_keys().await.unwrap();
        finish(&store).await;
        assert_eq!(old_keys(&store).await, (1, 0), "no old key is left");
        assert_eq!(access(&store, &token, user).await.unwrap(), format!("access of {user}"));

        let digest = |db: &mut Db| {
            unconfirmed_grants::table.select(unconfirmed_grants::token_digest).first(db)
        };
        let digest: Vec<u8> = store.read(digest).await.unwrap();
        let renewed = HeldGrant { tokens: tokens("another"), ..grant };
        store.replace_held_grant(digest, renewed).await.unwrap();
        assert_eq!(access(&store, &token, user).await.unwrap(), "access of another");

        // As a copy is from before the user was erased, with the newest keys.
        let forget = |db: &mut Db| diesel::delete(user_keys::table).execute(db);
        store.write(move |db| Ok(forget(db)?)).await.unwrap();
        access(&store, &token, user).await.unwrap_err();
        let expired = store.expired_grants(at(700), 20).await.unwrap().remove(0);
        assert!(expired.grant.is_err() && expired.connection == *connection);
        close(store).await;
    }
}
