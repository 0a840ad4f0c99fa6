//! Links to the connect page of one user: made for the host app, opened by one browser.
//!
//! Whoever has the link may open it, so it is kept only as a digest, lives for minutes, and belongs to the
//! first browser that opens it: that one gets a secret of its own, and the link alone opens nothing more.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::model::UserId;
use crate::store::sql::schema::connect_links;
use crate::store::sql::time::{from_micros, to_micros};
use crate::store::{Store, StoreError};
use crate::vault::{AssociatedData, secret_digest};

/// How many rows are deleted with one statement.
const BATCH: usize = 500;

/// A link to make.
#[derive(Clone, Debug)]
pub struct NewConnectLink {
    /// Whose connections its page shows.
    pub user: UserId,
    /// The language of its page, if it is not to be the browser's.
    pub language: Option<String>,
    /// Where its page leads back to.
    pub return_url: Option<String>,
    /// The partners its page shows, if not all.
    pub partners: Option<Vec<String>>,
    /// Whether the host app confirms each connect.
    pub confirm: bool,
    /// The user's account, as the host app names it to the user.
    pub account: Option<String>,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
}

/// A link.
#[derive(Clone, Debug)]
pub struct ConnectLink {
    /// Names it in the addresses of its page; opens nothing.
    pub id: String,
    /// Whose connections its page shows.
    pub user: UserId,
    /// The language of its page, if it is not to be the browser's.
    pub language: Option<String>,
    /// Where its page leads back to.
    pub return_url: Option<String>,
    /// The partners its page shows, if not all.
    pub partners: Option<Vec<String>>,
    /// Whether the host app confirms each connect.
    pub confirm: bool,
    /// The user's account, as the host app names it to the user.
    pub account: Option<String>,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// The digest of the secret of the browser that opened it.
    browser_digest: Option<Vec<u8>>,
}

impl ConnectLink {
    /// Whether a browser has opened it.
    pub fn is_opened(&self) -> bool {
        self.browser_digest.is_some()
    }

    /// Whether that was the browser with this secret.
    pub fn belongs_to(&self, secret: &SecretString) -> bool {
        let given = secret_digest(secret.expose_secret());
        self.browser_digest.as_ref().is_some_and(|digest| bool::from(digest.ct_eq(&given)))
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = connect_links)]
struct Row {
    id: String,
    user_id: UserId,
    language: Option<String>,
    return_url: Option<String>,
    partners: Option<String>,
    expires_at: i64,
    browser_digest: Option<Vec<u8>>,
    confirm: bool,
    account: Option<String>,
}

impl From<Row> for ConnectLink {
    fn from(row: Row) -> Self {
        // A list that cannot be read shows no partner rather than all.
        let partners = row.partners.map(|text| serde_json::from_str(&text).unwrap_or_default());
        Self {
            id: row.id,
            user: row.user_id,
            language: row.language,
            return_url: row.return_url,
            partners,
            expires_at: from_micros(row.expires_at),
            browser_digest: row.browser_digest,
            confirm: row.confirm,
            account: row.account,
        }
    }
}

/// A secret with 122 random bits from the system.
fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// What the button of one partner is sealed for.
fn place(link: &str) -> AssociatedData<'_> {
    AssociatedData { column: "connect_links.start", row: link }
}

impl Store {
    /// Makes a link; returns the secret in its address, which is stored only as a digest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_connect_link(
        &self,
        link: NewConnectLink,
    ) -> Result<SecretString, StoreError> {
        let token = random();
        let digest = secret_digest(&token);
        let id: String = random().chars().take(16).collect();
        let partners = link.partners.as_ref().map(serde_json::to_string).transpose();
        let partners = partners.map_err(|_| StoreError::Corrupt("partners"))?;
        self.write(move |db| {
            diesel::insert_into(connect_links::table)
                .values((
                    connect_links::id.eq(id),
                    connect_links::token_digest.eq(digest),
                    connect_links::user_id.eq(link.user),
                    connect_links::language.eq(link.language),
                    connect_links::return_url.eq(link.return_url),
                    connect_links::partners.eq(partners),
                    connect_links::confirm.eq(link.confirm),
                    connect_links::account.eq(link.account),
                    connect_links::expires_at.eq(to_micros(link.expires_at)),
                ))
                .execute(db)?;
            Ok(())
        })
        .await?;
        Ok(token.into())
    }

    /// The link with this secret in its address.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connect_link_of_token(
        &self,
        token: &SecretString,
    ) -> Result<Option<ConnectLink>, StoreError> {
        let digest = secret_digest(token.expose_secret());
        let found: Option<Row> = self
            .read(move |db| {
                connect_links::table
                    .filter(connect_links::token_digest.eq(digest))
                    .select(Row::as_select())
                    .first(db)
                    .optional()
            })
            .await?;
        Ok(found.map(ConnectLink::from))
    }

    /// The link of this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connect_link(&self, id: String) -> Result<Option<ConnectLink>, StoreError> {
        let found: Option<Row> = self
            .read(move |db| {
                connect_links::table.find(id).select(Row::as_select()).first(db).optional()
            })
            .await?;
        Ok(found.map(ConnectLink::from))
    }

    /// Gives a link to the browser that opens it, if it is the first: returns the secret for its cookie.
    /// Of two at once only one gets it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_connect_link(
        &self,
        link: &ConnectLink,
    ) -> Result<Option<SecretString>, StoreError> {
        let (id, secret) = (link.id.clone(), random());
        let digest = secret_digest(&secret);
        let opened = self.write(move |db| {
            let unopened =
                connect_links::table.find(id).filter(connect_links::browser_digest.is_null());
            Ok(diesel::update(unopened)
                .set(connect_links::browser_digest.eq(Some(digest)))
                .execute(db)?)
        });
        Ok((opened.await? == 1).then(|| secret.into()))
    }

    /// What the page of a link puts into the address that begins a connect with a partner: only this
    /// daemon can make it, and only for that link does it open.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn connect_start(&self, link: &str, partner: &str) -> Result<String, StoreError> {
        let sealed = self.vault.seal(place(link), partner)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Whether the page of a link has made this for that partner.
    pub fn is_connect_start(&self, link: &str, partner: &str, text: &str) -> bool {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let opened = self.vault.open(place(link), &sealed);
        opened.is_ok_and(|opened| opened.expose_secret() == partner)
    }

    /// Deletes links that expired before then, at most `limit`. Returns whether there may be more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_old_connect_links(
        &self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<bool, StoreError> {
        let before = to_micros(before);
        let old: Vec<String> = self
            .read(move |db| {
                connect_links::table
                    .filter(connect_links::expires_at.lt(before))
                    .order(connect_links::expires_at)
                    .limit(limit)
                    .select(connect_links::id)
                    .load(db)
            })
            .await?;
        let more = i64::try_from(old.len()).unwrap_or(i64::MAX) >= limit;
        if !old.is_empty() {
            self.write(move |db| {
                for ids in old.chunks(BATCH) {
                    let some = connect_links::table.filter(connect_links::id.eq_any(ids));
                    diesel::delete(some).execute(db)?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(more)
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

    fn minute(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minute)
    }

    async fn open(url: &str) -> Store {
        let vault = Arc::new(Vault::from_hex(&generate_key().unwrap()).unwrap());
        let database = settings::Database { url: url.to_owned(), readers: 2, ..Default::default() };
        let open = move || Store::open(&database, vault).unwrap();
        tokio::task::spawn_blocking(open).await.unwrap()
    }

    #[tokio::test]
    async fn a_link_is_one_browsers_and_is_swept_when_it_is_old() {
        for database in databases() {
            let store = open(&database.url).await;
            let make = async |expires_at| {
                let new = NewConnectLink {
                    user: UserId::stored("ann"),
                    language: Some("sv".into()),
                    return_url: None,
                    confirm: false,
                    account: None,
                    partners: Some(vec!["withings".into()]),
                    expires_at,
                };
                store.make_connect_link(new).await.unwrap()
            };
            let (token, later) = (make(minute(30)).await, make(minute(60)).await);
            let link = store.connect_link_of_token(&token).await.unwrap().unwrap();
            assert_eq!((link.user.as_str(), link.expires_at), ("ann", minute(30)));
            assert_eq!(link.partners.as_deref(), Some(&["withings".to_owned()][..]));
            assert!(!link.is_opened() && !link.belongs_to(&token));
            let secret = store.open_connect_link(&link).await.unwrap().unwrap();
            assert!(store.open_connect_link(&link).await.unwrap().is_none(), "only once");
            let link = store.connect_link(link.id).await.unwrap().unwrap();
            assert!(link.is_opened() && link.belongs_to(&secret) && !link.belongs_to(&token));
            let other = store.connect_link_of_token(&later).await.unwrap().unwrap();
            assert!(!other.belongs_to(&secret));

            let start = store.connect_start(&link.id, "withings").unwrap();
            assert!(store.is_connect_start(&link.id, "withings", &start));
            assert!(!store.is_connect_start(&link.id, "strava", &start));
            assert!(!store.is_connect_start(&other.id, "withings", &start));
            assert!(!store.is_connect_start(&link.id, "withings", ""));

            assert!(!store.delete_old_connect_links(minute(45), 10).await.unwrap());
            assert!(store.connect_link(link.id).await.unwrap().is_none());
            assert!(store.connect_link(other.id).await.unwrap().is_some());
            tokio::task::spawn_blocking(move || drop(store)).await.unwrap();
        }
    }
}
