//! Notifications. The address is entered where the application is registered (API documentation,
//! "Notifications").

use std::time::Duration;

use partner_sdk::secrecy::ExposeSecret;
use partner_sdk::{
    Callback, CallbackAnswer, Hint, Method, NotificationRules, Notifier, Received, Refusal,
    Signature, Subscribing, Topic, list_or_nothing, serde_json::Value,
};
use serde::Deserialize;

use crate::Moves;

static RULES: NotificationRules = NotificationRules {
    subscribing: Subscribing::InConsole,
    // API documentation, "Notifications": status 200 within three seconds; there is no second
    // attempt.
    answer_within: Duration::from_secs(3),
    taken: 200,
    // A few updates of five short fields.
    longest_body: 64 * 1024,
    topics: &[Topic { name: "storylineUpdates", feeds: &["activities"] }],
};

/// No rule about the age of a notification is documented.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

impl Notifier for Moves {
    fn rules(&self) -> &'static NotificationRules {
        &RULES
    }

    fn read(&self, callback: &Callback<'_>) -> Received {
        match *callback.method {
            // Nothing is documented about a handshake; a browser shows that the address is there.
            Method::GET | Method::HEAD => Received::Handshake(CallbackAnswer::empty(200)),
            _ => notification(callback).into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    /// A number with more digits than a float can hold.
    #[serde(deserialize_with = "partner_sdk::id_text")]
    user_id: String,
    #[serde(default, deserialize_with = "list_or_nothing")]
    storyline_updates: Vec<Value>,
}

fn notification(callback: &Callback<'_>) -> Result<Vec<Hint>, Refusal> {
    callback.must_be_post()?;
    check_signature(callback)?;
    let notification: Notification = callback.json()?;
    // Seen in the field: the names of places changed, which are not read.
    let is_about_places =
        |update: &Value| matches!(update["reason"].as_str(), Some("PlaceRename" | "PlaceUpdate"));
    let updates = &notification.storyline_updates;
    if !updates.is_empty() && updates.iter().all(is_about_places) {
        return Ok(Vec::new());
    }
    Ok(vec![Hint::changed(notification.user_id, &["activities"])])
}

/// API documentation, "Notifications": HMAC-SHA1 in base64 of body, timestamp and nonce, one after
/// the other, by the client secret.
fn check_signature(callback: &Callback<'_>) -> Result<(), Refusal> {
    const UNSIGNED: Refusal = Refusal::new(401, "it has no signature");
    let time = callback.header("x-moves-timestamp").ok_or(UNSIGNED)?;
    let nonce = callback.header("x-moves-nonce").ok_or(UNSIGNED)?;
    let sent = callback.header("x-moves-signature").ok_or(UNSIGNED)?;
    let key = callback.client_secret.expose_secret();
    let parts = [callback.body, time.as_bytes(), nonce.as_bytes()];
    if !Signature::sha1(key, &parts).is_base64(sent) {
        return Err(Refusal::new(401, "its signature is not by our client secret"));
    }
    let is_recent = time.parse().is_ok_and(|time| callback.is_recent(time, TOLERANCE));
    if is_recent { Ok(()) } else { Err(Refusal::new(401, "its signature is not recent")) }
}
