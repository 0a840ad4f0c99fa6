//! What a partner implements.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::error::PartnerError;
use crate::http::{Reply, Session};
use crate::manifest::{Auth, Manifest};
use crate::page::{Page, PollRequest};
use crate::push::{PushRequest, Pushed};
use crate::record::RemoteRecord;

/// A partner: a manifest and the code for what differs from other partners.
///
/// The daemon calls these methods inside a task with a time limit; a panic or a hang costs that
/// sync only. None of them may sleep, retry or keep state between calls.
#[async_trait]
pub trait Partner: Send + Sync + 'static {
    /// What is data about the partner.
    fn manifest(&self) -> &'static Manifest;

    /// Fetches one page of one feed. The daemon asks again with [`Page::next_page`] until there is
    /// none.
    async fn poll(&self, session: &Session, request: &PollRequest) -> Result<Page, PartnerError>;

    /// Writes one change. Only what [`Manifest::push`] offers is asked for.
    ///
    /// [`Call::write`](crate::Call::write) and [`Call::change`](crate::Call::change) read plain
    /// HTTP's ways to say the following.
    ///
    /// A change the partner will never take is [`PartnerError::Rejected`], with the partner's reason
    /// and without any value. To delete what is not there any more has worked:
    /// [`Pushed::Gone`]; an update of what is not there any more is [`Pushed::Gone`], too.
    async fn push(
        &self,
        _session: &Session,
        _request: &PushRequest,
    ) -> Result<Pushed, PartnerError> {
        Err(PartnerError::Rejected("this partner takes no changes".into()))
    }

    /// Writes several changes of one sort (the same [`Writable`](crate::Writable), the same action)
    /// in as few calls as the partner lets, where [`Writable::batch`](crate::Writable::batch) is
    /// more than 1. Gives an outcome for each, in their order.
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

    /// What the partner has of the kind of `request` about its time, as a poll shows it: at least
    /// everything within a minute of it, or on its day where the partner keeps days only. Asked
    /// after a push whose outcome is not known, so that nothing is written twice.
    async fn find_existing(
        &self,
        _session: &Session,
        _request: &PushRequest,
    ) -> Result<Vec<RemoteRecord>, PartnerError> {
        Ok(Vec::new())
    }

    /// Reads the answer of a token call into the object of RFC 6749 §5.1 (`access_token`,
    /// `refresh_token`, `expires_in` …). Override it for partners that wrap tokens or report
    /// failures in their own way. A code or refresh token that is not accepted is
    /// [`PartnerError::Unauthorized`]. With OAuth 1.0a it is an object of the form's parameters
    /// (`oauth_token`, `oauth_token_secret` …).
    fn token_reply(&self, reply: &Reply) -> Result<Value, PartnerError> {
        match self.manifest().auth {
            Auth::OAuth2(_) => standard_token_reply(reply),
            Auth::OAuth1(_) => form_token_reply(reply),
        }
    }

    /// The partner's lasting id of the user. `token` is what [`Partner::token_reply`] gave at the
    /// connect; `session` already carries the new access token for partners that need a second
    /// call.
    async fn external_user_id(
        &self,
        session: &Session,
        token: &Value,
    ) -> Result<String, PartnerError>;

    /// Withdraws the user's grant at the partner. By default RFC 7009 at the manifest's
    /// `revoke_url`; where there is none, only the user can do it.
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

/// What the user granted, as far as revoking needs it.
#[derive(Debug)]
pub struct Grant {
    /// The partner's id of the user.
    pub external_user_id: String,
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token, where the partner has such.
    pub refresh_token: Option<SecretString>,
    /// The present time, for partners that want it in a signed call.
    pub now: DateTime<Utc>,
}

/// Reads a token answer by RFC 6749: §5.1 on success; on failure §5.2 (`invalid_grant` and
/// `invalid_client` are [`PartnerError::Unauthorized`] and [`PartnerError::Malformed`]).
pub fn standard_token_reply(reply: &Reply) -> Result<Value, PartnerError> {
    if reply.status == 400 || reply.status == 401 {
        let error = reply.json::<Value>().ok();
        let code = error.as_ref().and_then(|error| error.get("error")).and_then(Value::as_str);
        return Err(match code {
            Some("invalid_client" | "unauthorized_client") => PartnerError::Malformed(
                "the client id or secret is not accepted; check client_id and client_secret".into(),
            ),
            Some("invalid_grant") | None => {
                PartnerError::Unauthorized("the code or refresh token is not valid any more".into())
            }
            Some(_) => PartnerError::Malformed("the token request was not accepted".into()),
        });
    }
    reply.check()?;
    reply.json()
}

/// Reads a token answer by RFC 5849 §2.1 and §2.3: a form with a token and its secret. What is not
/// accepted is [`PartnerError::Unauthorized`], or [`PartnerError::Malformed`] where the partner tells
/// (by the extension "problem reporting") that it is not about the token.
pub fn form_token_reply(reply: &Reply) -> Result<Value, PartnerError> {
    let form: Map<String, Value> = url::form_urlencoded::parse(&reply.body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    if reply.status == 400 || reply.status == 401 {
        let problem = form.get("oauth_problem").and_then(Value::as_str).unwrap_or_default();
        return Err(match problem {
            "timestamp_refused"
            | "nonce_used"
            | "version_rejected"
            | "parameter_absent"
            | "parameter_rejected"
            | "signature_method_rejected" => {
                PartnerError::Malformed("the token request was not accepted".into())
            }
            _ if problem.starts_with("consumer_key") || problem == "signature_invalid" => {
                PartnerError::Malformed(
                    "the client id or secret is not accepted; check client_id and client_secret"
                        .into(),
                )
            }
            _ => PartnerError::Unauthorized("the token or its verifier is not valid".into()),
        });
    }
    reply.check()?;
    let has = |name| form.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if has("oauth_token") && has("oauth_token_secret") {
        return Ok(Value::Object(form));
    }
    if reply.is_markup() {
        return Err(PartnerError::Transient("it answered with a web page instead of data".into()));
    }
    Err(PartnerError::Malformed("the token answer has no token and secret".into()))
}
