//! What a partner's code needs to read a call to our address in a few lines.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use http::Method;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::notification::{
    About, Callback, CallbackAnswer, Hint, NotificationRules, Received, SubscriptionRequest,
};
use crate::signature::is_same;

/// Why a call to our address is not taken: [`Received::Refused`] as an error, for `?`.
///
/// ```
/// # use partner_sdk::{Callback, Hint, Received, Refusal};
/// fn read(callback: &Callback<'_>) -> Result<Vec<Hint>, Refusal> {
///     callback.must_be_post()?;
///     # #[derive(serde::Deserialize)] struct Event { user_id: String }
///     let event: Event = callback.json()?;
///     Ok(vec![Hint::changed(event.user_id, &["weight"])])
/// }
/// # fn example(callback: &Callback<'_>) -> Received {
/// read(callback).into()
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with.
    pub status: u16,
    /// Why, without anything from the call itself.
    pub why: &'static str,
}

impl Refusal {
    /// For a body that is not of the documented form.
    pub const MALFORMED: Self = Self::new(400, "its body is not of the documented form");

    /// A refusal.
    pub const fn new(status: u16, why: &'static str) -> Self {
        Self { status, why }
    }
}

impl From<Refusal> for Received {
    fn from(Refusal { status, why }: Refusal) -> Self {
        Self::Refused { status, why }
    }
}

impl From<Result<Self, Refusal>> for Received {
    fn from(read: Result<Self, Refusal>) -> Self {
        read.unwrap_or_else(Self::from)
    }
}

impl From<Result<Vec<Hint>, Refusal>> for Received {
    fn from(read: Result<Vec<Hint>, Refusal>) -> Self {
        read.map_or_else(Self::from, Self::Hints)
    }
}

impl Callback<'_> {
    /// Refuses what is not a `POST`.
    ///
    /// # Errors
    /// A [`Refusal`] with status 405.
    pub fn must_be_post(&self) -> Result<(), Refusal> {
        if self.method == Method::POST {
            return Ok(());
        }
        Err(Refusal::new(405, "a notification is a POST"))
    }

    /// Whether `sent` is our secret ([`Callback::secret`]), compared in constant time.
    pub fn is_secret(&self, sent: &str) -> bool {
        let secret = self.secret.expose_secret();
        !secret.is_empty() && is_same(secret, sent)
    }

    /// Whether a time in Unix seconds is less than `tolerance` away from now: an old call may be a
    /// copy. A partner's clock may also be ahead of ours.
    pub fn is_recent(&self, seconds: i64, tolerance: Duration) -> bool {
        let at = DateTime::from_timestamp(seconds, 0);
        let away = at.map(|at| self.now.signed_duration_since(at).abs());
        let tolerance = TimeDelta::from_std(tolerance).unwrap_or(TimeDelta::MAX);
        away.is_some_and(|away| away <= tolerance)
    }

    /// The body as JSON; a byte order mark before it is skipped.
    ///
    /// # Errors
    /// [`Refusal::MALFORMED`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.body);
        serde_json::from_slice(body).map_err(|_| Refusal::MALFORMED)
    }

    /// The body as a form: its parameters, decoded.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body).into_owned().collect()
    }
}

impl CallbackAnswer {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, json: Some(body.to_string()) }
    }
}

impl Hint {
    /// That something changed in these feeds.
    pub fn changed(external_user_id: impl Into<String>, feeds: &[&'static str]) -> Self {
        Self { external_user_id: external_user_id.into(), about: About::Changed(feeds.to_vec()) }
    }

    /// That the user may have taken the access back.
    pub fn access(external_user_id: impl Into<String>) -> Self {
        Self { external_user_id: external_user_id.into(), about: About::Access }
    }
}

impl NotificationRules {
    /// The feeds of a topic; `None` if it is not one that we subscribe to.
    pub fn feeds_of(&self, topic: &str) -> Option<&'static [&'static str]> {
        self.topics.iter().find(|it| it.name == topic).map(|it| it.feeds)
    }
}

impl SubscriptionRequest {
    /// Whether `url` was our address with an earlier secret: the same but for its last part.
    pub fn is_earlier_address(&self, url: &str) -> bool {
        match (self.url.rsplit_once('/'), url.rsplit_once('/')) {
            (Some((ours, _)), Some((theirs, last))) => {
                ours == theirs && self.url != url && !last.is_empty()
            }
            _ => false,
        }
    }

    /// The host of our address, with its port if there is one.
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }
}

/// Reads an id that is a text or a whole number, as a text; for `#[serde(deserialize_with)]`. No id
/// is empty or longer than 256 bytes, or has a control character.
///
/// # Errors
/// Where there is no such id.
pub fn id_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Positive(u64),
        Negative(i64),
    }
    let id = match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Positive(number) => number.to_string(),
        Id::Negative(number) => number.to_string(),
    };
    if id.is_empty() || id.len() > 256 || id.chars().any(char::is_control) {
        return Err(serde::de::Error::custom("it is no id"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use http::HeaderMap;
    use secrecy::SecretString;

    use super::*;

    fn with_callback<T>(body: &[u8], secret: &str, test: impl FnOnce(&Callback<'_>) -> T) -> T {
        test(&Callback {
            method: &Method::POST,
            query: &[],
            headers: &HeaderMap::new(),
            body,
            client_secret: &SecretString::from("client"),
            secret: &SecretString::from(secret),
            issued_secret: None,
            now: DateTime::from_timestamp(1_772_625_600, 0).unwrap(),
        })
    }

    #[test]
    fn a_secret_is_the_whole_secret() {
        with_callback(b"", "sesame", |callback| {
            assert!(callback.is_secret("sesame"));
            for other in ["", "sesam", "sesamE", "sesame "] {
                assert!(!callback.is_secret(other), "{other:?}");
            }
        });
        with_callback(b"", "", |callback| assert!(!callback.is_secret("")));
    }

    #[test]
    fn what_is_too_old_or_too_far_ahead_is_not_recent() {
        with_callback(b"", "", |callback| {
            let is_recent = |seconds| callback.is_recent(seconds, Duration::from_secs(300));
            for (seconds, expected) in [
                (1_772_625_600, true),
                (1_772_625_300, true),
                (1_772_625_900, true),
                (1_772_625_299, false),
                (1_772_625_901, false),
                (0, false),
                (i64::MAX, false),
                (i64::MIN, false),
            ] {
                assert_eq!(is_recent(seconds), expected, "{seconds}");
            }
        });
    }

    #[test]
    fn a_body_may_begin_with_a_byte_order_mark() {
        let read = |body: &[u8]| with_callback(body, "", |callback| callback.json::<Vec<u8>>());
        assert_eq!(read(b"\xef\xbb\xbf[1]"), Ok(vec![1]));
        assert_eq!(read(b"[1"), Err(Refusal::MALFORMED));
        assert_eq!(read("[".repeat(100_000).as_bytes()), Err(Refusal::MALFORMED));
    }

    #[test]
    fn ids_are_texts_or_whole_numbers() {
        #[derive(Deserialize)]
        struct Item(#[serde(deserialize_with = "id_text")] String);
        let read = |json: &str| serde_json::from_str::<Item>(json).ok().map(|item| item.0);
        assert_eq!(read("23138311640030064").as_deref(), Some("23138311640030064"));
        assert_eq!(read("18446744073709551615").as_deref(), Some("18446744073709551615"));
        assert_eq!(read("\"227YZL\"").as_deref(), Some("227YZL"));
        let long = format!("\"{}\"", "7".repeat(257));
        for none in ["\"\"", "null", "1.5", "1e3", "[]", "{}", "true", "\"a\\u0000\"", &long] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn earlier_addresses_differ_in_their_last_part_only() {
        let request = SubscriptionRequest {
            url: "https://health.example.net/notifications/withings/new".to_owned(),
            secret: SecretString::from("s"),
            connection: None,
            state: None,
            now: DateTime::<Utc>::UNIX_EPOCH,
        };
        assert_eq!(request.host(), "health.example.net");
        for (url, expected) in [
            ("https://health.example.net/notifications/withings/old", true),
            ("https://health.example.net/notifications/withings/new", false),
            ("https://health.example.net/notifications/withings/", false),
            ("https://health.example.net/notifications/strava/old", false),
            ("https://other.example.net/notifications/withings/old", false),
            ("http://health.example.net/notifications/withings/old", false),
            ("", false),
        ] {
            assert_eq!(request.is_earlier_address(url), expected, "{url}");
        }
    }
}
