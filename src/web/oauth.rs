//! The OAuth callback, where the browser comes back from a partner.

use std::time::Duration;

use actix::Addr;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, get, web};
use serde::Deserialize;
use tokio::sync::oneshot;
use url::Url;
use utoipa::IntoParams;

use super::pages::Ending;
use super::{Problem, State, restarting};
use crate::actors::{Connect, PartnerActor};
use crate::installed::InstalledPartner;
use crate::model::{Cause, LineOutcome};
use crate::oauth::{AuthorizationResponse, OAuth};
use crate::settings::Secret;
use crate::store::{Note, PendingAuthorization};

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
            OAuth::Code(_) => {
                let outcome = match (self.code, self.error.as_deref()) {
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

/// How long a returning browser waits for the partner's actor. Some codes expire after half a
/// minute.
const ACTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connect ended.
enum ConnectOutcome {
    Connected { same_account: bool },
    Denied,
    Failed(String),
}

impl ConnectOutcome {
    fn status(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Denied => "denied",
            Self::Failed(_) => "error",
        }
    }
}

/// The browser comes back from the partner. The code is exchanged at once, the tokens are stored, a
/// first sync starts, and the browser is redirected to `return_url` with
/// `status=connected|denied|error`.
#[utoipa::path(tag = "oauth", params(("partner" = String, Path, description = "The partner's name"), Returned), responses(
    (status = 303, description = "Redirect to the `return_url`"),
    (status = 200, description = "A page, if there was no `return_url`"),
    (status = 502, description = "A page: the partner did not accept the code or did not answer"),
    (status = 503, description = "A page: the daemon is starting; the link still works"),
    (status = 400, description = "A page: the connect is unknown, expired, or already used"),
))]
#[get("/oauth/{partner}/callback")]
pub(super) async fn callback(
    partner: web::Path<String>,
    returned: web::Query<Returned>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let spec = state.partner(&partner)?;
    let Brought { known_by, outcome } = returned.into_inner().read(&spec.oauth);
    let Some(actor) = state.directory.await_actor(spec.name(), ACTOR_TIMEOUT).await else {
        return Ok(not_now());
    };
    let pending = match &known_by {
        Some(known_by) => state.store().take_authorization(known_by.as_ref(), state.now()).await?,
        None => None,
    };
    let Some(pending) = pending.filter(|pending| pending.partner == *partner) else {
        // Some partners send no state back with a denial; then the user is unknown.
        let denied = known_by.is_none() && matches!(outcome, CallbackOutcome::Denied);
        return Ok(if denied { send_on(spec, None, &ConnectOutcome::Denied) } else { expired() });
    };
    let started_at = state.now();
    let ended = finish(&actor, spec, &pending, outcome).await;
    note(&state, spec, &pending, &ended, started_at).await?;
    Ok(send_on(spec, pending.return_url.as_deref(), &ended))
}

async fn finish(
    actor: &Addr<PartnerActor>,
    spec: &InstalledPartner,
    pending: &PendingAuthorization,
    outcome: CallbackOutcome,
) -> ConnectOutcome {
    let (response, scopes) = match outcome {
        CallbackOutcome::Granted(response, scopes) => (response, scopes),
        CallbackOutcome::Denied => return ConnectOutcome::Denied,
        CallbackOutcome::Nothing(reason) => return ConnectOutcome::Failed(reason.into()),
    };
    let (reply, done) = oneshot::channel();
    let secrets = pending.secrets.clone();
    actor.do_send(Connect { connection: pending.connection, response, secrets, scopes, reply });
    match done.await {
        Ok(Ok(connected)) => ConnectOutcome::Connected { same_account: connected.same_account },
        Ok(Err(failure)) => ConnectOutcome::Failed(failure.0),
        Err(_) => ConnectOutcome::Failed(restarting(spec.name()).to_string()),
    }
}

/// Adds the outcome to the timeline.
async fn note(
    state: &State,
    spec: &InstalledPartner,
    pending: &PendingAuthorization,
    ended: &ConnectOutcome,
    started_at: chrono::DateTime<chrono::Utc>,
) -> Result<(), Problem> {
    let title = spec.manifest().title;
    let summary = match ended {
        ConnectOutcome::Connected { same_account: true } => {
            format!("connected {title} again, to the same account")
        }
        ConnectOutcome::Connected { same_account: false } => {
            format!("connected {title}; its data is read from the beginning")
        }
        ConnectOutcome::Denied => format!("the user did not grant access at {title}"),
        ConnectOutcome::Failed(reason) => format!("{title} was not connected: {reason}"),
    };
    let outcome = match ended {
        ConnectOutcome::Connected { .. } => LineOutcome::Connected,
        ConnectOutcome::Denied => LineOutcome::Denied,
        ConnectOutcome::Failed(_) => LineOutcome::Failed,
    };
    let line = Note {
        connection: pending.connection,
        user: &pending.user_id,
        partner: &pending.partner,
        cause: Cause::Connect,
        outcome,
        summary,
    };
    Ok(state.store().note(line.between(started_at, state.now())).await?)
}

fn send_on(
    spec: &InstalledPartner,
    return_url: Option<&str>,
    ended: &ConnectOutcome,
) -> HttpResponse {
    // It was validated when the connect began.
    if let Some(mut url) = return_url.and_then(|url| Url::parse(url).ok()) {
        url.query_pairs_mut()
            .append_pair("status", ended.status())
            .append_pair("partner", spec.name());
        return HttpResponse::SeeOther()
            .insert_header((header::LOCATION, url.to_string()))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish();
    }
    let title = spec.manifest().title;
    let (status, heading, text) = match ended {
        ConnectOutcome::Connected { .. } => (
            StatusCode::OK,
            format!("{title} is connected"),
            "Your data is on its way. You can close this page.".to_owned(),
        ),
        ConnectOutcome::Denied => (
            StatusCode::OK,
            format!("{title} was not connected"),
            "You did not grant access, so nothing was changed. You can close this page, or start again from the app.".to_owned(),
        ),
        ConnectOutcome::Failed(_) => (
            StatusCode::BAD_GATEWAY,
            format!("{title} could not be connected"),
            format!("Something went wrong between {title} and us. Please start again from the app."),
        ),
    };
    Ending { status, title: &heading, text: &text }.page()
}

fn not_now() -> HttpResponse {
    let ending = Ending {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Just a moment",
        text: "We are busy starting. Please reload this page in half a minute.",
    };
    ending.page()
}

fn expired() -> HttpResponse {
    let ending = Ending {
        status: StatusCode::BAD_REQUEST,
        title: "This link does not work any more",
        text: "It was used already, or too much time has passed. Please start again from the app.",
    };
    ending.page()
}
