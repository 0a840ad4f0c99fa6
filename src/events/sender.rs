//! Sends one message: signed, to an address that was checked, within a time.

use std::error::Error;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use partner_sdk::secrecy::ExposeSecret;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};

use super::signature::signatures;
use super::target::{CheckedResolver, RefusedAddress, checked_target};
use super::verdict::Answer;
use crate::settings;
use crate::store::WebhookEndpoint;
use crate::telemetry::traces::TraceContext;

/// How much of an answer is read, so that the connection can be used again. Nothing of it is kept.
const MOST_READ: usize = 4 * 1024;

/// How long an idle connection is kept: a name is resolved and checked again soon.
const KEPT_IDLE: Duration = Duration::from_secs(4);

/// The longest text about an error.
const LONGEST_ERROR: usize = 200;

/// Sends messages.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    client: reqwest::Client,
    allow_private: bool,
}

impl Sender {
    pub(super) fn new(settings: &settings::Events) -> Result<Self, reqwest::Error> {
        let allow_private = settings.allow_private_targets;
        let builder = || {
            // Fails only when a provider is already installed, which works as well.
            drop(rustls::crypto::ring::default_provider().install_default());
            reqwest::Client::builder()
                .user_agent(concat!("Syncwell/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .dns_resolver(CheckedResolver { allow_private })
                .timeout(settings.timeout)
                .pool_idle_timeout(KEPT_IDLE)
        };
        // Without system certificates, calls to loopback still work.
        let client = builder().build().or_else(|_| builder().tls_certs_only([]).build())?;
        Ok(Self { client, allow_private })
    }

    /// Sends a body once. Returns how that ended and how long it took.
    pub(super) async fn send(
        &self,
        endpoint: &WebhookEndpoint,
        id: &str,
        body: Vec<u8>,
        now: DateTime<Utc>,
    ) -> (Answer, Duration) {
        let began = Instant::now();
        let answer = match self.try_send(endpoint, id, body, now).await {
            Ok(answer) | Err(answer) => answer,
        };
        (answer, began.elapsed())
    }

    async fn try_send(
        &self,
        endpoint: &WebhookEndpoint,
        id: &str,
        body: Vec<u8>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Answer> {
        // A literal address does not pass the resolver.
        let url = checked_target(endpoint.url.expose_secret(), self.allow_private);
        let url = url.map_err(Answer::NotReached)?;
        let previous = endpoint.previous_secret.iter().filter(|(_, until)| *until > now);
        let secrets = [&endpoint.secret].into_iter().chain(previous.map(|(secret, _)| secret));
        let timestamp = now.timestamp();
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures(secrets, id, timestamp, &body))
            .body(body);
        // W3C Trace Context: the host app goes on with our trace.
        if let Some(trace) = TraceContext::current().traceparent() {
            request = request.header("traceparent", trace);
        }
        let mut response = request.send().await.map_err(|error| in_words(&error))?;
        let wait = retry_after(response.headers(), now);
        let answer = Answer::Status(response.status().as_u16(), wait);
        let mut read = 0;
        // What it answered counts, whatever becomes of the rest.
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read >= MOST_READ {
                break;
            }
        }
        Ok(answer)
    }
}

/// `Retry-After` in either of its forms (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now).to_std().ok(),
    }
}

/// What kept a message from being sent. The address is left out: its query may have a secret.
fn in_words(error: &reqwest::Error) -> Answer {
    let mut deepest: &dyn Error = error;
    while let Some(source) = deepest.source() {
        if let Some(refused) = source.downcast_ref::<RefusedAddress>() {
            return Answer::NotReached(refused.to_string());
        }
        deepest = source;
    }
    // One that lets no connection be made is not reached, however long that takes.
    if error.is_timeout() && !error.is_connect() {
        return Answer::TimedOut;
    }
    let mut why = match deepest.is::<reqwest::Error>() {
        true => "the call failed".to_owned(),
        false => deepest.to_string(),
    };
    why.truncate(why.floor_char_boundary(LONGEST_ERROR));
    let what = if error.is_connect() { "it cannot be reached" } else { "the call broke off" };
    Answer::NotReached(format!("{what}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_or_as_a_date() {
        let now: DateTime<Utc> = "2026-12-01T12:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("Tue, 01 Dec 2026 12:01:00 GMT", Some(60)),
            ("Tue, 01 Dec 2026 11:00:00 GMT", None),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect();
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), seconds, "{text}");
        }
    }
}
