//! Starts a connect.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, post, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use url::Url;
use utoipa::ToSchema;

use super::choices::Choices;
use crate::actors::{BeginConnect, NotBegun};
use crate::installed::InstalledPartner;
use crate::model::{Choice, UserId};
use crate::oauth::{Authorization, OAuth};
use crate::settings::{self, is_loopback};
use crate::store::{ConnectReturn, NewPendingAuthorization};
use crate::web::auth::AppKey;
use crate::web::body::Body;
use crate::web::parameters::NoParameters;
use crate::web::texts::Text;
use crate::web::{Problem, State, restarting};

/// How long a user may take at the partner; some partners require a code from the user's phone.
const ATTEMPT_LIFETIME: TimeDelta = TimeDelta::minutes(30);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"return_url": "http://127.0.0.1:3000/connected"}))]
struct Begin {
    /// Where the browser is sent after the connect: an entry of `server.return_urls` with any query, a URL
    /// below `server.public_url`, or, where that is a loopback URL, another one; at most 2048 bytes.
    /// `status`, `partner` and, where they apply, `reason` and `confirm` are added to its query, so it
    /// must not have them. If missing, a page is shown instead.
    return_url: Option<String>,
    /// Kinds to poll (`true`) or not to poll (`false`), from the connect on.
    #[serde(default)]
    poll: BTreeMap<String, bool>,
    /// Kinds to push (`true`) or not to push (`false`), from the connect on: records of before the
    /// connect are not pushed.
    #[serde(default)]
    push: BTreeMap<String, bool>,
    /// Whether you confirm that it was your user who came back: the connection works only once you have
    /// posted the token that the `return_url` is given as `confirm` to `POST …/confirm`, for the user who is
    /// logged in there. Without it, whoever is sent another user's link connects an account of their own to
    /// that user. Needs a `return_url`.
    confirm: Option<bool>,
    /// A name from the IANA time zone database, e.g. `Europe/Stockholm`: where a partner reports only
    /// wall time, the first sync places records by it.
    time_zone: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"authorize_url": "https://account.withings.com/oauth2_user/authorize2?response_type=code&state=example", "expires_at": "2026-11-22T06:45:00Z"}))]
pub(in crate::web) struct Begun {
    /// Send the user's browser to this URL. It works once.
    pub(in crate::web) authorize_url: String,
    /// When the link expires.
    expires_at: DateTime<Utc>,
}

/// Starts a connect: returns the URL to which to send the user's browser. What is sent of `poll`,
/// `push` and `time_zone` is set with the connect, so that the first sync follows it; what is not sent
/// stays as it was at a reconnect.
#[utoipa::path(
    operation_id = "authorize_connection", tag = "connections", security(("key" = [])), request_body = Begin,
    params(("user" = String, Path, description = "The host app's id of the user, percent-encoded: any text of 1 to 256 bytes without control characters, except . and .."), ("partner" = String, Path, description = "The partner's name")),
    responses(
        (status = 201, description = "The connect link", body = Begun),
        (status = 400, description = "The return_url is not allowed", body = Problem),
        (status = 404, description = "No such partner is installed", body = Problem),
        (status = 409, description = "The partner has ended its service", body = Problem),
        (status = 422, description = "The partner does not support a kind, or the time zone does not exist", body = Problem),
        (status = 502, description = "The partner refused to issue its part of the link", body = Problem),
        (status = 503, description = "The partner cannot issue its part of the link now, or the daemon is starting", body = Problem),
    ),
)]
#[post("/v1/users/{user}/connections/{partner}/authorize")]
pub(super) async fn authorize(
    key: AppKey,
    path: web::Path<(UserId, String)>,
    body: Body<Begin>,
    _: web::Query<NoParameters>,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let begin = body.read(&key, &state).await?;
    let (user, partner) = path.into_inner();
    let spec = state.partner(&partner)?;
    refuse_ended(spec)?;
    if let Some(url) = &begin.return_url {
        check_return_url(url, &state.settings.get().server)?;
    }
    let Begin { return_url, poll, push, time_zone, confirm } = begin;
    let confirm = check_confirm(confirm, return_url.as_deref(), &state)?;
    let choices = Choices { poll, push, time_zone }.check(spec.manifest())?;
    let back = ConnectReturn { url: return_url, confirm, ..ConnectReturn::default() };
    let begun = begin_connect(&state, spec, user, back, choices).await?;
    Ok(HttpResponse::Created().json(begun))
}

fn refuse_ended(spec: &InstalledPartner) -> Result<(), Problem> {
    let Some(reason) = spec.ended else { return Ok(()) };
    let detail = format!("`{}` has ended its service: {reason}", spec.name());
    Err(Problem::conflict("partner-ended", detail))
}

/// Whether a connect is to be confirmed, as the host app says and the settings ask.
///
/// # Errors
/// If it cannot be, or must be.
pub(super) fn check_confirm(
    confirm: Option<bool>,
    return_url: Option<&str>,
    state: &State,
) -> Result<bool, Problem> {
    let refuse = |detail: &str| {
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-confirm", detail.to_owned()))
    };
    let confirm = confirm.unwrap_or_default();
    if !confirm && state.settings.get().connect.require_confirm {
        return refuse(
            "confirm: connect.require_confirm is set here; send true, and confirm each connect with POST …/confirm",
        );
    }
    if confirm && return_url.is_none() {
        return refuse(
            "confirm: it needs a return_url, which is given the token with which you confirm; send one",
        );
    }
    Ok(confirm)
}

/// Starts a connect, for whoever asks for it. `back` is where its browser ends.
pub(in crate::web) async fn begin_connect(
    state: &State,
    spec: &InstalledPartner,
    user: UserId,
    back: ConnectReturn,
    choices: Vec<Choice>,
) -> Result<Begun, Problem> {
    refuse_ended(spec)?;
    let partner = spec.name().to_owned();
    let connection = state.store().prepare_connection(user, partner, state.now()).await?;
    let authorization = match &spec.oauth {
        OAuth::Code(flow) => flow.authorize(),
        OAuth::Signed(_) => request_token(state, spec).await?,
    };
    let now = state.now();
    let expires_at = now + ATTEMPT_LIFETIME;
    let pending = NewPendingAuthorization {
        state: authorization.state,
        connection,
        back,
        choices: choices.into_iter().map(|choice| (choice.name, choice.value)).collect(),
        secrets: authorization.secrets,
        expires_at,
    };
    state.store().begin_authorization(pending, now).await?;
    Ok(Begun { authorize_url: authorization.url, expires_at })
}

/// Gets the partner's part of a link (OAuth 1.0a). The partner's actor makes the call, because it
/// takes a permit.
async fn request_token(state: &State, spec: &InstalledPartner) -> Result<Authorization, Problem> {
    let (reply, begun) = oneshot::channel();
    state.actor(spec.name())?.do_send(BeginConnect { reply });
    let begun = begun.await.map_err(|_| restarting(spec.name()))?;
    begun.map_err(|NotBegun { reason, passes }| {
        let title = spec.manifest().title;
        if passes {
            let detail = format!("{title} cannot begin a connect now: {reason}; try again later");
            Problem::unavailable("partner-unavailable", detail)
        } else {
            let detail = format!("{title} did not begin a connect: {reason}");
            Problem::new(StatusCode::BAD_GATEWAY, "partner-refused", detail)
        }
    })
}

/// Rejects URLs that are not allowed: with a redirect to anywhere, the daemon could be abused for
/// phishing.
pub(super) fn check_return_url(text: &str, server: &settings::Server) -> Result<(), Problem> {
    let refuse = |why: &str| Err(Problem::bad_request("return-url", format!("return_url: {why}")));
    if let Err(why) = Text::Address.check("it", text) {
        return refuse(&why);
    }
    let Ok(url) = Url::parse(text) else { return refuse("it is not an absolute address") };
    if !matches!(url.scheme(), "http" | "https")
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return refuse("use an http or https address without a user name");
    }
    // A host app that reads the first of two would believe whoever made the link.
    if let Some(name) = url.query_pairs().find_map(|(name, _)| ours(&name)) {
        return refuse(&format!(
            "the query parameter {name} is added at the end of the connect; leave it out"
        ));
    }
    let is_listed = server.return_urls.iter().any(|allowed| is_allowed(&url, allowed));
    let own = Url::parse(&server.public_url);
    let is_own = own.as_ref().is_ok_and(|own| is_below(&url, own));
    // A developer's machine: nobody else's browser finds anything there.
    let is_at_home = own.is_ok_and(|own| is_loopback(&own)) && is_loopback(&url);
    if is_listed || is_own || is_at_home {
        return Ok(());
    }
    refuse("it is not allowed here; add it to server.return_urls (SYNCWELL__SERVER__RETURN_URLS)")
}

/// The parameter of ours that a host app may read under this name: some do not care for case or
/// blanks, or read `status[]` as a list.
fn ours(name: &str) -> Option<&'static str> {
    let name = name.trim().split('[').next().unwrap_or_default();
    ["status", "partner", "reason", "confirm"]
        .into_iter()
        .find(|ours| name.eq_ignore_ascii_case(ours))
}

/// Whether an entry of `server.return_urls` allows this: it has the same origin and path, whatever the query,
/// or the entry ends with `/*` and the path lies below.
fn is_allowed(url: &Url, entry: &str) -> bool {
    let (entry, and_below) = match entry.strip_suffix("/*") {
        Some(base) => (base, true),
        None => (entry, false),
    };
    let Ok(allowed) = Url::parse(entry) else { return false };
    if and_below {
        return is_below(url, &allowed);
    }
    url.origin() == allowed.origin() && url.path() == allowed.path()
}

/// Whether the origin is the same and the path equals the allowed one or continues it at a slash.
fn is_below(url: &Url, allowed: &Url) -> bool {
    let base = allowed.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(base);
    url.origin() == allowed.origin()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_sent_only_where_the_settings_allow() {
        let server = settings::Server {
            public_url: "https://sync.example.com".into(),
            return_urls: vec![
                "https://app.example.com/health".into(),
                "https://other.example.com".into(),
                "https://wide.example.com/of/*".into(),
            ],
            ..settings::Server::default()
        };
        for good in [
            "https://sync.example.com/a",
            "https://app.example.com/health",
            "https://app.example.com/health?x=1",
            "https://other.example.com/",
            "https://wide.example.com/of",
            "https://wide.example.com/of/a/b?x=1",
        ] {
            assert!(check_return_url(good, &server).is_ok(), "{good}");
        }
        for bad in [
            "https://app.example.com/healthy",
            "https://app.example.com/health/done",
            "https://other.example.com/any",
            "https://wide.example.com/offer",
            "http://127.0.0.1:3000/done",
            "http://localhost/x",
            "https://app.example.com/",
            "https://app.example.com.evil.com/health",
            "https://evil.com/?https://app.example.com/health",
            "javascript:alert(1)",
            "/done",
            "http://app.example.com/health",
            "https://app.example.com@evil.com/health",
            "https://app.example.com:8443/health",
            "http://127.0.0.1@evil.com/",
        ] {
            assert!(check_return_url(bad, &server).is_err(), "{bad}");
        }
        let at_home = settings::Server { public_url: "http://localhost:8080".into(), ..server };
        for good in ["http://127.0.0.1:3000/done", "http://localhost/x"] {
            assert!(check_return_url(good, &at_home).is_ok(), "{good}");
        }
    }
}
