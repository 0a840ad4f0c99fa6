//! Asking a partner to send notifications, and to stop. It never fails anything else: a connection
//! without notifications is polled.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::secrecy::{ExposeSecret, SecretString};
use partner_sdk::{PartnerError, Session, Subscribed, Subscribing, SubscriptionRequest};

use super::messages::{CheckSubscription, SessionError};
use super::revoking::renewed;
use super::session::SessionActor;
use super::shared::Shared;
use crate::installed::InstalledPartner;
use crate::limits::Priority;
use crate::model::ConnectionId;
use crate::reception::{Application, Closed, Reception};
use crate::store::{APPLICATION, StoreError, Subscription};
use crate::sync::{ActiveTimeout, Tokens};

/// How long a check or an end may take, with its waits for limits.
const LONGEST: Duration = Duration::from_secs(60);

/// How long an end may take while somebody waits for the disconnect.
const LONGEST_END: Duration = Duration::from_secs(5);

/// Subscriptions are checked once a day, and renewed a day before the partner ends them.
const DAY: TimeDelta = TimeDelta::days(1);

/// After a failure it is tried again after this time, doubled with each further one up to a day.
const FIRST_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// An access token that expires sooner is renewed before it is used.
const EXPIRES_SOON: TimeDelta = TimeDelta::seconds(60);

/// The most letters of an error that are kept.
const LONGEST_ERROR: usize = 500;

/// What is asked of a partner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Subscribe,
    Unsubscribe,
}

impl Handler<CheckSubscription> for SessionActor {
    type Result = AtomicResponse<Self, Result<(), SessionError>>;

    fn handle(&mut self, message: CheckSubscription, _: &mut Self::Context) -> Self::Result {
        let (shared, spec, id) = (self.shared.clone(), Arc::clone(&self.spec), self.connection);
        let timeout = Arc::new(ActiveTimeout::default());
        // Polls find what is new until then, so they come first; but not for ever.
        let [first, again] = [Priority::Upkeep, Priority::Scheduled]
            .map(|priority| self.gated(priority, &timeout, &message.cancel));
        self.alone(async move { Ok(check(&shared, &spec, [&first, &again], id).await?) })
    }
}

/// Checks the subscription of a connection, with the session of a first try or of another.
async fn check(
    shared: &Shared,
    spec: &Arc<InstalledPartner>,
    [first, again]: [&Session; 2],
    id: ConnectionId,
) -> Result<(), StoreError> {
    let (store, name) = (&shared.store, spec.name());
    let Some(reception) = shared.receptions.of(name) else { return Ok(()) };
    let known = store.subscription(name, id).await?;
    let session =
        if known.as_ref().is_some_and(|known| known.failures > 0) { again } else { first };
    let Some(job) = store.load_jobs(vec![id]).await?.pop() else {
        return if known.is_some() { store.forget_subscription(name, id).await } else { Ok(()) };
    };
    let is_wanted =
        reception.closed.is_none() && reception.rules.subscribing == Subscribing::PerConnection;
    if !is_wanted && !known.as_ref().is_some_and(was_tried) {
        return store.forget_subscription(name, id).await;
    }
    let ask = if is_wanted { Ask::Subscribe } else { Ask::Unsubscribe };
    let request = request(reception, Some(id), known.as_ref(), shared.now());
    let caller = Caller { shared, spec, session, id };
    let asked = caller.ask_with_tokens(ask, request, job.tokens).await;
    settle(shared, name, reception, id, known, ask, asked).await
}

/// Checks the subscription of the application as a whole.
pub(super) async fn check_application(
    shared: &Shared,
    spec: &Arc<InstalledPartner>,
    session: Session,
) {
    let name = spec.name();
    let checked = async {
        let Some(reception) = shared.receptions.of(name) else { return Ok(()) };
        let known = shared.store.subscription(name, APPLICATION).await?;
        let is_wanted = reception.closed.is_none()
            && reception.rules.subscribing == Subscribing::PerApplication;
        let ask = if is_wanted { Ask::Subscribe } else { Ask::Unsubscribe };
        let request = request(reception, None, known.as_ref(), shared.now());
        let asked = called(spec, ask, session, request, LONGEST).await;
        settle(shared, name, reception, APPLICATION, known, ask, asked).await
    };
    if let Err(error) = checked.await {
        tracing::error!(partner.name = name, %error, "the subscription of the application was not stored");
    }
}

/// Ends the subscription of a connection whose tokens are about to be revoked, as far as that works.
pub(super) async fn end(
    shared: &Shared,
    spec: &Arc<InstalledPartner>,
    session: &Session,
    id: ConnectionId,
    tokens: &Tokens,
) {
    let Some(reception) = shared.receptions.of(spec.name()) else { return };
    let Ok(Some(known)) = shared.store.subscription(spec.name(), id).await else { return };
    if !was_tried(&known) {
        return;
    }
    let request = request(reception, Some(id), Some(&known), shared.now());
    let session = session.with_access_token(tokens.access.clone());
    let ended = called(spec, Ask::Unsubscribe, session, request, LONGEST_END).await;
    if let Err(error) = ended {
        tracing::warn!(partner.name = spec.name(), connection.id = id.0, %error, "a subscription could not be ended; its notifications will be about nobody");
    }
}

/// Whether the partner may know of it.
fn was_tried(known: &Subscription) -> bool {
    known.subscribed_at.is_some() || known.state.is_some() || known.error.is_some()
}

fn request(
    reception: &Reception,
    id: Option<ConnectionId>,
    known: Option<&Subscription>,
    now: DateTime<Utc>,
) -> SubscriptionRequest {
    let state = known.and_then(|known| known.state.as_ref());
    SubscriptionRequest {
        url: reception.address().expose_secret().to_owned(),
        secret: reception.secret().clone(),
        connection: id.map(|id| format!("c{id}")),
        state: state.map(|state| state.expose_secret().to_owned()),
        now,
    }
}

/// Calls for one connection.
struct Caller<'a> {
    shared: &'a Shared,
    spec: &'a Arc<InstalledPartner>,
    session: &'a Session,
    id: ConnectionId,
}

impl Caller<'_> {
    /// Asks with the user's token, and with a new one if that has expired or is refused.
    async fn ask_with_tokens(
        &self,
        ask: Ask,
        request: SubscriptionRequest,
        tokens: Tokens,
    ) -> Result<Subscribed, PartnerError> {
        let soon = self.shared.now() + EXPIRES_SOON;
        let is_old = tokens.access_expires_at.is_some_and(|at| at <= soon);
        let mut asked = Err(PartnerError::Unauthorized("the access token has expired".into()));
        if !is_old || tokens.refresh.is_none() {
            asked = self.ask(ask, request.clone(), &tokens).await;
        }
        if !matches!(asked, Err(PartnerError::Unauthorized(_))) || tokens.refresh.is_none() {
            return asked;
        }
        let Self { shared, spec, session, id } = self;
        let renewed = renewed(&shared.store, spec, session, *id, &tokens, shared.now()).await?;
        self.ask(ask, request, &renewed).await
    }

    async fn ask(
        &self,
        ask: Ask,
        request: SubscriptionRequest,
        tokens: &Tokens,
    ) -> Result<Subscribed, PartnerError> {
        let session = self.session.with_access_token(tokens.access.clone());
        called(self.spec, ask, session, request, LONGEST).await
    }
}

/// Runs the partner's code in a task of its own: it may panic or hang.
async fn called(
    spec: &Arc<InstalledPartner>,
    ask: Ask,
    session: Session,
    request: SubscriptionRequest,
    longest: Duration,
) -> Result<Subscribed, PartnerError> {
    let spec = Arc::clone(spec);
    let task = tokio::spawn(async move {
        let Some(notifier) = spec.partner.notifier() else { return Ok(Subscribed::default()) };
        match ask {
            Ask::Subscribe => notifier.subscribe(&session, &request).await,
            Ask::Unsubscribe => {
                notifier.unsubscribe(&session, &request).await.map(|()| Subscribed::default())
            }
        }
    });
    let abort = task.abort_handle();
    let transient = |text: &'static str| Err(PartnerError::Transient(text.into()));
    match tokio::time::timeout(longest, task).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(_)) => transient("the partner's code panicked; the log has the place"),
        Err(_) => {
            abort.abort();
            transient("the partner, or its rate limit, let us wait too long")
        }
    }
}

/// Stores what came of it.
async fn settle(
    shared: &Shared,
    name: &'static str,
    reception: &Reception,
    id: ConnectionId,
    known: Option<Subscription>,
    ask: Ask,
    asked: Result<Subscribed, PartnerError>,
) -> Result<(), StoreError> {
    let now = shared.now();
    if ask == Ask::Unsubscribe && asked.is_ok() {
        if id == APPLICATION {
            reception.set_application(Application::default());
        }
        return shared.store.forget_subscription(name, id).await;
    }
    if let Err(error) = asked.as_ref()
        && !matches!(error, PartnerError::RateLimited { .. })
    {
        tracing::warn!(partner.name = name, connection.id = id.0, %error, "notifications could not be subscribed to; it is tried again");
    }
    let subscription = next(known, id, reception.digest(), asked, now, rand::random());
    if id == APPLICATION {
        reception.set_issued_secret(subscription.issued_secret.clone());
        reception.set_application(Application {
            subscribed_at: subscription.subscribed_at,
            checked_at: Some(now),
            error: subscription.error.clone(),
        });
    }
    shared.store.save_subscription(name, subscription).await
}

/// A subscription after a check. `random` is from 0 to 1.
fn next(
    known: Option<Subscription>,
    connection: ConnectionId,
    url_digest: Vec<u8>,
    asked: Result<Subscribed, PartnerError>,
    now: DateTime<Utc>,
    random: f64,
) -> Subscription {
    let is_same = known.as_ref().is_some_and(|known| known.url_digest == url_digest);
    match asked {
        Ok(subscribed) => {
            let daily = now + DAY - TimeDelta::minutes((random * 240.0) as i64);
            let renewal = subscribed.expires_at.map(|at| (at - DAY).max(now + FIRST_AGAIN));
            // A partner that issues a secret tells it once.
            let issued = known.as_ref().and_then(|known| known.issued_secret.clone());
            Subscription {
                connection,
                url_digest,
                state: subscribed.state.map(SecretString::from),
                issued_secret: subscribed.issued_secret.or(issued),
                subscribed_at: known
                    .filter(|_| is_same)
                    .and_then(|known| known.subscribed_at)
                    .or(Some(now)),
                expires_at: subscribed.expires_at,
                checked_at: now,
                next_check_at: renewal.map_or(daily, |renewal| renewal.min(daily)),
                failures: 0,
                error: None,
            }
        }
        Err(error) => {
            let failures = known.as_ref().map_or(0, |known| known.failures).saturating_add(1);
            let wait = match &error {
                PartnerError::RateLimited { wait: Some(wait), .. } => {
                    TimeDelta::from_std(*wait).unwrap_or(DAY).clamp(TimeDelta::seconds(1), DAY)
                }
                PartnerError::Rejected(_) | PartnerError::MissingScope(_) => DAY,
                _ => (FIRST_AGAIN * (1 << failures.saturating_sub(1).min(9))).min(DAY),
            };
            let mut text = error.to_string();
            text.truncate(text.floor_char_boundary(LONGEST_ERROR));
            // What was in place with this address may well be so still.
            let lasts = |known: &Subscription| known.expires_at.is_none_or(|at| at > now);
            let before = known.as_ref().filter(|known| is_same && lasts(known));
            Subscription {
                connection,
                subscribed_at: before.and_then(|known| known.subscribed_at),
                state: known.as_ref().and_then(|known| known.state.clone()),
                issued_secret: known.as_ref().and_then(|known| known.issued_secret.clone()),
                expires_at: known.as_ref().and_then(|known| known.expires_at),
                url_digest,
                checked_at: now,
                next_check_at: now + wait,
                failures,
                error: Some(text),
            }
        }
    }
}

/// Why a partner is not asked, in words.
pub fn closed_reason(closed: &Closed, partner: &str) -> String {
    match closed {
        Closed::Off => format!("partners.{partner}.notifications is false"),
        Closed::Unreachable(why) => format!("not reachable from outside: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    fn subscribed(expires: Option<i64>) -> Subscribed {
        Subscribed { expires_at: expires.map(at), state: Some("7".into()), issued_secret: None }
    }

    fn after(
        known: Option<Subscription>,
        digest: u8,
        asked: Result<Subscribed, PartnerError>,
        hours: i64,
    ) -> Subscription {
        next(known, ConnectionId(1), vec![digest], asked, at(hours), 0.5)
    }

    #[test]
    fn it_is_checked_daily_and_renewed_a_day_before_its_end() {
        let first = after(None, 1, Ok(subscribed(None)), 0);
        assert_eq!((first.subscribed_at, first.next_check_at), (Some(at(0)), at(22)));
        let again = after(Some(first), 1, Ok(subscribed(Some(22 + 24 + 5))), 22);
        assert_eq!((again.subscribed_at, again.next_check_at), (Some(at(0)), at(22 + 5)));
        let short = after(None, 1, Ok(subscribed(Some(1))), 0);
        assert_eq!(short.next_check_at, at(0) + FIRST_AGAIN);
    }

    #[test]
    fn failures_are_tried_again_ever_later_and_do_not_end_what_is_in_place() {
        let fails = || Err(PartnerError::Transient("down".into()));
        let mut known = after(None, 1, Ok(subscribed(Some(100))), 0);
        let mut waits = Vec::new();
        for _ in 0..12 {
            known = after(Some(known), 1, fails(), 10);
            waits.push((known.next_check_at - at(10)).num_minutes());
            assert_eq!(known.subscribed_at, Some(at(0)));
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]);
        assert!(known.error.as_ref().unwrap().contains("down"));
        let over = after(Some(known.clone()), 1, fails(), 101);
        assert_eq!(over.subscribed_at, None, "the partner has ended it by now");
        let moved = after(Some(known.clone()), 2, fails(), 10);
        assert_eq!(moved.subscribed_at, None, "the partner calls another address");
        let mended = after(Some(known), 1, Ok(subscribed(None)), 11);
        assert_eq!((mended.failures, mended.error), (0, None));
        let limited = PartnerError::RateLimited {
            scope: partner_sdk::LimitScope::App,
            wait: Some(Duration::from_secs(600)),
        };
        let limited = after(None, 1, Err(limited), 0);
        assert_eq!(limited.next_check_at, at(0) + TimeDelta::minutes(10));
        let refused = after(None, 1, Err(PartnerError::Rejected("no".into())), 0);
        assert_eq!(refused.next_check_at, at(24));
    }

    #[test]
    fn a_secret_that_was_issued_once_is_kept() {
        let issued =
            Subscribed { issued_secret: Some("once".to_owned().into()), ..subscribed(None) };
        let known = after(None, 1, Ok(issued), 0);
        let again = after(Some(known), 2, Ok(subscribed(None)), 20);
        assert_eq!(again.issued_secret.unwrap().expose_secret(), "once");
        assert_eq!(again.subscribed_at, Some(at(20)), "with the new address");
    }
}
