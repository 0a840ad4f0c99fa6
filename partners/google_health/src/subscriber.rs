//! Notifications ("Webhooks"): one subscriber for the whole project and all its users.

use std::time::Duration;

use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::serde_json::{Value, json};
use partner_sdk::{
    Call, Callback, CallbackAnswer, Hint, NotificationRules, Notifier, PartnerError, Received,
    Refusal, Reply, Session, Signature, Subscribed, Subscribing, SubscriptionRequest, Topic,
    async_trait, list_or_nothing,
};
use serde::Deserialize;

use crate::GoogleHealth;
use crate::api;
use crate::service_account::ServiceAccount;

static RULES: NotificationRules = NotificationRules {
    subscribing: Subscribing::PerApplication,
    // "Webhooks": 204 at once. No time is documented; what fails is sent again for seven days.
    answer_within: Duration::from_secs(5),
    taken: 204,
    // One data type of one user, and the intervals in which it changed.
    longest_body: 1024 * 1024,
    // Same page: data types in kebab case.
    topics: &[
        Topic { name: "weight", feeds: &["weight"] },
        Topic { name: "body-fat", feeds: &["body_fat"] },
        Topic { name: "height", feeds: &["height"] },
        Topic { name: "exercise", feeds: &["exercise"] },
        Topic { name: "nutrition-log", feeds: &["nutrition_log"] },
    ],
};

#[async_trait]
impl Notifier for GoogleHealth {
    fn rules(&self) -> &'static NotificationRules {
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        read(callback).into()
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        let account = ServiceAccount::of(session)?;
        let collection = format!("/v4/projects/{}/subscribers", account.project(session)?);
        let session = account.authorize(session, request.now).await?;
        let (id, state) = (id(request), fingerprint(&request.secret));
        let body = json!({
            "endpointAuthorization": { "secret": authorization(&request.secret) },
            "endpointUri": request.url,
            "subscriberConfigs": [{
                "dataTypes": topics(),
                // "Webhooks": for every user who has consented, without a call for each.
                "subscriptionCreatePolicy": "AUTOMATIC",
            }],
        });
        let call = match find(&session, &collection, &id).await? {
            Some(found)
                if found.is_as_wanted(request) && request.state.as_ref() == Some(&state) =>
            {
                return Ok(Subscribed { state: Some(state), ..Subscribed::default() });
            }
            // Same page: the mask is in camel case, and the list of configurations is replaced. The
            // secret is in no answer: whether it is the right one is known from our own state.
            Some(_) => session
                .patch(&format!("{collection}/{id}"))
                .query(&[("updateMask", "endpointUri,subscriberConfigs,endpointAuthorization")]),
            None => session.post(&collection).query(&[("subscriberId", &id)]),
        };
        send(&session, call.json(&body)).await?;
        Ok(Subscribed { state: Some(state), ..Subscribed::default() })
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        let account = ServiceAccount::of(session)?;
        let collection = format!("/v4/projects/{}/subscribers", account.project(session)?);
        let session = account.authorize(session, request.now).await?;
        session.delete(&format!("{collection}/{}", id(request))).change().await.map(drop)
    }
}

/// "Webhooks": the secret of the subscriber comes with each call in `Authorization`.
fn read(callback: &Callback<'_>) -> Result<Received, Refusal> {
    callback.must_be_post()?;
    let sent = callback.header("authorization").unwrap_or_default();
    // Same page, "Verification": a call without the right secret must be answered with 401 or 403,
    // and one with it with 200 or 201.
    if !sent.strip_prefix("Bearer ").is_some_and(|sent| callback.is_secret(sent)) {
        return Err(Refusal::new(401, "its Authorization is not our secret"));
    }
    let body: Message = callback.json()?;
    match (body.r#type.as_deref(), body.data) {
        (Some("verification"), _) => Ok(Received::Handshake(CallbackAnswer::empty(200))),
        (_, Some(data)) => Ok(Received::Hints(data.hints()?)),
        _ => Err(Refusal::MALFORMED),
    }
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    data: Option<Notification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    #[serde(deserialize_with = "partner_sdk::id_text")]
    health_user_id: String,
    operation: String,
    data_type: String,
    #[serde(default, deserialize_with = "list_or_nothing")]
    intervals: Vec<Value>,
}

impl Notification {
    fn hints(self) -> Result<Vec<Hint>, Refusal> {
        // Addresses have data types in kebab case, filters in snake case: either is read.
        let feeds = RULES.feeds_of(&self.data_type.replace('_', "-"));
        match self.operation.as_str() {
            // "Webhooks": it is also sent when the user takes the consent back or deletes the
            // account. Of a deletion in no interval nothing else can be meant.
            "DELETE" if self.intervals.is_empty() => Ok(vec![Hint::access(self.health_user_id)]),
            "UPSERT" | "DELETE" => {
                let hint = feeds.map(|feeds| Hint::changed(self.health_user_id, feeds));
                Ok(hint.into_iter().collect())
            }
            _ => Err(Refusal::MALFORMED),
        }
    }
}

fn authorization(secret: &SecretString) -> String {
    format!("Bearer {}", secret.expose_secret())
}

fn topics() -> Vec<&'static str> {
    RULES.topics.iter().map(|topic| topic.name).collect()
}

/// What shows later that the subscriber was made with this secret, without telling it.
fn fingerprint(secret: &SecretString) -> String {
    Signature::sha256(secret.expose_secret(), &[b"subscriber"]).hex()
}

/// The id of our subscriber, which no other installation of the same project uses. API reference,
/// projects.subscribers.create: 4 to 36 lower case letters, digits and hyphens.
fn id(request: &SubscriptionRequest) -> String {
    let host = request.host().to_ascii_lowercase();
    let hash = Signature::sha256("subscriber", &[host.as_bytes()]).hex();
    "syncwell-".chars().chain(hash.chars().take(16)).collect()
}

/// API reference, projects.subscribers.list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    #[serde(default, deserialize_with = "list_or_nothing")]
    subscribers: Vec<Value>,
    #[serde(default)]
    next_page_token: Option<String>,
}

/// A project has a handful of subscribers.
const MOST_PAGES: usize = 10;

/// A subscriber, as far as it is compared.
struct Found(Value);

impl Found {
    fn is_as_wanted(&self, request: &SubscriptionRequest) -> bool {
        let configs = self.0.get("subscriberConfigs").and_then(Value::as_array);
        let covers = |topic: &str| {
            configs.into_iter().flatten().any(|config| {
                let listed = config.get("dataTypes").and_then(Value::as_array);
                let is_automatic = config["subscriptionCreatePolicy"] == "AUTOMATIC";
                is_automatic && listed.is_some_and(|it| it.iter().any(|name| name == topic))
            })
        };
        self.0["endpointUri"] == request.url.as_str() && topics().into_iter().all(covers)
    }
}

async fn find(
    session: &Session,
    collection: &str,
    id: &str,
) -> Result<Option<Found>, PartnerError> {
    let mut token: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let query: Vec<(&str, &str)> = token.iter().map(|it| ("pageToken", it.as_str())).collect();
        let listing: Listing =
            send(session, session.get(collection).query(&query)).await?.json()?;
        let is_ours = |subscriber: &Value| {
            let name = subscriber["name"].as_str().unwrap_or_default();
            name.rsplit('/').next() == Some(id)
        };
        if let Some(found) = listing.subscribers.into_iter().find(is_ours) {
            return Ok(Some(Found(found)));
        }
        token = listing.next_page_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(None);
        }
    }
    Err(PartnerError::Malformed("the list of subscribers does not end".into()))
}

/// Sends a call about subscribers and reads what its refusal means.
async fn send(session: &Session, call: Call) -> Result<Reply, PartnerError> {
    let reply = call.send_unchecked().await?;
    let outcome = judge(&reply);
    if let Err(PartnerError::RateLimited { scope, wait }) = outcome {
        session.limited(scope, wait);
    }
    outcome.map(|()| reply)
}

fn judge(reply: &Reply) -> Result<(), PartnerError> {
    let body: Option<Value> = reply.json().ok().filter(|_| matches!(reply.status, 400 | 403));
    let status = body.as_ref().and_then(|body| body.pointer("/error/status")?.as_str());
    // "Webhooks": the two calls of the verification were not answered as they must be.
    if status == Some("FAILED_PRECONDITION") {
        let why = "Google did not get the expected answers from our address; public_url must be \
                   reachable from the internet over https";
        return Err(PartnerError::Rejected(why.into()));
    }
    // "IAM errors" (cloud.google.com/iam/docs): a missing role. Other reasons say what they are.
    let reason = body.as_ref().and_then(|body| body.pointer("/error/details/0/reason"));
    if status == Some("PERMISSION_DENIED") && reason.is_none_or(|it| it == "IAM_PERMISSION_DENIED")
    {
        let why = "the service account may not manage subscribers: give it a role for the Google \
                   Health API in the project";
        return Err(PartnerError::Rejected(why.into()));
    }
    api::read_error(reply).map_or_else(|| reply.check_write(), Err)
}
