//! Notifiers in the styles of services that may come: each is what its author would write.

use std::time::Duration;

use partner_sdk::chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    About, Callback, CallbackAnswer, Hint, Method, NotificationRules, Notifier, PartnerError,
    Received, Refusal, Session, Signature, Subscribed, Subscribing, SubscriptionRequest, Topic,
    async_trait,
};
use serde::Deserialize;

const TOPICS: &[Topic] = &[Topic { name: "weight", feeds: &["readings"] }];
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const NOT_SIGNED: Refusal = Refusal::new(401, "its signature is not by our client secret");

const fn rules(subscribing: Subscribing, taken: u16) -> NotificationRules {
    let answer_within = Duration::from_secs(10);
    NotificationRules { subscribing, answer_within, taken, longest_body: 65_536, topics: TOPICS }
}

#[derive(Deserialize)]
struct Event {
    #[serde(deserialize_with = "partner_sdk::id_text")]
    user_id: String,
}

/// As Oura: a challenge, an HMAC over timestamp and body in capital hexadecimal digits, and
/// subscriptions that end.
pub struct Challenging;

#[derive(Deserialize)]
struct Listed {
    callback_url: String,
    expiration_time: DateTime<Utc>,
}

#[async_trait]
impl Notifier for Challenging {
    fn rules(&self) -> &'static NotificationRules {
        static RULES: NotificationRules = rules(Subscribing::PerApplication, 200);
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        let read = |callback: &Callback<'_>| {
            if callback.method == Method::GET {
                let token = callback.parameter("verification_token").unwrap_or_default();
                if !callback.is_secret(token) {
                    return Err(Refusal::new(401, "its verification_token is not ours"));
                }
                let answer = json!({ "challenge": callback.parameter("challenge") });
                return Ok(Received::Handshake(CallbackAnswer::json(200, &answer)));
            }
            callback.must_be_post()?;
            let time = callback.header("x-oura-timestamp").ok_or(NOT_SIGNED)?;
            let sent = callback.header("x-oura-signature").ok_or(NOT_SIGNED)?;
            let key = callback.client_secret.expose_secret();
            let is_signed = Signature::sha256(key, &[time.as_bytes(), callback.body]).is_hex(sent);
            let is_recent = time.parse().is_ok_and(|time| callback.is_recent(time, FIVE_MINUTES));
            if !is_signed || !is_recent {
                return Err(NOT_SIGNED);
            }
            let event: Event = callback.json()?;
            Ok(Received::Hints(vec![Hint::changed(event.user_id, &["readings"])]))
        };
        read(callback).into()
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        let listed: Vec<Listed> = session.get("/webhook/subscription").fetch().await?;
        let lasts = |it: &&Listed| it.expiration_time - request.now > TimeDelta::days(2);
        let ours = listed.iter().filter(|it| it.callback_url == request.url).find(lasts);
        let expires_at = match ours {
            Some(ours) => ours.expiration_time,
            None => {
                let body = json!({
                    "callback_url": request.url,
                    "verification_token": request.secret.expose_secret(),
                });
                let reply = session.post("/webhook/subscription").json(&body).write().await?;
                reply.json::<Listed>()?.expiration_time
            }
        };
        Ok(Subscribed { expires_at: Some(expires_at), ..Subscribed::default() })
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        _: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        session.delete("/webhook/subscription").change().await.map(drop)
    }
}

/// As Polar: a first call that is not signed yet, and a secret that the partner tells only once.
pub struct Issuing;

#[async_trait]
impl Notifier for Issuing {
    fn rules(&self) -> &'static NotificationRules {
        static RULES: NotificationRules = rules(Subscribing::PerApplication, 200);
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        let read = |callback: &Callback<'_>| {
            callback.must_be_post()?;
            let event: Value = callback.json()?;
            if event["event"] == "PING" {
                return Ok(Received::Handshake(CallbackAnswer::empty(200)));
            }
            let sent = callback.header("polar-webhook-signature").ok_or(NOT_SIGNED)?;
            let key = callback.issued_secret.ok_or(NOT_SIGNED)?.expose_secret();
            if !Signature::sha256(key, &[callback.body]).is_hex(sent) {
                return Err(NOT_SIGNED);
            }
            let event: Event = callback.json()?;
            Ok(Received::Hints(vec![Hint::changed(event.user_id, &["readings"])]))
        };
        read(callback).into()
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        let found: Value = session.get("/webhooks").fetch().await?;
        if found["data"]["url"] == request.url.as_str() {
            return Ok(Subscribed { state: request.state.clone(), ..Subscribed::default() });
        }
        let reply = session.post("/webhooks").json(&json!({ "url": request.url })).write().await?;
        let made: Value = reply.json()?;
        let text = |name: &str| made["data"][name].as_str().map(ToOwned::to_owned);
        let secret = text("signature_secret_key").map(SecretString::from);
        let missing = || PartnerError::Malformed("the answer has no secret".into());
        let issued_secret = Some(secret.ok_or_else(missing)?);
        Ok(Subscribed { state: text("id"), issued_secret, expires_at: None })
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        let Some(id) = &request.state else { return Ok(()) };
        session.delete(&format!("/webhooks/{id}")).change().await.map(drop)
    }
}

/// As WHOOP: an HMAC over timestamp and body in base64, and a timestamp in milliseconds.
pub struct InMilliseconds;

impl Notifier for InMilliseconds {
    fn rules(&self) -> &'static NotificationRules {
        static RULES: NotificationRules = rules(Subscribing::InConsole, 204);
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        let read = |callback: &Callback<'_>| {
            callback.must_be_post()?;
            let time = callback.header("x-whoop-signature-timestamp").ok_or(NOT_SIGNED)?;
            let sent = callback.header("x-whoop-signature").ok_or(NOT_SIGNED)?;
            let key = callback.client_secret.expose_secret();
            let is_signed =
                Signature::sha256(key, &[time.as_bytes(), callback.body]).is_base64(sent);
            let is_recent =
                time.parse().is_ok_and(|time: i64| callback.is_recent(time / 1000, FIVE_MINUTES));
            if !is_signed || !is_recent {
                return Err(NOT_SIGNED);
            }
            let event: Event = callback.json()?;
            Ok(vec![Hint::changed(event.user_id, &["readings"])])
        };
        read(callback).into()
    }
}

/// As Garmin: the data itself, without a signature.
pub struct Delivering;

#[derive(Default, Deserialize)]
struct Delivery {
    #[serde(default)]
    readings: Vec<Value>,
    #[serde(default)]
    deregistrations: Vec<Value>,
}

impl Notifier for Delivering {
    fn rules(&self) -> &'static NotificationRules {
        static RULES: NotificationRules = rules(Subscribing::InConsole, 200);
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        let read = |callback: &Callback<'_>| {
            callback.must_be_post()?;
            let delivery: Delivery = callback.json()?;
            let user = |item: &Value| {
                let id = item["userId"].as_str().filter(|id| !id.is_empty());
                id.map(ToOwned::to_owned).ok_or(Refusal::MALFORMED)
            };
            let mut hints = Vec::new();
            for item in delivery.readings {
                let (feed, external_user_id) = ("readings", user(&item)?);
                let about = About::Data { feed, payload: item.to_string() };
                hints.push(Hint { external_user_id, about });
            }
            for item in delivery.deregistrations {
                hints.push(Hint::access(user(&item)?));
            }
            Ok(hints)
        };
        read(callback).into()
    }
}
