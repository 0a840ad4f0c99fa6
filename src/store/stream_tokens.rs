//! Tokens for the stream of one user: when one expires, sealed for that user with the vault's key.
//! They are not stored: only this daemon can make them, and only for the user they name do they open.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use crate::model::UserId;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};
use crate::vault::AssociatedData;

/// How each begins, so that one that was left lying about is recognised.
const PREFIX: &str = "sw_stream_";

/// What a sealed expiry belongs to: this feed's stream of that user.
fn row(feed: &str, user: &UserId) -> String {
    format!("{feed} {}", user.as_str())
}

/// Whether a text looks like such a token.
pub fn is_stream_token(text: &str) -> bool {
    text.starts_with(PREFIX)
}

impl Store {
    /// A token for the stream of a user, valid until then.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn stream_token(
        &self,
        user: &UserId,
        expires_at: DateTime<Utc>,
    ) -> Result<SecretString, StoreError> {
        let row = row(&self.feed, user);
        let place = AssociatedData { column: "stream_token", row: &row };
        let sealed = self.vault.seal(place, &to_micros(expires_at).to_string())?;
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(sealed)).into())
    }

    /// When a token expires; `None` if it is none for the stream of that user.
    pub fn stream_token_expiry(&self, user: &UserId, token: &str) -> Option<DateTime<Utc>> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let row = row(&self.feed, user);
        let place = AssociatedData { column: "stream_token", row: &row };
        let expires_at = self.vault.open(place, &sealed).ok()?;
        expires_at.expose_secret().parse().ok().map(from_micros)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::*;
    use crate::settings;
    use crate::store::testing::databases;
    use crate::vault::{Vault, generate_key};

    #[tokio::test]
    async fn a_token_is_one_users_of_one_database_and_no_letter_of_it_can_change() {
        let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
        let (one, other) = (databases().remove(0), databases().remove(0));
        let open = move || {
            let database = |url: &str| settings::Database { url: url.into(), ..Default::default() };
            let other = Store::open(&database(&other.url), Arc::clone(&vault)).unwrap();
            (Store::open(&database(&one.url), vault).unwrap(), other)
        };
        let (store, other) = tokio::task::spawn_blocking(open).await.unwrap();
        let (ann, ben) = (UserId::stored("ann"), UserId::stored("ben"));
        let at = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let token = store.stream_token(&ann, at).unwrap();
        let token = token.expose_secret();
        assert!(is_stream_token(token) && !is_stream_token("sw_app_1_2"));
        assert_eq!(store.stream_token_expiry(&ann, token), Some(at));
        assert_eq!(store.stream_token_expiry(&ben, token), None);
        assert_eq!(other.stream_token_expiry(&ann, token), None);
        for place in 0..token.len() {
            let mut changed = token.as_bytes().to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(store.stream_token_expiry(&ann, &changed), None, "{place}");
        }
        tokio::task::spawn_blocking(move || drop((store, other))).await.unwrap();
    }
}
