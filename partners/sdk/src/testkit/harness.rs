//! Runs a partner against the scripted server, one call or one sync at a time.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde_json::Value;

use super::expected;
pub(super) use super::notification_fixture::CLIENT_SECRET;
use super::server::{API_URL, Canned, Received, Server};
use crate::{
    AccessToken, Auth, CallKind, Credentials, Cursor, Endpoints, Feed, Gate, LimitScope, Manifest,
    Page, Partner, PartnerError, Permit, PollRequest, PushRequest, Pushed, RejectedRecord,
    RemoteRecord, Session, Timestamps,
};

pub(super) const ACCESS_TOKEN: &str = "conformance-access-token-5d0c41";
pub(super) const TOKEN_SECRET: &str = "conformance-token-secret-0b93f2";
pub(super) const REFRESH_TOKEN: &str = "conformance-refresh-token-77ab20";

/// The time of every sync: 2026-03-04T12:00:00Z.
const NOW_UNIX: i64 = 1_772_625_600;

/// Longer than any call to a server on the same machine takes.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A partner, the server it calls, and the counters and texts that are checked.
pub(super) struct Harness {
    pub(super) partner: Arc<dyn Partner>,
    pub(super) server: Server,
    pub(super) session: Session,
    gate: Arc<CountingGate>,
    pub(super) time_zone: Tz,
    telling: RwLock<Vec<String>>,
}

/// The result of one sync.
#[derive(Debug, Default)]
pub(super) struct Synced {
    pub(super) records: Vec<Value>,
    pub(super) kinds: Vec<crate::Kind>,
    pub(super) refused: Vec<RejectedRecord>,
    pub(super) deleted: Vec<String>,
    /// The number of pages, and each cursor with the number of its page, from 1.
    pub(super) pages: usize,
    pub(super) cursors: Vec<(usize, Cursor)>,
    pub(super) requests: Vec<Received>,
    pub(super) permits: usize,
}

/// Why a sync failed.
#[derive(Debug)]
pub(super) enum SyncFailure {
    NeverEnds(String),
    Failed(String),
}

impl SyncFailure {
    pub(super) fn message(self) -> String {
        match self {
            Self::NeverEnds(message) | Self::Failed(message) => message,
        }
    }
}

impl Harness {
    pub(super) async fn start(
        partner: Arc<dyn Partner>,
        time_zone: Tz,
        telling: Vec<String>,
    ) -> Result<Self, String> {
        let server =
            Server::start().await.map_err(|error| format!("no scripted server: {error}"))?;
        let client = reqwest::Proxy::all(format!("http://{}", server.address))
            .and_then(|proxy| crate::http::client_builder().proxy(proxy).build())
            .map_err(|error| format!("no HTTP client: {error}"))?;
        let gate = Arc::<CountingGate>::default();
        let endpoints = Endpoints {
            authorize_url: "http://accounts.partner.test/authorize".to_owned(),
            request_token_url: Some("http://accounts.partner.test/request_token".to_owned()),
            token_url: "http://accounts.partner.test/token".to_owned(),
            revoke_url: Some("http://accounts.partner.test/revoke".to_owned()),
            api_url: API_URL.to_owned(),
        };
        let credentials = Credentials {
            client_id: "conformance-client".to_owned(),
            client_secret: SecretString::from(CLIENT_SECRET),
            service_account: None,
        };
        let session = Session::new(
            client,
            Arc::clone(&gate) as Arc<dyn Gate>,
            partner.manifest(),
            Arc::new(endpoints),
            Arc::new(credentials),
            TIMEOUT / 2,
        )
        .with_timestamps(Arc::new(Timestamps::new(Self::now)));
        let telling = RwLock::new(telling);
        Ok(Self { partner, server, session, gate, time_zone, telling })
    }

    /// The session of a connected user.
    pub(super) fn connected(&self) -> Session {
        let token = SecretString::from(ACCESS_TOKEN);
        match self.partner.manifest().auth {
            Auth::OAuth2(_) => self.session.with_access_token(token),
            Auth::OAuth1(_) => {
                let secret = SecretString::from(TOKEN_SECRET);
                self.session.with_access_token(AccessToken::signed(token, secret))
            }
        }
    }

    /// The time of every sync.
    pub(super) fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW_UNIX, 0).unwrap_or_default()
    }

    /// The number of permits issued so far.
    pub(super) fn permits(&self) -> usize {
        self.gate.permits.load(Ordering::Relaxed)
    }

    /// Writes one change; the outer error is a panic or a hang.
    pub(super) async fn push(
        &self,
        request: PushRequest,
    ) -> Result<Result<Pushed, PartnerError>, String> {
        let (partner, session) = (Arc::clone(&self.partner), self.connected());
        guarded(async move { partner.push(&session, &request).await }).await
    }

    /// Calls `find_existing`; the outer error is a panic or a hang.
    pub(super) async fn find_existing(
        &self,
        request: PushRequest,
    ) -> Result<Result<Vec<RemoteRecord>, PartnerError>, String> {
        let (partner, session) = (Arc::clone(&self.partner), self.connected());
        guarded(async move { partner.find_existing(&session, &request).await }).await
    }

    /// Fetches one page; the outer error is a panic or a hang.
    pub(super) async fn poll(
        &self,
        feed: &'static Feed,
        cursor: Option<Cursor>,
        page: Option<String>,
    ) -> Result<Result<Page, PartnerError>, String> {
        let now = Self::now();
        let backfill = chrono::Duration::from_std(self.partner.manifest().backfill);
        let backfill_from = backfill.ok().and_then(|length| now.checked_sub_signed(length));
        let request = PollRequest {
            feed,
            cursor,
            page,
            backfill_from: backfill_from.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
            now,
            is_wide: false,
            time_zone: self.time_zone,
            delivered: Vec::new(),
        };
        let (partner, session) = (Arc::clone(&self.partner), self.connected());
        guarded(async move { partner.poll(&session, &request).await }).await
    }

    /// Runs a sync to its end against `answers`.
    pub(super) async fn sync(
        &self,
        feed: &'static Feed,
        cursor: Option<Cursor>,
        answers: Vec<Canned>,
    ) -> Result<Synced, SyncFailure> {
        let prepared = answers.len();
        let permits_before = self.permits();
        self.server.prepare(answers);
        let mut synced = Synced::default();
        let mut next = None;
        loop {
            let page = self.poll(feed, cursor.clone(), next.take()).await;
            if self.server.asked_beyond() || synced.pages > prepared {
                return Err(SyncFailure::NeverEnds(format!(
                    "it asked for more after the last of the fixture's {prepared} answers"
                )));
            }
            let page = page.map_err(SyncFailure::Failed)?.map_err(|error| {
                SyncFailure::Failed(format!("page {}: {error}", synced.pages + 1))
            })?;
            next = synced.add(page);
            if next.is_none() {
                break;
            }
        }
        match self.server.answers_left() {
            0 => {
                synced.requests = self.server.received();
                synced.permits = self.permits() - permits_before;
                Ok(synced)
            }
            left => Err(SyncFailure::Failed(format!(
                "it ended although {left} of the fixture's {prepared} answers were not asked for"
            ))),
        }
    }

    /// Adds a text that must not appear in messages: there it is a leak.
    pub(super) fn tell(&self, value: &str) {
        self.telling.write().unwrap_or_else(PoisonError::into_inner).push(value.to_owned());
    }

    /// Checks that a message that is shown and stored contains no response value and no secret.
    pub(super) fn check_text(&self, text: &str) -> Result<(), String> {
        let telling = self.telling.read().unwrap_or_else(PoisonError::into_inner);
        let secrets = [ACCESS_TOKEN, TOKEN_SECRET, REFRESH_TOKEN, CLIENT_SECRET];
        match telling.iter().map(String::as_str).chain(secrets).find(|value| text.contains(value)) {
            Some(value) => Err(format!("the text {text:?} holds the value {value:?}")),
            None => Ok(()),
        }
    }
}

impl Synced {
    fn add(&mut self, page: Page) -> Option<String> {
        self.pages += 1;
        for record in page.records {
            match record {
                Ok(record) => {
                    self.kinds.push(record.body.kind());
                    self.records.push(expected::describe(&record));
                }
                Err(refused) => self.refused.push(refused),
            }
        }
        self.deleted.extend(page.deleted);
        self.cursors.extend(page.cursor.map(|cursor| (self.pages, cursor)));
        page.next_page
    }
}

/// Runs the partner's code such that its panic or hang is an error of this case only.
pub(super) async fn guarded<T: Send + 'static>(
    code: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let task = tokio::spawn(code);
    let abort = task.abort_handle();
    match tokio::time::timeout(TIMEOUT, task).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err("it panicked".to_owned()),
        Err(_) => {
            abort.abort();
            Err(format!("it was not done after {} s", TIMEOUT.as_secs()))
        }
    }
}

/// Creates a session of a connected user that allows every call immediately. For tests of a partner
/// against its simulator.
///
/// # Errors
/// When the TLS configuration of the machine cannot be read.
pub fn session(
    manifest: &'static Manifest,
    endpoints: Endpoints,
    credentials: Credentials,
    access_token: &str,
) -> Result<Session, reqwest::Error> {
    let (client, gate) = (crate::http_client()?, Arc::<CountingGate>::default());
    let (endpoints, credentials) = (Arc::new(endpoints), Arc::new(credentials));
    let session = Session::new(client, gate, manifest, endpoints, credentials, TIMEOUT);
    Ok(session.with_access_token(AccessToken::from(SecretString::from(access_token))))
}

/// Issues every permit immediately and counts them.
#[derive(Debug, Default)]
struct CountingGate {
    permits: AtomicUsize,
}

#[async_trait]
impl Gate for CountingGate {
    async fn permit(&self, _call: CallKind) -> Result<Permit, PartnerError> {
        self.permits.fetch_add(1, Ordering::Relaxed);
        Ok(Permit::new(|_| ()))
    }

    fn limited(&self, _call: CallKind, _scope: LimitScope, _wait: Option<Duration>) {}
}
