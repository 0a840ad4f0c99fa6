//! What is noted in the audit log: one table of all calls that somebody answers for. The note is taken after
//! the call and before its answer, in one place, so that no call can forget it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use serde::Deserialize;

use super::{Problem, State};
use crate::audit::{Act, Actor, ERASED, Outcome};
use crate::model::UserId;
use crate::store::{Proof, SignedInAs};

/// What an administrator did who looked at somebody's data.
const VIEWED: &str = "user.viewed";

const SIGNED_IN: &str = "administrator.signed_in";

/// Which calls are noted, and what they are called.
const NOTED: &[(&str, &str, &str)] = &[
    ("POST", "/admin/api/keys", "key.created"),
    ("POST", "/admin/keys", "key.created"),
    ("DELETE", "/admin/api/keys/{id}", "key.revoked"),
    ("POST", "/admin/keys/{id}/revoke", "key.revoked"),
    ("POST", "/admin/sign-in", SIGNED_IN),
    ("POST", "/admin/sign-out", "administrator.signed_out"),
    ("POST", "/admin/api/partners/{partner}/pause", "partner.paused"),
    ("POST", "/admin/api/partners/{partner}/resume", "partner.resumed"),
    ("POST", "/admin/partners/{partner}", "partner.acted_on"),
    ("POST", "/v1/partners/{partner}/sync", "partner.synced"),
    ("DELETE", "/v1/partners/{partner}/wait", "partner.wait_ended"),
    ("POST", "/v1/sync", "everybody.synced"),
    ("POST", "/v1/users/{user}/connect-link", "connect_link.made"),
    ("POST", "/v1/users/{user}/connections/{partner}/authorize", "connection.begun"),
    ("POST", "/v1/users/{user}/connections/{partner}/confirm", "connection.confirmed"),
    ("PATCH", "/v1/users/{user}/connections/{partner}", "connection.changed"),
    ("POST", "/connect/{id}/services/{partner}/choices", "connection.changed"),
    ("DELETE", "/v1/users/{user}/connections/{partner}", "connection.disconnected"),
    ("POST", "/connect/{id}/services/{partner}/disconnect", "connection.disconnected"),
    ("POST", "/admin/users/{user}/disconnect/{partner}", "connection.disconnected"),
    ("GET", "/v1/users/{user}/export", "user.exported"),
    ("GET", "/admin/users/{user}/export", "user.exported"),
    ("DELETE", "/v1/users/{user}", ERASED),
    ("POST", "/admin/users/{user}/erase", ERASED),
    ("POST", "/admin/users/{user}/sync", "user.synced"),
    ("GET", "/admin/users/{user}", VIEWED),
    ("GET", "/admin/users/{user}/records/{id}", VIEWED),
    ("GET", "/admin/api/users/{user}", VIEWED),
    ("GET", "/admin/api/users/{user}/chart", VIEWED),
    ("GET", "/admin/api/users/{user}/records/{id}", VIEWED),
    ("GET", "/admin/api/connections/{id}", VIEWED),
    ("POST", "/v1/webhook-endpoints", "webhook.created"),
    ("POST", "/admin/webhooks", "webhook.created"),
    ("PATCH", "/v1/webhook-endpoints/{id}", "webhook.changed"),
    ("POST", "/admin/webhooks/{id}/enable", "webhook.enabled"),
    ("POST", "/admin/webhooks/{id}/disable", "webhook.disabled"),
    ("DELETE", "/v1/webhook-endpoints/{id}", "webhook.deleted"),
    ("POST", "/admin/webhooks/{id}/delete", "webhook.deleted"),
    ("POST", "/v1/webhook-endpoints/{id}/rotate", "webhook.rotated"),
    ("POST", "/admin/webhooks/{id}/rotate", "webhook.rotated"),
    ("POST", "/v1/webhook-endpoints/{id}/test", "webhook.tested"),
    ("POST", "/admin/webhooks/{id}/test", "webhook.tested"),
    ("POST", "/v1/webhook-endpoints/{id}/replay", "webhook.replayed"),
    ("POST", "/admin/webhooks/{id}/replay", "webhook.replayed"),
];

/// Which calls change something and are not noted: the host app makes them all the time, and what they change
/// stands elsewhere.
#[cfg(test)]
const NOT_NOTED: &[(&str, &str, &str)] = &[
    ("POST", "/v1/users/{user}/records", "the change feed"),
    ("PUT", "/v1/users/{user}/records/{id}", "the change feed"),
    ("DELETE", "/v1/users/{user}/records/{id}", "the change feed"),
    ("PUT", "/v1/users/{user}/records/by-app-id/{app_id}", "the change feed"),
    ("DELETE", "/v1/users/{user}/records/by-app-id/{app_id}", "the change feed"),
    ("POST", "/v1/users/{user}/sync", "the timeline"),
    ("POST", "/v1/users/{user}/connections/{partner}/sync", "the timeline"),
    ("POST", "/v1/users/{user}/stream-tokens", "they end within the hour"),
    ("POST", "/notifications/{partner}/{secret}", "the timeline"),
];

/// How many of what was seen in this hour are remembered; beyond that it is noted again.
const MOST_SEEN: usize = 10_000;

/// What is noted once an hour however often it is done: looking at a user, and what is refused.
#[derive(Clone, Debug, Default)]
pub struct NotedViews(Arc<Mutex<(i64, HashSet<String>)>>);

impl NotedViews {
    fn is_first(&self, seen: String, hour: i64) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != hour || known.1.len() >= MOST_SEEN {
            *known = (hour, HashSet::new());
        }
        known.1.insert(seen)
    }
}

/// Who answers for a request, as its extractors found.
#[derive(Clone, Debug, Default)]
struct Answerable {
    actor: Option<Actor>,
    subject: Option<UserId>,
    about: Option<String>,
    action: Option<&'static str>,
}

fn change(request: &HttpRequest, change: impl FnOnce(&mut Answerable)) {
    let mut extensions = request.extensions_mut();
    if !extensions.contains::<Answerable>() {
        extensions.insert(Answerable::default());
    }
    extensions.get_mut::<Answerable>().map(change);
}

/// Whoever has this key answers for a request.
pub(super) fn by_key(request: &HttpRequest, id: &str) {
    change(request, |it| it.actor = Some(Actor::Key(id.to_owned())));
}

/// Who is signed in answers for a request.
pub(super) fn by(request: &HttpRequest, who: &SignedInAs) {
    let actor = match &who.key_id {
        Some(id) => Actor::Key(id.clone()),
        None => Actor::Administrator(who.label.clone()),
    };
    change(request, |it| it.actor = Some(actor));
}

/// Whoever has just shown this proof answers for a request.
pub(super) fn by_proof(request: &HttpRequest, proof: &Proof) {
    let actor = match proof {
        Proof::Key(id) => Actor::Key(id.clone()),
        Proof::Password(name) => Actor::Administrator(name.clone()),
    };
    change(request, |it| it.actor = Some(actor));
}

/// The user whose page it is answers for a request.
pub(super) fn by_user(request: &HttpRequest, user: &UserId) {
    change(request, |it| {
        it.actor = Some(Actor::User);
        it.subject = Some(user.clone());
    });
}

/// What a handler adds to the note of its call.
#[derive(Debug)]
pub(super) struct AuditNote(HttpRequest);

impl AuditNote {
    /// What it is about, where the address does not say.
    pub(super) fn about(&self, about: &str) {
        change(&self.0, |it| it.about = Some(about.to_owned()));
    }

    /// What was done, where the address does not say.
    pub(super) fn action(&self, action: &'static str) {
        change(&self.0, |it| it.action = Some(action));
    }

    /// The user it was done to, where the address does not say.
    pub(super) fn subject(&self, user: &UserId) {
        change(&self.0, |it| it.subject = Some(user.clone()));
    }
}

impl FromRequest for AuditNote {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self(request.clone())))
    }
}

/// What an address names.
#[derive(Default, Deserialize)]
struct Named {
    user: Option<UserId>,
    partner: Option<String>,
    id: Option<String>,
}

/// The middleware.
pub(super) async fn note(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let action = request.match_pattern().and_then(|of| action(request.method(), &of));
    let answer = next.call(request).await?.map_into_boxed_body();
    let Some(action) = action else { return Ok(answer) };
    let (request, status) = (answer.request().clone(), answer.status());
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else { return Ok(answer) };
    let Some(act) = act(&request, &state, action, status).await else { return Ok(answer) };
    let outcome = act.outcome;
    let Err(error) = state.store().audit(act, state.now()).await else { return Ok(answer) };
    tracing::error!(action, ?outcome, %error, "what was done is not in the audit log");
    if outcome != Outcome::Done {
        return Ok(answer);
    }
    let detail =
        "it was done, but could not be noted in the audit log: the database does not take it";
    let problem = Problem::unavailable("not-noted", detail);
    Ok(answer.into_response(problem.error_response()))
}

fn action(method: &Method, pattern: &str) -> Option<&'static str> {
    let of = |(known, address, _): &&(&str, &str, &str)| *known == method && *address == pattern;
    NOTED.iter().find(of).map(|(.., action)| *action)
}

/// What there is to note of a call, if there is.
async fn act(
    request: &HttpRequest,
    state: &State,
    action: &'static str,
    status: StatusCode,
) -> Option<Act> {
    let known = request.extensions().get::<Answerable>().cloned().unwrap_or_default();
    let is_forbidden = matches!(status.as_u16(), 401 | 403 | 429);
    let outcome = match () {
        () if status.as_u16() < 400 => Outcome::Done,
        () if status.is_server_error() => Outcome::Failed,
        // What nobody may do. Other refusals are mistakes.
        () if is_forbidden && (known.actor.is_some() || action == SIGNED_IN) => Outcome::Refused,
        () => return None,
    };
    let actor = match known.actor {
        Some(actor) => actor,
        None if action == SIGNED_IN && outcome == Outcome::Refused => Actor::Unknown,
        None => return None,
    };
    let named = web::Path::<Named>::extract(request).await;
    let Named { user, partner, id } = named.map(web::Path::into_inner).unwrap_or_default();
    let subject = known.subject.or(user);
    let about = known.about.or(partner).or(id.filter(|_| actor != Actor::User));
    if action == VIEWED || outcome == Outcome::Refused {
        let seen = format!("{actor:?} {action} {:?}", subject.as_ref().map(UserId::as_str));
        if !state.noted_views.is_first(seen, state.now().timestamp() / 3_600) {
            return None;
        }
    }
    Some(Act { actor, action: known.action.unwrap_or(action), outcome, subject, about })
}

#[cfg(test)]
mod tests {
    use actix_web::App;

    use super::*;
    use crate::web::{connect, pages, routes};

    #[test]
    fn every_call_that_changes_something_is_noted_or_stands_elsewhere() {
        let (_, document) = routes(App::new());
        let mut calls: Vec<(&str, &str)> = Vec::new();
        for (pattern, item) in &document.paths.paths {
            let changing = [
                ("POST", &item.post),
                ("PUT", &item.put),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            let changing = changing.into_iter().filter(|(_, operation)| operation.is_some());
            calls.extend(changing.map(|(method, _)| (method, pattern.as_str())));
        }
        for (pattern, methods) in pages::ADDRESSES.iter().chain(connect::ADDRESSES) {
            let changing = methods.iter().filter(|method| **method != "GET");
            calls.extend(changing.map(|method| (*method, *pattern)));
        }
        assert!(calls.len() > 40, "{calls:?}");
        let listed = || NOTED.iter().chain(NOT_NOTED);
        for call in &calls {
            let found = listed().filter(|(method, pattern, _)| (*method, *pattern) == *call);
            assert_eq!(found.count(), 1, "{call:?}: in NOTED or NOT_NOTED of src/web/audit.rs");
        }
        for (method, pattern, _) in listed().filter(|(method, ..)| *method != "GET") {
            assert!(calls.contains(&(*method, *pattern)), "there is no {method} {pattern}");
        }
        let users_data =
            |pattern: &str| pattern.starts_with("/admin") && pattern.contains("{user}");
        let pages = pages::ADDRESSES.iter().map(|(pattern, _)| *pattern);
        for pattern in pages.chain(document.paths.paths.keys().map(String::as_str)) {
            if users_data(pattern) && !pattern.ends_with("/{partner}") {
                let is_noted = NOTED.iter().any(|(_, noted, _)| *noted == pattern);
                assert!(is_noted, "{pattern} shows somebody's data");
            }
        }
    }
}
