//! The HTTP session: every call to a partner goes through [`Call::send`], which waits for a permit,
//! signs, limits time and size, follows no redirects, and turns failures into [`PartnerError`].

mod access;
pub(crate) mod bounds;
mod budget;
mod call;
mod receiving;
mod repair;
mod reply;
mod signing;
mod timestamps;

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::Method;
use secrecy::SecretString;
use tokio::sync::Mutex;

pub use self::access::AccessToken;
pub use self::budget::BodyBudget;
use self::budget::Room;
pub use self::call::Call;
pub use self::reply::Reply;
pub use self::timestamps::Timestamps;
use crate::error::{LimitScope, PartnerError};
use crate::manifest::{CallKind, LimitReading, Manifest};

/// The timeout for establishing a connection to a partner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection stays in the pool. Many servers close theirs after five seconds, and
/// a call sent at that moment is lost.
const KEPT_IDLE: Duration = Duration::from_secs(4);

/// How much of an answer an HTTP/2 server may send before it is read, and of all answers on one
/// connection: that of 384 calls, so that answers which wait for room do not keep one that has it from
/// being sent.
const HTTP2_STREAM: u32 = 64 * 1024;
const HTTP2_CONNECTION: u32 = 384 * HTTP2_STREAM;

/// The source of permits: the partner's rate-limit buckets, as seen by one sync.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Waits until one more call of this kind is allowed.
    async fn permit(&self, call: CallKind) -> Result<Permit, PartnerError>;

    /// Waits for what is not the partner's to give: room for a long answer. The daemon does not count
    /// it as time that the partner took.
    async fn wait_for_room(&self, room: Pin<&mut (dyn Future<Output = ()> + Send)>) {
        room.await;
    }

    /// Called when a call is over: with the status of the answer, if one came whole, and how long that
    /// took.
    fn answered(&self, status: Option<u16>, took: Duration) {
        let _ = (status, took);
    }

    /// Called when the partner rejects a call of this kind because a limit is reached.
    fn limited(&self, call: CallKind, scope: LimitScope, wait: Option<Duration>);
}

/// Called when a call is over, with the limit readings from its response.
type OnDone = Box<dyn FnOnce(Vec<LimitReading>) + Send>;

/// The right to make one call. The partner counts the call at some time between the issue of the
/// permit and its drop, so the issuer must count it for all of that time. The limit readings of the
/// response are returned with the permit: which calls they include depends on when their call was
/// made.
pub struct Permit {
    on_done: Option<OnDone>,
    readings: Vec<LimitReading>,
}

impl Permit {
    /// A permit that calls `on_done` when the call is over.
    pub fn new(on_done: impl FnOnce(Vec<LimitReading>) + Send + 'static) -> Self {
        Self { on_done: Some(Box::new(on_done)), readings: Vec::new() }
    }

    /// Stores the limit readings of the response.
    pub(crate) fn tell(&mut self, readings: Vec<LimitReading>) {
        self.readings = readings;
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Permit")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(on_done) = self.on_done.take() {
            on_done(std::mem::take(&mut self.readings));
        }
    }
}

/// The application's registration with the partner.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The client id (OAuth 1.0a: consumer key).
    pub client_id: String,
    /// The client secret (OAuth 1.0a: consumer secret).
    pub client_secret: SecretString,
    /// The file with which the application authenticates as itself and not for a user (Google calls
    /// it a service account), for partners whose subscriptions need it. Setting
    /// `service_account_file`.
    pub service_account: Option<SecretString>,
}

/// A partner's URLs with the settings applied, without trailing slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Where the browser is sent to grant access.
    pub authorize_url: String,
    /// Where request tokens are obtained (OAuth 1.0a only).
    pub request_token_url: Option<String>,
    /// Where codes and refresh tokens are exchanged (OAuth 1.0a: request tokens for access tokens).
    pub token_url: String,
    /// Where tokens are revoked.
    pub revoke_url: Option<String>,
    /// The base URL that paths of calls are appended to.
    pub api_url: String,
}

/// Makes calls to one partner, for one connection or before there is one. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub(crate) client: reqwest::Client,
    pub(crate) gate: Arc<dyn Gate>,
    pub(crate) manifest: &'static Manifest,
    endpoints: Arc<Endpoints>,
    credentials: Arc<Credentials>,
    pub(crate) access_token: Option<AccessToken>,
    pub(crate) timestamps: Option<Arc<Timestamps>>,
    pub(crate) timeout: Duration,
    /// The partner's time in its last answer, in Unix seconds; shared by clones.
    pub(crate) partners_time: Arc<AtomicI64>,
    budget: BodyBudget,
    /// What the session and its clones hold of the budget: room for one body. It is kept after the
    /// call, because what is made of a body takes as much, and given back with the next call.
    room: Arc<Mutex<Room>>,
}

impl Session {
    /// Creates a session without an access token; `timeout` applies to each call as a whole.
    pub fn new(
        client: reqwest::Client,
        gate: Arc<dyn Gate>,
        manifest: &'static Manifest,
        endpoints: Arc<Endpoints>,
        credentials: Arc<Credentials>,
        timeout: Duration,
    ) -> Self {
        Self {
            client,
            gate,
            manifest,
            endpoints,
            credentials,
            access_token: None,
            timestamps: None,
            timeout,
            budget: BodyBudget::default(),
            room: Arc::default(),
            partners_time: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// The partner's time, by the `Date` of the last answer to this session or a clone of it.
    pub fn partners_time(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.partners_time.load(Ordering::Relaxed), 0)
    }

    /// The same session with an access token.
    #[must_use]
    pub fn with_access_token(&self, token: impl Into<AccessToken>) -> Self {
        Self { access_token: Some(token.into()), ..self.clone() }
    }

    /// The same session with a source of timestamps for signed calls, which OAuth 1.0a needs. All
    /// sessions of one application at a partner share it.
    #[must_use]
    pub fn with_timestamps(&self, timestamps: Arc<Timestamps>) -> Self {
        Self { timestamps: Some(timestamps), ..self.clone() }
    }

    /// The same session with the budget that all sessions of one partner share.
    #[must_use]
    pub fn with_budget(&self, budget: BodyBudget) -> Self {
        Self { budget, room: Arc::default(), ..self.clone() }
    }

    /// The same session of an application with other credentials.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub(crate) fn with_credentials(&self, credentials: Credentials) -> Self {
        Self { credentials: Arc::new(credentials), ..self.clone() }
    }

    /// The partner's URLs.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The application's credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Reports a limit to the rate-limit buckets. For token responses, which
    /// [`Partner::token_reply`](crate::Partner::token_reply) reads.
    pub fn limited(&self, scope: LimitScope, wait: Option<Duration>) {
        self.gate.limited(CallKind::Write, scope, wait);
    }

    /// A GET of `path` below the API URL. `path` may come from a partner's response (with its
    /// query); it can never lead to another host.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A POST to `path` below the API URL.
    pub fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    /// A PUT to `path` below the API URL.
    pub fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    /// A PATCH of `path` below the API URL.
    pub fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    /// A DELETE of `path` below the API URL.
    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A GET of one of the partner's other URLs, from [`Session::endpoints`].
    pub fn get_url(&self, url: &str) -> Call {
        Call::new(self.clone(), Method::GET, url.to_owned())
    }

    /// A POST to one of the partner's other URLs, from [`Session::endpoints`].
    pub fn post_url(&self, url: &str) -> Call {
        Call::new(self.clone(), Method::POST, url.to_owned())
    }

    /// Gives back the room for the last answer, unless one is being read.
    pub(crate) fn give_room_back(&self) {
        if let Ok(mut room) = self.room.try_lock() {
            *room = Room::default();
        }
    }

    /// Interprets a response: first by the partner's own rules, then by the `general` ones.
    pub(crate) fn judge(
        &self,
        kind: CallKind,
        reply: &Reply,
        general: impl FnOnce(&Reply) -> Result<(), PartnerError>,
    ) -> Result<(), PartnerError> {
        let judged = (self.manifest.read_error)(reply).map_or_else(|| general(reply), Err);
        if let Err(PartnerError::RateLimited { scope, wait }) = judged {
            self.gate.limited(kind, scope, wait);
        }
        judged
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let separator = if path.starts_with('/') { "" } else { "/" };
        Call::new(self.clone(), method, format!("{}{separator}{path}", self.endpoints.api_url))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("partner", &self.manifest.name)
            .finish_non_exhaustive()
    }
}

/// Creates an HTTP client with the options that partners need. A pooled connection lives on the
/// thread that opened it, so each arbiter has its own client.
///
/// # Errors
/// When the TLS configuration of the machine cannot be read.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // Without system certificates, calls to loopback still work; calls to other hosts fail because
    // no certificate is trusted.
    client_builder().build().or_else(|_| client_builder().tls_certs_only([]).build())
}

/// The builder behind [`http_client`]; the testkit adds its server as a proxy.
pub(crate) fn client_builder() -> reqwest::ClientBuilder {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        // Fails only when a provider is already installed, which works as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    reqwest::Client::builder()
        .user_agent(concat!("Syncwell/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(KEPT_IDLE)
        .http2_initial_stream_window_size(HTTP2_STREAM)
        .http2_initial_connection_window_size(HTTP2_CONNECTION)
        .gzip(true)
}
