//! Notifications. Withings does not sign them: that a call is from Withings is seen only by its
//! address, whose last part is a secret.

use std::time::Duration;

use partner_sdk::chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::serde_json::{self, Value};
use partner_sdk::{
    Callback, CallbackAnswer, Hint, Method, NotificationRules, Notifier, PartnerError, Received,
    Refusal, Reply, Session, Subscribed, Subscribing, SubscriptionRequest, Topic, async_trait,
};
use serde::Deserialize;

use crate::Withings;
use crate::api;

/// API reference, "Notification categories": `appli`, a number, is what a notification is about.
/// Those whose data is polled: weight, temperature, blood pressure with heart rate, and activity; and
/// that of users who leave.
static RULES: NotificationRules = NotificationRules {
    // API reference, `POST /notify`: for each user and each appli.
    subscribing: Subscribing::PerConnection,
    // Older API reference: an answer is expected within two seconds.
    answer_within: Duration::from_secs(2),
    taken: 200,
    // A form of five short fields.
    longest_body: 4 * 1024,
    topics: &[
        Topic { name: "1", feeds: &["measure"] },
        Topic { name: "2", feeds: &["measure"] },
        Topic { name: "4", feeds: &["measure"] },
        Topic { name: "16", feeds: &["workouts"] },
        Topic { name: USER_CHANGE, feeds: &[] },
    ],
};

/// API reference, "Notification categories": `action` is delete, unlink or update.
const USER_CHANGE: &str = "46";

#[async_trait]
impl Notifier for Withings {
    fn rules(&self) -> &'static NotificationRules {
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        // Seen in the field: the address is tried with HEAD, by older accounts with GET or an empty
        // POST, when it is registered and at each subscription.
        let is_trial = callback.method != Method::POST || callback.body.is_empty();
        if is_trial {
            return Received::Handshake(CallbackAnswer::empty(200));
        }
        notification(callback).into()
    }

    async fn subscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        let found = profiles(session).await?;
        for profile in found.iter().filter(|it| request.is_earlier_address(&it.callbackurl)) {
            revoke(session, &profile.callbackurl, &profile.appli).await?;
        }
        let (mut count, mut lacking) = (0, None);
        let mut expiries: Vec<DateTime<Utc>> = Vec::new();
        for topic in RULES.topics {
            let mut ours = found.iter().filter(|it| it.is_for(topic, request));
            if let Some(profile) = ours.find(|it| !it.ends_soon(request.now)) {
                expiries.extend(profile.expires_at());
                count += 1;
                continue;
            }
            let form = [
                ("action", "subscribe"),
                ("callbackurl", &request.url),
                ("appli", topic.name),
                ("comment", "Syncwell"),
            ];
            match session.post(PATH).form(&form).send().await {
                Ok(_) => count += 1,
                // What the user did not tick sends nothing: the others are subscribed to.
                Err(error @ PartnerError::MissingScope(_)) => lacking = Some(error),
                Err(error) => return Err(error),
            }
        }
        match lacking {
            Some(error) if count == 0 => Err(error),
            _ => Ok(Subscribed { expires_at: expiries.into_iter().min(), ..Subscribed::default() }),
        }
    }

    async fn unsubscribe(
        &self,
        session: &Session,
        request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        // Without their list: asked for again within ten seconds it is refused, and with it all that
        // follows, up to the end of the grant. Earlier addresses were ended with each subscribing.
        for topic in RULES.topics {
            revoke(session, &request.url, topic.name).await?;
        }
        Ok(())
    }
}

fn notification(callback: &Callback<'_>) -> Result<Vec<Hint>, Refusal> {
    let form = callback.form();
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, it)| &**it);
    let user = field("userid").filter(|id| is_number(id)).ok_or(Refusal::MALFORMED)?;
    let appli = field("appli").filter(|id| is_number(id)).ok_or(Refusal::MALFORMED)?;
    if appli == USER_CHANGE {
        // An update is about the user's profile, of which nothing is read.
        let ends = matches!(field("action"), Some("delete" | "unlink"));
        return Ok(ends.then(|| Hint::access(user)).into_iter().collect());
    }
    // Others may be left from an earlier program of the same application.
    let feeds = RULES.feeds_of(appli);
    Ok(feeds.map(|feeds| Hint::changed(user, feeds)).into_iter().collect())
}

/// API reference: user ids and appli are integers.
fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// API reference, `POST /notify`.
const PATH: &str = "/notify";

/// API reference, `POST /notify` action list.
#[derive(Deserialize)]
struct Listing {
    #[serde(default, deserialize_with = "partner_sdk::list_or_nothing")]
    profiles: Vec<Value>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(deserialize_with = "partner_sdk::id_text")]
    appli: String,
    callbackurl: String,
    /// Unix seconds; 2147483647 on those that do not end (seen in the field).
    #[serde(default, deserialize_with = "api::lenient_integer")]
    expires: Option<i64>,
}

impl Profile {
    fn is_for(&self, topic: &Topic, request: &SubscriptionRequest) -> bool {
        self.appli == topic.name && self.callbackurl == request.url
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        let seconds = self.expires.filter(|seconds| *seconds < i64::from(i32::MAX))?;
        DateTime::from_timestamp(seconds, 0)
    }

    /// A day before it ends the subscription is looked at once more; until then it is renewed.
    fn ends_soon(&self, now: DateTime<Utc>) -> bool {
        self.expires_at().is_some_and(|at| at.signed_duration_since(now) < TimeDelta::days(2))
    }
}

async fn profiles(session: &Session) -> Result<Vec<Profile>, PartnerError> {
    let call = session.post(PATH).form(&[("action", "list")]);
    let answer: api::Envelope<Listing> = call.fetch().await?;
    // One that cannot be read is none of ours, or is subscribed to once more.
    Ok(answer.body.profiles.into_iter().filter_map(|it| serde_json::from_value(it).ok()).collect())
}

async fn revoke(session: &Session, url: &str, appli: &str) -> Result<(), PartnerError> {
    let form = [("action", "revoke"), ("callbackurl", url), ("appli", appli)];
    // Seen in the field: "No such subscription was found".
    let is_gone = |reply: &Reply| api::read_status(reply).is_some_and(|it| it.status == 286);
    session.post(PATH).form(&form).send_unless(is_gone).await.map(drop)
}
