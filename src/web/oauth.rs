//! The OAuth callback, where the browser comes back from a partner.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, head, web};
use chrono::{DateTime, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::oneshot;
use utoipa::IntoParams;

use super::api::choices::in_words;
use super::connects::ConnectAnswer;
use super::{Problem, State, ending, restarting};
use crate::actors::{Connect, PartnerActor};
use crate::audit::{Act, Actor, Outcome};
use crate::installed::InstalledPartner;
use crate::model::{Cause, Choice, ConnectEnd};
use crate::oauth::{AuthorizationResponse, OAuth};
use crate::settings::Secret;
use crate::store::{CONFIRM_WITHIN, ConnectReturn, Note, PendingAuthorization, TakenAuthorization};
use crate::vault::secret_digest;

/// The parameters that a partner adds to the redirect URL. Partners add more than the standard
/// defines, so unknown parameters are ignored.
#[derive(Deserialize, IntoParams)]
struct Returned {
    /// The code to exchange.
    #[param(value_type = Option<String>)]
    code: Option<Secret>,
    /// Identifies the connect.
    #[param(value_type = Option<String>)]
    state: Option<Secret>,
    /// Who answers, if the partner says so (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
    /// The scopes that the user granted, if the partner reports them here.
    scope: Option<String>,
    /// OAuth 1.0a: identifies the connect.
    #[param(value_type = Option<String>)]
    oauth_token: Option<Secret>,
    /// OAuth 1.0a: the verifier, which shows that access was granted.
    #[param(value_type = Option<String>)]
    oauth_verifier: Option<Secret>,
    /// OAuth 1.0a: why there is no verifier.
    oauth_problem: Option<String>,
    /// OAuth 1.0a: identifies the connect if access was denied.
    #[param(value_type = Option<String>)]
    denied: Option<Secret>,
}

/// What a browser brings back, independent of the protocol.
struct Brought {
    /// Identifies the connect.
    known_by: Option<Secret>,
    outcome: CallbackOutcome,
}

enum CallbackOutcome {
    /// With the scopes, if the partner reports them here.
    Granted(AuthorizationResponse, Option<String>),
    Denied,
    /// Why there is no result.
    Nothing(&'static str),
}

impl Returned {
    fn read(self, oauth: &OAuth) -> Brought {
        match oauth {
            OAuth::Code(flow) => {
                let outcome = match (self.code, self.error.as_deref()) {
                    _ if self.iss.as_deref().is_some_and(|iss| !flow.is_issuer(iss)) => {
                        CallbackOutcome::Nothing("the answer names another server as its sender")
                    }
                    (_, Some("access_denied")) => CallbackOutcome::Denied,
                    (_, Some(_)) => {
                        CallbackOutcome::Nothing("the partner ended the connect with an error")
                    }
                    (None, None) => {
                        CallbackOutcome::Nothing("the partner sent neither a code nor an error")
                    }
                    (Some(code), None) => CallbackOutcome::Granted(
                        AuthorizationResponse::Code(code.into()),
                        self.scope,
                    ),
                };
                Brought { known_by: self.state, outcome }
            }
            // RFC 5849 §2.2 does not define a denial. Partners send a token without a verifier, the
            // extension "problem reporting", or the token under another name.
            OAuth::Signed(_) => match (self.oauth_token, self.oauth_verifier, self.denied) {
                (Some(token), Some(verifier), None) if self.oauth_problem.is_none() => {
                    let response = AuthorizationResponse::Verifier {
                        token: token.clone().into(),
                        verifier: verifier.into(),
                    };
                    Brought {
                        known_by: Some(token),
                        outcome: CallbackOutcome::Granted(response, None),
                    }
                }
                (None, _, None) if self.oauth_problem.is_none() => Brought {
                    known_by: None,
                    outcome: CallbackOutcome::Nothing("nothing came back"),
                },
                (token, _, denied) => {
                    Brought { known_by: token.or(denied), outcome: CallbackOutcome::Denied }
                }
            },
        }
    }
}

impl Brought {
    /// Identifies what was brought back: the same callback again has the same digest.
    fn digest(&self) -> Vec<u8> {
        let brought = match &self.outcome {
            CallbackOutcome::Granted(AuthorizationResponse::Code(code), _) => {
                format!("code {}", code.expose_secret())
            }
            CallbackOutcome::Granted(AuthorizationResponse::Verifier { verifier, .. }, _) => {
                format!("verifier {}", verifier.expose_secret())
            }
            CallbackOutcome::Denied => "denied".to_owned(),
            CallbackOutcome::Nothing(reason) => (*reason).to_owned(),
        };
        secret_digest(&brought)
    }
}

/// How long a returning browser waits for the partner's actor. Some codes expire after half a
/// minute.
const ACTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connect ended, and why in words for the timeline.
struct Ended {
    end: ConnectEnd,
    summary: String,
}

/// Partners check that the callback exists. They do when an application is registered, before there are
/// credentials to install the partner with. Programs that look at links ask the same way. It takes
/// no connect and spends no code.
#[utoipa::path(operation_id = "check_callback", tag = "oauth", params(("partner" = String, Path, description = "The partner's name")), responses(
    (status = 200, description = "Always, without a body"),
))]
#[head("/oauth/{partner}/callback")]
pub(super) async fn callback_exists() -> HttpResponse {
    HttpResponse::Ok().finish()
}

/// The browser comes back from the partner. The code is exchanged at once, the tokens are stored, a
/// first sync starts, and the browser is redirected to `return_url` with
/// `status=connected|unconfirmed|denied|error` and `partner`. `unconfirmed` comes with `confirm`, a token for
/// `POST …/confirm`, if the connect was begun with `confirm`. `error` comes with `reason`: `code_refused` (it had
/// expired, or was used before), `partner_unavailable`, `partner_refused`, `link_expired` or
/// `interrupted` (the daemon was stopped, or its database failed). The same callback again gets the same
/// answer; a prefetch spends nothing.
#[utoipa::path(operation_id = "finish_connect", tag = "oauth", params(("partner" = String, Path, description = "The partner's name"), Returned), responses(
    (status = 303, description = "Redirect to the `return_url`"),
    (status = 200, description = "A page, if there was no `return_url` or the connect was begun on the connect page", body = String, content_type = "text/html", example = json!("<!doctype html>\n<html lang=\"en\">… <h1>Withings is connected</h1> …</html>")),
    (status = 502, description = "A page, likewise: the partner did not accept the code or did not answer, or the connect was interrupted"),
    (status = 503, description = "A page: the daemon is starting, or the browser only prefetches; the link still works"),
    (status = 400, description = "A page: the connect is unknown, ended with another code, or expired without a `return_url`"),
))]
#[get("/oauth/{partner}/callback")]
pub(super) async fn callback(
    request: HttpRequest,
    partner: web::Path<String>,
    returned: web::Query<Returned>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = Arc::clone(state.partner(&partner)?);
    if is_ahead_of_a_visit(&request) {
        return Ok(not_yet());
    }
    let brought = returned.into_inner().read(&spec.oauth);
    let Some(known_by) = brought.known_by.clone() else {
        // Some partners send no state back with a denial; then the user is unknown.
        let denied = matches!(brought.outcome, CallbackOutcome::Denied);
        let answer = if denied {
            ConnectAnswer::Ended(ConnectReturn::default(), ConnectEnd::Denied)
        } else {
            ConnectAnswer::Unknown
        };
        return Ok(ending::answer(&state, &request, &spec, answer, None).await);
    };
    let Some(actor) = state.directory.await_actor(spec.name(), ACTOR_TIMEOUT).await else {
        return Ok(ending::answer(&state, &request, &spec, ConnectAnswer::NotNow, None).await);
    };
    let digest = brought.digest();
    let key = (spec.name(), secret_digest(known_by.as_ref().expose_secret()), digest.clone());
    let confirm = confirm_token(&state, known_by.as_ref());
    let work = {
        let (state, spec) = (state.get_ref().clone(), Arc::clone(&spec));
        async move {
            let known_by: SecretString = known_by.into();
            connect(&state, &actor, &spec, &known_by, digest, brought.outcome).await
        }
    };
    // Without an answer its code panicked: the store may know how it ended.
    let answer = state.connects.join(key, work).await.unwrap_or(ConnectAnswer::NotNow);
    Ok(ending::answer(&state, &request, &spec, answer, Some(&confirm)).await)
}

/// Takes the connect that a browser comes back from, and ends it.
async fn connect(
    state: &State,
    actor: &Addr<PartnerActor>,
    spec: &InstalledPartner,
    known_by: &SecretString,
    digest: Vec<u8>,
    outcome: CallbackOutcome,
) -> ConnectAnswer {
    let started_at = state.now();
    let partner = spec.name().to_owned();
    let taken = state.store().take_authorization(known_by, partner, digest, started_at).await;
    let pending = match taken {
        Ok(Some(TakenAuthorization::First(pending))) => pending,
        Ok(Some(TakenAuthorization::Again { back, ended })) => {
            return ConnectAnswer::Ended(back, ended);
        }
        Ok(Some(TakenAuthorization::Otherwise { back })) => {
            return ConnectAnswer::Otherwise(back);
        }
        Ok(None) => return ConnectAnswer::Unknown,
        Err(error) => {
            tracing::error!(%error, "a connect could not be looked up; its browser may reload");
            return ConnectAnswer::NotNow;
        }
    };
    let chosen = pending.choices.iter().cloned();
    let choices: Vec<Choice> =
        chosen.map(|(name, value)| Choice::new(spec.manifest(), name, value)).collect();
    let confirm = pending.back.confirm.then(|| confirm_token(state, known_by));
    let ended = finish(actor, spec, &pending, choices, confirm, outcome, started_at).await;
    let end = ended.end;
    // What was stored with the connect counts; these only tell of it.
    let noted = async {
        state.store().end_authorization(known_by, end).await?;
        let line = Note {
            connection: pending.connection,
            user: &pending.user_id,
            partner: &pending.partner,
            cause: Cause::Connect,
            outcome: end.line(),
            summary: ended.summary,
        };
        state.store().note(line.between(started_at, state.now())).await?;
        let action = match end {
            ConnectEnd::Connected => "connection.connected",
            ConnectEnd::Unconfirmed => "connection.awaits_confirmation",
            _ => return Ok(()),
        };
        let act = Act {
            actor: Actor::User,
            action,
            outcome: Outcome::Done,
            subject: Some(pending.user_id.clone()),
            about: Some(pending.partner.clone()),
        };
        state.store().audit(act, state.now()).await
    };
    if let Err(error) = noted.await {
        tracing::error!(%error, "how a connect ended was not noted");
    }
    ConnectAnswer::Ended(pending.back, end)
}

/// What confirms the connect of a `state`: the same for a browser that comes back once more.
pub(super) fn confirm_token(state: &State, known_by: &SecretString) -> SecretString {
    state.store().vault().derive(&format!("confirm/{}", known_by.expose_secret()))
}

/// Whether a browser fetches the page in case it is visited, or to show a preview.
pub(super) fn is_ahead_of_a_visit(request: &HttpRequest) -> bool {
    ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        request.headers().get_all(*name).filter_map(|value| value.to_str().ok()).any(|value| {
            let value = value.to_ascii_lowercase();
            ["prefetch", "prerender", "preview"].iter().any(|purpose| value.contains(purpose))
        })
    })
}

async fn finish(
    actor: &Addr<PartnerActor>,
    spec: &InstalledPartner,
    pending: &PendingAuthorization,
    choices: Vec<Choice>,
    confirm: Option<SecretString>,
    outcome: CallbackOutcome,
    now: DateTime<Utc>,
) -> Ended {
    let title = spec.manifest().title;
    let failed =
        |end, why: &str| Ended { end, summary: format!("{title} was not connected: {why}") };
    let (response, scopes) = match outcome {
        CallbackOutcome::Granted(response, scopes) => (response, scopes),
        CallbackOutcome::Denied => {
            let summary = format!("the user did not grant access at {title}");
            return Ended { end: ConnectEnd::Denied, summary };
        }
        CallbackOutcome::Nothing(reason) => return failed(ConnectEnd::PartnerRefused, reason),
    };
    let (reply, done) = oneshot::channel();
    let (connection, secrets) = (pending.connection, pending.secrets.clone());
    let with = in_words(&choices);
    let confirm = confirm.map(|token| (token, now + CONFIRM_WITHIN));
    actor.do_send(Connect { connection, response, secrets, scopes, choices, confirm, reply });
    match done.await {
        Ok(Ok(connected)) if connected.awaits_confirmation => Ended {
            end: ConnectEnd::Unconfirmed,
            summary: format!("came back from {title}; the app has ten minutes to confirm it"),
        },
        Ok(Ok(connected)) => {
            let mut summary = if connected.same_account {
                format!("connected {title} again, to the same account")
            } else {
                format!("connected {title}; its data is read from the beginning")
            };
            if !with.is_empty() {
                summary.push_str(&format!("; with {with}"));
            }
            Ended { end: ConnectEnd::Connected, summary }
        }
        Ok(Err(failure)) => failed(failure.end, &failure.text),
        Err(_) => failed(ConnectEnd::Interrupted, &restarting(spec.name()).to_string()),
    }
}

/// For a prefetch: not a success, so that the browser asks again when the user visits the page.
pub(super) fn not_yet() -> HttpResponse {
    HttpResponse::ServiceUnavailable()
        .insert_header((header::VARY, "Sec-Purpose, Purpose, X-Purpose, X-Moz"))
        .finish()
}
