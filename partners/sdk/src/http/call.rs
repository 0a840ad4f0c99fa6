//! One call: built by a partner, sent by the session.

use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use chrono::DateTime;
use http::header::{ACCEPT, AGE, AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::receiving::receive;
use super::signing::{Protocol, Signer};
use super::timestamps::Stamp;
use super::{Reply, Session};
use crate::error::PartnerError;
use crate::manifest::{Auth, CallKind};

/// The longest address that is called. It may be a link from an answer; servers take 8 kB.
const MAX_URL: usize = 16 * 1024;

/// A call being built.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    session: Session,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Bytes>,
    anonymous: bool,
    protocol: Protocol,
    problem: Option<PartnerError>,
}

impl Call {
    pub(super) fn new(session: Session, method: Method, url: String) -> Self {
        let headers =
            HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let (body, protocol, problem) = (None, Protocol::default(), None);
        Self { session, method, url, headers, body, anonymous: false, protocol, problem }
    }

    /// Sends no access token.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Sets the callback URL, in the call for a request token (OAuth 1.0a).
    pub fn callback(mut self, url: &str) -> Self {
        self.protocol.callback = Some(url.to_owned());
        self
    }

    /// Sets the verifier from the callback, in the call for an access token (OAuth 1.0a).
    pub fn verifier(mut self, verifier: SecretString) -> Self {
        self.protocol.verifier = Some(verifier);
        self
    }

    /// Requests this media type instead of `application/json`.
    pub fn accept(self, media_type: &str) -> Self {
        self.header(ACCEPT, media_type)
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(_) => {
                self.problem = Some(PartnerError::Malformed("a header is not sendable".into()))
            }
        }
        self
    }

    /// Adds query parameters to the URL. Never secrets: URLs end up in the logs of proxies.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(mut self, parameters: &[(K, V)]) -> Self {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let query = query.finish();
        if !query.is_empty() {
            self.url.push(if self.url.contains('?') { '&' } else { '?' });
            self.url.push_str(&query);
        }
        self
    }

    /// Sends these parameters as a form body.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(mut self, parameters: &[(K, V)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters);
        self.body = Some(form.finish().into());
        self.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    /// Sends `body` as JSON.
    pub fn json<T: Serialize>(mut self, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.body = Some(body.into()),
            Err(_) => {
                self.problem = Some(PartnerError::Malformed("the body is not sendable".into()))
            }
        }
        self.header(CONTENT_TYPE, "application/json")
    }

    /// Sends a raw body, for protocols that other libraries prepare (OAuth).
    pub fn raw(mut self, headers: HeaderMap, body: Vec<u8>) -> Self {
        self.headers.extend(headers);
        self.body = Some(body.into());
        self
    }

    /// Sends the call and parses the response as JSON.
    pub async fn fetch<T: DeserializeOwned>(self) -> Result<T, PartnerError> {
        self.send().await?.json()
    }

    /// Sends the call. A response that is an error by the partner's or the general rules fails.
    pub async fn send(self) -> Result<Reply, PartnerError> {
        let kind = self.kind();
        let (session, reply) = self.transfer().await?;
        session.judge(kind, &reply, Reply::check).map(|()| reply)
    }

    /// Sends a call that creates something at the partner. As [`Call::send`], but an error about
    /// the record is [`PartnerError::Rejected`].
    pub async fn write(self) -> Result<Reply, PartnerError> {
        let kind = self.kind();
        let (session, reply) = self.transfer().await?;
        session.judge(kind, &reply, Reply::check_write).map(|()| reply)
    }

    /// Sends a call that changes or deletes something at the partner. As [`Call::write`], but
    /// returns `None` if it no longer exists (404, 410).
    pub async fn change(self) -> Result<Option<Reply>, PartnerError> {
        let kind = self.kind();
        let (session, reply) = self.transfer().await?;
        let mut missing = false;
        let check = |reply: &Reply| {
            missing = matches!(reply.status, 404 | 410);
            if missing { Ok(()) } else { reply.check_write() }
        };
        session.judge(kind, &reply, check)?;
        Ok((!missing).then_some(reply))
    }

    /// Sends a deletion that the partner answers with 204, or with 404 or 410 if there is nothing any more.
    /// Another success is not believed: a program on the way may have said so.
    pub async fn remove(self) -> Result<(), PartnerError> {
        match self.change().await? {
            Some(reply) if reply.status != 204 => Err(PartnerError::Malformed(
                format!("a deletion was answered with HTTP {} instead of 204", reply.status).into(),
            )),
            _ => Ok(()),
        }
    }

    /// Sends the call. As [`Call::send`], but returns `None` for a failure that is as good as a
    /// success, such as the one that says that there is nothing to do.
    pub async fn send_unless(
        self,
        is_done: impl FnOnce(&Reply) -> bool,
    ) -> Result<Option<Reply>, PartnerError> {
        let kind = self.kind();
        let (session, reply) = self.transfer().await?;
        if is_done(&reply) {
            return Ok(None);
        }
        session.judge(kind, &reply, Reply::check).map(|()| Some(reply))
    }

    /// Sends the call and returns the response unchecked. For token calls, whose failures
    /// [`Partner::token_reply`](crate::Partner::token_reply) reads.
    pub async fn send_unchecked(self) -> Result<Reply, PartnerError> {
        self.transfer().await.map(|(_, reply)| reply)
    }

    fn kind(&self) -> CallKind {
        match self.method {
            Method::GET | Method::HEAD => CallKind::Read,
            _ => CallKind::Write,
        }
    }

    async fn transfer(mut self) -> Result<(Session, Reply), PartnerError> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        // What was made of the last answer is stored, or in the partner's hands and small.
        self.session.give_room_back();
        if self.url.len() > MAX_URL {
            return Err(PartnerError::Malformed("the address of the next call is too long".into()));
        }
        let kind = self.kind();
        let mut permit = self.session.gate.permit(kind).await?;
        // After the permit: a timestamp taken before the wait for it would be too old.
        let stamp = self.authorize().await?;
        let Self { session, method, url, headers, body, .. } = self;
        let mut request = session.client.request(method, &url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let began = Instant::now();
        let answer = receive(&session, request).await;
        session.gate.answered(answer.as_ref().ok().map(|reply| reply.status), began.elapsed());
        if let Ok(reply) = &answer {
            if let Some(at) = date(&reply.headers) {
                session.partners_time.store(at, Ordering::Relaxed);
            }
            permit.tell((session.manifest.read_limits)(&reply.headers));
        }
        drop((permit, stamp));
        Ok((session, answer?))
    }

    /// Adds the user's token, alone or in a signature. Returns the timestamp of the signature.
    async fn authorize(&mut self) -> Result<Option<Stamp>, PartnerError> {
        let token = self.session.access_token.as_ref().filter(|_| !self.anonymous);
        let Auth::OAuth1(spec) = self.session.manifest.auth else {
            if let Some(token) = token {
                self.headers.insert(AUTHORIZATION, token.bearer()?);
            }
            return Ok(None);
        };
        let missing =
            || PartnerError::Malformed("the session has no timestamps to sign with".into());
        let stamp = self.session.timestamps.as_ref().ok_or_else(missing)?.take().await;
        let signer = Signer {
            client: self.session.credentials(),
            token,
            protocol: &self.protocol,
            timestamp: stamp.seconds(),
            nonce: None,
        };
        let (method, body) = (self.method.as_str(), self.body.as_ref());
        signer.sign(spec.placement, method, &mut self.url, &mut self.headers, body)?;
        Ok(Some(stamp))
    }
}

/// When the answer was made, in Unix seconds. One from a cache may be old (RFC 9110 §6.6.1, RFC 9111
/// §5.1).
fn date(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(DATE).filter(|_| !headers.contains_key(AGE))?.to_str().ok()?;
    DateTime::parse_from_rfc2822(date).ok().map(|at| at.timestamp())
}
