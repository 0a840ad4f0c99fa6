//! Notifications ("Webhook Events API", a page of the same site): one subscription for the whole
//! application.

use std::time::Duration;

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Callback, CallbackAnswer, Hint, Method, NotificationRules, Notifier, PartnerError, Received,
    Refusal, Session, Signature, Subscribed, Subscribing, SubscriptionRequest, Topic, async_trait,
};
use serde::Deserialize;

use crate::Strava;

static RULES: NotificationRules = NotificationRules {
    subscribing: Subscribing::PerApplication,
    // "Webhook Events API": two seconds, with status 200; up to three attempts.
    answer_within: Duration::from_secs(2),
    taken: 200,
    // Short fields and the title of an activity.
    longest_body: 64 * 1024,
    topics: &[Topic { name: "activity", feeds: &["activities"] }],
};

/// Seen in the field: how old a signature may be.
const TOLERANCE: Duration = Duration::from_secs(300);

#[async_trait]
impl Notifier for Strava {
    fn rules(&self) -> &'static NotificationRules {
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        match *callback.method {
            Method::GET => challenge(callback).into(),
            _ => event(callback).into(),
        }
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        if request.url.len() > LONGEST_URL {
            let why = "our address for its notifications has more than 255 characters: shorten \
                       public_url";
            return Err(PartnerError::Rejected(why.into()));
        }
        for subscription in list(session).await? {
            if subscription.callback_url == request.url {
                return Ok(Subscribed {
                    state: Some(subscription.id.to_string()),
                    ..Subscribed::default()
                });
            }
            if !request.is_earlier_address(&subscription.callback_url) {
                let why = "the one subscription of the application belongs to another address; \
                           end it there, or register an application of your own at Strava";
                return Err(PartnerError::Rejected(why.into()));
            }
            end(session, &subscription).await?;
        }
        let credentials = session.credentials();
        let form = [
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", credentials.client_secret.expose_secret()),
            ("callback_url", &request.url),
            ("verify_token", request.secret.expose_secret()),
        ];
        // Same page: 400 if our address does not answer the challenge, or has a subscription.
        let created = session.post(PATH).anonymous().form(&form).write().await;
        let created: Created = created.map_err(refused)?.json()?;
        Ok(Subscribed { state: Some(created.id.to_string()), ..Subscribed::default() })
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        for subscription in list(session).await? {
            let url = &subscription.callback_url;
            if *url == request.url || request.is_earlier_address(url) {
                end(session, &subscription).await?;
            }
        }
        Ok(())
    }
}

/// "Webhook Events API": the first call to a new address, to be answered with the challenge.
fn challenge(callback: &Callback<'_>) -> Result<Received, Refusal> {
    let token = callback.parameter("hub.verify_token").unwrap_or_default();
    if callback.parameter("hub.mode") != Some("subscribe") || !callback.is_secret(token) {
        return Err(Refusal::new(403, "its verify_token is not ours"));
    }
    let challenge = callback.parameter("hub.challenge");
    let challenge = challenge.ok_or(Refusal::new(400, "it has no hub.challenge"))?;
    let body = json!({ "hub.challenge": challenge });
    Ok(Received::Handshake(CallbackAnswer::json(200, &body)))
}

/// Same page, "Event Data".
#[derive(Deserialize)]
struct Event {
    object_type: String,
    aspect_type: String,
    #[serde(deserialize_with = "partner_sdk::id_text")]
    owner_id: String,
    #[serde(default)]
    updates: Value,
}

fn event(callback: &Callback<'_>) -> Result<Vec<Hint>, Refusal> {
    callback.must_be_post()?;
    check_signature(callback)?;
    let event: Event = callback.json()?;
    let authorized = event.updates.get("authorized");
    Ok(match (event.object_type.as_str(), event.aspect_type.as_str()) {
        ("activity", "create" | "update" | "delete") => {
            vec![Hint::changed(event.owner_id, &["activities"])]
        }
        // Same page: the value is the text "false", and it cannot be true.
        ("athlete", "update") if authorized.is_some() => vec![Hint::access(event.owner_id)],
        _ => Vec::new(),
    })
}

/// Seen in the field, and on no page yet: `X-Strava-Signature: t=<Unix seconds>,v1=<HMAC-SHA256 of
/// "{t}.{body}" in hexadecimal>`. Not every notification has it; those without are recognized by the
/// secret in our address.
fn check_signature(callback: &Callback<'_>) -> Result<(), Refusal> {
    const NAME: &str = "x-strava-signature";
    if !callback.headers.contains_key(NAME) {
        return Ok(());
    }
    let parts: Vec<(&str, &str)> = callback
        .header(NAME)
        .unwrap_or_default()
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .collect();
    let time = parts.iter().find(|(name, _)| *name == "t").map_or("", |(_, time)| time);
    let key = callback.client_secret.expose_secret();
    let signature = Signature::sha256(key, &[time.as_bytes(), b".", callback.body]);
    if !parts.iter().any(|(name, sent)| *name == "v1" && signature.is_hex(sent)) {
        return Err(Refusal::new(401, "its signature is not by our client secret"));
    }
    let is_recent = time.parse().is_ok_and(|time| callback.is_recent(time, TOLERANCE));
    if is_recent { Ok(()) } else { Err(Refusal::new(401, "its signature is not recent")) }
}

/// "Webhook Events API".
const PATH: &str = "/push_subscriptions";
const LONGEST_URL: usize = 255;

#[derive(Deserialize)]
struct Subscription {
    id: u64,
    callback_url: String,
}

fn refused(error: PartnerError) -> PartnerError {
    match error {
        PartnerError::Rejected(_) => PartnerError::Rejected(
            "Strava did not get its answer from our address, or knows of another subscription; \
             public_url must be reachable from the internet"
                .into(),
        ),
        error => error,
    }
}

#[derive(Deserialize)]
struct Created {
    id: u64,
}

/// Same page: these calls take the client's id and secret only in the query.
fn client(session: &Session) -> [(&'static str, &str); 2] {
    let credentials = session.credentials();
    let secret = credentials.client_secret.expose_secret();
    [("client_id", &credentials.client_id), ("client_secret", secret)]
}

async fn list(session: &Session) -> Result<Vec<Subscription>, PartnerError> {
    session.get(PATH).anonymous().query(&client(session)).fetch().await
}

async fn end(session: &Session, subscription: &Subscription) -> Result<(), PartnerError> {
    let path = format!("{PATH}/{}", subscription.id);
    session.delete(&path).anonymous().query(&client(session)).change().await.map(drop)
}
