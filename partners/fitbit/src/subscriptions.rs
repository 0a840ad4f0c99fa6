//! Notifications ("Using Subscriptions"): the address is entered where the application is
//! registered, and each user's collections are subscribed to by calls.

use std::time::Duration;

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::{self, Value};
use partner_sdk::{
    Callback, CallbackAnswer, Hint, Method, NotificationRules, Notifier, PartnerError, Received,
    Refusal, Session, Signature, Subscribed, Subscribing, SubscriptionRequest, Topic, async_trait,
    list_or_nothing,
};
use serde::Deserialize;

use crate::Fitbit;

static RULES: NotificationRules = NotificationRules {
    subscribing: Subscribing::PerConnection,
    // "Using Subscriptions": 204 within five seconds, or the address is disabled in the end.
    answer_within: Duration::from_secs(5),
    taken: 204,
    // An array of updates with five short fields each.
    longest_body: 1024 * 1024,
    // Same page: the collections. That of the user's consent has no data.
    topics: &[
        Topic { name: "activities", feeds: &["activities"] },
        Topic { name: "body", feeds: &["weight", "fat"] },
        Topic { name: "foods", feeds: &["foods"] },
        Topic { name: CONSENT, feeds: &[] },
    ],
};

const CONSENT: &str = "userRevokedAccess";

#[async_trait]
impl Notifier for Fitbit {
    fn rules(&self) -> &'static NotificationRules {
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        match *callback.method {
            Method::GET => verification(callback).into(),
            _ => updates(callback).into(),
        }
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        let found = list(session).await?;
        for topic in RULES.topics {
            // One with an id of an earlier connect serves as well: notifications name the user.
            if found.iter().any(|it| it.collection_type == topic.name) {
                continue;
            }
            let path = path(topic.name, &id(topic, request)?);
            match create(session, &path).await {
                // What the user did not tick sends nothing.
                Ok(()) | Err(PartnerError::MissingScope(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Subscribed::default())
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        _: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        for Subscription { collection_type, subscription_id } in list(session).await? {
            let is_ours = RULES.feeds_of(&collection_type).is_some();
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if is_ours && subscription_id.bytes().all(is_plain) {
                session.delete(&path(&collection_type, &subscription_id)).change().await?;
            }
        }
        Ok(())
    }
}

/// "Using Subscriptions", "Verify a Subscriber": the address must answer the right code with 204 and
/// a wrong one with 404. The code is shown where the application is registered.
fn verification(callback: &Callback<'_>) -> Result<Received, Refusal> {
    let sent = callback.parameter("verify").unwrap_or_default();
    if callback.is_secret(sent) {
        return Ok(Received::Handshake(CallbackAnswer::empty(204)));
    }
    Err(Refusal::new(404, "its verification code is not the one in the settings"))
}

/// Same page, "Notifications".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    collection_type: String,
    #[serde(deserialize_with = "partner_sdk::id_text")]
    owner_id: String,
}

fn updates(callback: &Callback<'_>) -> Result<Vec<Hint>, Refusal> {
    // Same page: what is not signed well is answered with 404.
    if callback.must_be_post().is_err() {
        return Err(Refusal::new(404, "a notification is a POST"));
    }
    let sent = callback.header("x-fitbit-signature").unwrap_or_default();
    // "Validate the X-Fitbit-Signature": HMAC-SHA1 in base64 of the body, by the client secret and
    // an ampersand.
    let key = format!("{}&", callback.client_secret.expose_secret());
    if !Signature::sha1(&key, &[callback.body]).is_base64(sent) {
        return Err(Refusal::new(404, "its signature is not by our client secret"));
    }
    let updates: Vec<Value> = callback.json()?;
    let count = updates.len();
    let updates: Vec<Update> =
        updates.into_iter().filter_map(|update| serde_json::from_value(update).ok()).collect();
    if updates.is_empty() && count > 0 {
        return Err(Refusal::MALFORMED);
    }
    let mut hints: Vec<Hint> = Vec::new();
    for Update { collection_type, owner_id } in updates {
        let hint = if collection_type == CONSENT {
            Hint::access(owner_id)
        } else if let Some(feeds) = RULES.feeds_of(&collection_type) {
            Hint::changed(owner_id, feeds)
        } else {
            continue;
        };
        // One update for each day that changed.
        if hints.last() != Some(&hint) {
            hints.push(hint);
        }
    }
    Ok(hints)
}

/// "Get Subscription List".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    #[serde(deserialize_with = "list_or_nothing")]
    api_subscriptions: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    collection_type: String,
    #[serde(deserialize_with = "partner_sdk::id_text")]
    subscription_id: String,
}

async fn list(session: &Session) -> Result<Vec<Subscription>, PartnerError> {
    let listing: Listing = session.get("/1/user/-/apiSubscriptions.json").fetch().await?;
    let each = listing.api_subscriptions.into_iter();
    Ok(each.filter_map(|it| serde_json::from_value(it).ok()).collect())
}

/// "Create Subscription": 201, or 200 where it exists. 409 says that the id or the user's collection is
/// taken, although it is not in our list: another subscriber of the application has it.
async fn create(session: &Session, path: &str) -> Result<(), PartnerError> {
    let made = session.post(path).send_unless(|reply| reply.status == 409).await?;
    let why = "another subscriber of the application has this user's notifications; delete it at dev.fitbit.com";
    made.map(drop).ok_or_else(|| PartnerError::Rejected(why.into()))
}

/// "Create Subscription": the id is unique among all users of the application and all collections,
/// and has at most 50 characters.
fn id(topic: &Topic, request: &SubscriptionRequest) -> Result<String, PartnerError> {
    let connection = request.connection.as_deref();
    let connection = connection.filter(|id| (1..=39).contains(&id.len()));
    let missing = PartnerError::Malformed("a subscription needs a short id".into());
    let initial: String = topic.name.chars().take(1).collect();
    // Two installations of one application number their connections alike.
    let address = Signature::sha256("", &[request.url.as_bytes()]).hex();
    let address: String = address.chars().take(8).collect();
    Ok(format!("{}-{initial}-{address}", connection.ok_or(missing)?))
}

fn path(collection: &str, id: &str) -> String {
    format!("/1/user/-/{collection}/apiSubscriptions/{id}.json")
}
