//! Who wants to be notified of what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A subscription as the partner stores it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id at the partner.
    pub id: String,
    /// The account's name, where each user is subscribed.
    pub account: Option<String>,
    /// What it is about: numbers of services (Withings), a collection (Fitbit, empty for all), types
    /// of data (Google Health).
    pub topics: Vec<String>,
    /// Where notifications go; the address of the console where that is used.
    pub callback: Option<String>,
    /// What each notification repeats in its `Authorization` header (Google Health).
    pub secret: Option<String>,
    /// Virtual Unix seconds.
    pub created_at: i64,
    /// What else the application has set.
    pub further: Value,
}

impl Subscription {
    pub(crate) fn is_about(&self, topic: &str) -> bool {
        self.topics.iter().any(|have| have == topic)
    }
}
