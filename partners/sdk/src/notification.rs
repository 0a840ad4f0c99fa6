//! Notifications: what a partner sends to tell that something has changed.
//!
//! A notification only says *look now*. The daemon stores the hint, answers, and polls the connection;
//! its cursors say from where. So a notification that is forged, repeated or late costs a poll at
//! most, and one that is lost is made up for by the next poll.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method};
use secrecy::SecretString;

use crate::error::PartnerError;
use crate::http::Session;

/// A partner that sends notifications.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The data about the partner's notifications.
    fn rules(&self) -> &'static NotificationRules;

    /// Reads a call to our address. It knows nothing but its argument, and makes no calls: anyone on
    /// the internet can send anything.
    fn read(&self, callback: &Callback<'_>) -> Received;

    /// Makes sure that the partner calls the address for everything in
    /// [`NotificationRules::topics`]: looks at what there is, adds what is missing, replaces what is
    /// wrong or about to expire. Called after a connect, and once a day. With
    /// [`Subscribing::PerConnection`] the session has the user's token; with
    /// [`Subscribing::PerApplication`] it has none. Not called with [`Subscribing::InConsole`].
    async fn subscribe(
        &self,
        _session: &Session,
        _request: &SubscriptionRequest,
    ) -> Result<Subscribed, PartnerError> {
        Ok(Subscribed::default())
    }

    /// Ends what [`Notifier::subscribe`] began. What is not there any more is no error.
    async fn unsubscribe(
        &self,
        _session: &Session,
        _request: &SubscriptionRequest,
    ) -> Result<(), PartnerError> {
        Ok(())
    }
}

/// Everything about a partner's notifications that is data.
#[derive(Clone, Copy, Debug)]
pub struct NotificationRules {
    /// How the partner learns where to send them.
    pub subscribing: Subscribing,
    /// The time within which the partner wants an answer.
    pub answer_within: Duration,
    /// The status of the answer to a notification that was taken.
    pub taken: u16,
    /// The longest body that the partner sends, in bytes.
    pub longest_body: usize,
    /// What it sends notifications of.
    pub topics: &'static [Topic],
}

impl NotificationRules {
    /// Whether changes of a feed are announced.
    pub fn announces(&self, feed: &str) -> bool {
        self.topics.iter().any(|topic| topic.feeds.contains(&feed))
    }
}

/// One thing that can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The partner's own name of it, such as a collection or a category.
    pub name: &'static str,
    /// The feeds whose changes it announces.
    pub feeds: &'static [&'static str],
}

/// How a partner learns where to send notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscribing {
    /// By calls for each connection, with the user's token.
    PerConnection,
    /// By calls for the application as a whole.
    PerApplication,
    /// By hand: somebody enters the address where the application is registered.
    InConsole,
}

/// What a subscription is for.
#[derive(Clone)]
pub struct SubscriptionRequest {
    /// Our address. Its last part is a secret.
    pub url: String,
    /// A secret for the partner to send back, in handshakes or with each notification; the same as in
    /// [`Callback::secret`].
    pub secret: SecretString,
    /// A short id of the connection (letters and digits), for partners that want one for each
    /// subscription; `None` for the application as a whole.
    pub connection: Option<String>,
    /// What the last call of [`Notifier::subscribe`] returned as [`Subscribed::state`].
    pub state: Option<String>,
    /// The time.
    pub now: DateTime<Utc>,
}

impl std::fmt::Debug for SubscriptionRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address and the state may hold secrets.
        let mut request = formatter.debug_struct("SubscriptionRequest");
        request.field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// A subscription that is in place.
#[derive(Clone, Default)]
pub struct Subscribed {
    /// When the partner ends it, if it does not last. It is renewed a day before.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the partner needs to know later, such as its id of the subscription.
    pub state: Option<String>,
    /// A secret that the partner signs with and tells only once; see [`Callback::issued_secret`].
    pub issued_secret: Option<SecretString>,
}

impl std::fmt::Debug for Subscribed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut subscribed = formatter.debug_struct("Subscribed");
        subscribed.field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A call to our address.
pub struct Callback<'a> {
    /// The method: `GET`, `HEAD` or `POST`.
    pub method: &'a Method,
    /// The parameters of the query, decoded.
    pub query: &'a [(String, String)],
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body as it was sent: signatures are made over it.
    pub body: &'a [u8],
    /// The application's client secret at the partner, with which many sign.
    pub client_secret: &'a SecretString,
    /// Our secret: see [`SubscriptionRequest::secret`].
    pub secret: &'a SecretString,
    /// The partner's secret: see [`Subscribed::issued_secret`].
    pub issued_secret: Option<&'a SecretString>,
    /// The time.
    pub now: DateTime<Utc>,
}

impl std::fmt::Debug for Callback<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers, query and body hold secrets, and the body perhaps health data.
        formatter.debug_struct("Callback").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Callback<'_> {
    /// The first parameter of that name in the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What a call to our address was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A notification. Once the hints are stored, it is answered with [`NotificationRules::taken`].
    Hints(Vec<Hint>),
    /// A part of a handshake, and its answer.
    Handshake(CallbackAnswer),
    /// Not from the partner, by its signature or secret; or not of the documented form.
    Refused {
        /// The status to answer with.
        status: u16,
        /// Why, for the log and the administrator; without anything from the call itself.
        why: &'static str,
    },
}

/// The answer to a part of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The status.
    pub status: u16,
    /// A JSON body, if the partner wants one.
    pub json: Option<String>,
}

impl CallbackAnswer {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, json: None }
    }
}

/// What a notification says about one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The partner's id of the user, as returned by
    /// [`Partner::external_user_id`](crate::Partner::external_user_id).
    pub external_user_id: String,
    /// What it is about.
    pub about: About,
}

/// What a notification is about.
#[derive(Clone, PartialEq, Eq)]
pub enum About {
    /// Something changed in these feeds; in any of them if there are none.
    Changed(Vec<&'static str>),
    /// The user may have taken the access back. Nothing is believed before a call has shown it.
    Access,
    /// The data itself, for partners that offer no other way to it. It is kept sealed until the
    /// next poll of the feed, which gets it as [`PollRequest::delivered`](crate::PollRequest::delivered).
    Data {
        /// The feed it belongs to.
        feed: &'static str,
        /// One item, in the partner's form.
        payload: String,
    },
}

impl std::fmt::Debug for About {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(feeds) => formatter.debug_tuple("Changed").field(feeds).finish(),
            Self::Access => formatter.write_str("Access"),
            // Health data is not printed.
            Self::Data { feed, .. } => {
                formatter.debug_struct("Data").field("feed", feed).finish_non_exhaustive()
            }
        }
    }
}
