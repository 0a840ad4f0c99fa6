//! The trait that a partner implements.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::Value;

use crate::error::PartnerError;
use crate::http::{Reply, Session};
use crate::manifest::{Auth, Manifest};
use crate::notification::Notifier;
use crate::page::{Cursor, Page, PollRequest};
use crate::push::{PushRequest, Pushed};
use crate::record::RemoteRecord;
use crate::token::{form_token_reply, standard_token_reply};

/// A partner: a manifest and the code for what differs from other partners.
///
/// The daemon calls these methods inside a task with a time limit; a panic or a hang fails only
/// that sync. None of them may sleep, retry or keep state between calls.
#[async_trait]
pub trait Partner: Send + Sync + 'static {
    /// The data that describes the partner.
    fn manifest(&self) -> &'static Manifest;

    /// Fetches one page of one feed. The daemon calls again with [`Page::next_page`] until there is
    /// none.
    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError>;

    /// Writes one change. Called only for what [`Manifest::push`] offers.
    ///
    /// A change that the partner will never accept is [`PartnerError::Rejected`], with the
    /// partner's reason and without any value. The deletion of what no longer exists succeeds:
    /// [`Pushed::Gone`]. An update of what no longer exists is [`Pushed::Gone`], too.
    ///
    /// [`Call::write`](crate::Call::write) and [`Call::change`](crate::Call::change) recognize
    /// these cases by the plain HTTP status.
    async fn push(
        &self,
        _session: &Session,
        _request: &PushRequest,
    ) -> Result<Pushed, PartnerError> {
        Err(PartnerError::Rejected("this partner takes no changes".into()))
    }

    /// Writes several changes of the same type (same [`Writable`](crate::Writable), same action) in
    /// as few calls as the partner allows, if [`Writable::batch`](crate::Writable::batch) is more
    /// than 1. Returns an outcome for each, in the same order.
    async fn push_batch(
        &self,
        session: &Session,
        requests: &[PushRequest],
    ) -> Vec<Result<Pushed, PartnerError>> {
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            outcomes.push(self.push(session, request).await);
        }
        outcomes
    }

    /// Returns what the partner has of the kind of `request` around its time, mapped as in a poll:
    /// at least everything within a minute, or on its day where the partner stores days only.
    /// Called after a push with an unknown outcome, so that nothing is written twice.
    async fn find_existing(
        &self,
        _session: &Session,
        _request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        Ok(Vec::new())
    }

    /// Asks for one item of a feed by its source id: what a page of only this item would contain,
    /// with the id in [`Page::deleted`] if the partner says that it does not exist. `None` where the
    /// partner has no such call. Called when so much is missing from a list that the list may be at
    /// fault.
    async fn read_one(
        &self,
        _session: &Session,
        _request: &PollRequest,
        _source_id: &str,
    ) -> Result<Option<Page>, PartnerError> {
        Ok(None)
    }

    /// The code for the partner's notifications, if it sends any.
    fn notifier(&self) -> Option<&dyn Notifier> {
        None
    }

    /// Where a cursor of a feed stands, in words for the timeline: `modified until 2026-03-04 06:15:09
    /// UTC`. No token and no value of a record. `None` if it does not say; then the timeline says when
    /// the feed was last read.
    fn describe_cursor(&self, _feed: &str, _cursor: &Cursor) -> Option<String> {
        None
    }

    /// Converts the response of a token call to the object of RFC 6749 §5.1 (`access_token`,
    /// `refresh_token`, `expires_in` …). Override it for partners that wrap tokens or report
    /// failures in their own way. With OAuth 1.0a, the object contains the form's parameters
    /// (`oauth_token`, `oauth_token_secret` …).
    ///
    /// [`PartnerError::Unauthorized`] ends the connection: return it only for an error that the
    /// partner names in the response and that means a dead code or refresh token, whatever the
    /// status. What names no error is read with [`Reply::check_token`].
    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        match self.manifest().auth {
            Auth::OAuth2(_) => standard_token_reply(reply),
            Auth::OAuth1(_) => form_token_reply(reply),
        }
    }

    /// The partner's permanent id of the user. `token` is the result of [`Partner::token_reply`] at
    /// the connect; `session` already has the new access token, for partners that need a second
    /// call.
    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError>;

    /// Revokes the user's grant at the partner. By default RFC 7009 at the manifest's `revoke_url`;
    /// without one, only the user can revoke it.
    async fn revoke(&self, session: &Session, grant: &Grant) -> Result<(), PartnerError> {
        use secrecy::ExposeSecret;
        let Some(url) = session.endpoints().revoke_url.clone() else {
            let title = self.manifest().title;
            let why = format!("only the user can take the access back, at {title}");
            return Err(PartnerError::Rejected(why.into()));
        };
        let token = grant.refresh_token.as_ref().unwrap_or(&grant.access_token);
        let client = session.credentials();
        let form = [
            ("token", token.expose_secret()),
            ("client_id", &client.client_id),
            ("client_secret", client.client_secret.expose_secret()),
        ];
        session.post_url(&url).anonymous().form(&form).send().await.map(drop)
    }
}

/// What the user granted, as needed to revoke it.
#[derive(Debug)]
pub struct Grant {
    /// The partner's id of the user.
    pub external_user_id: String,
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token, if the partner issues one.
    pub refresh_token: Option<SecretString>,
    /// The current time, for partners that require it in a signed call.
    pub now: DateTime<Utc>,
}
