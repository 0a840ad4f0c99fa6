//! One endpoint's task: reads the feed from its position on, sends, and stores what became of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::choice::{Choice, MOST_WAITING, choose};
use super::ending::{Attempt, count, ends, report};
use super::payload::{self, NoBody, Views};
use super::planning::next_messages;
use super::sender::Sender;
use super::types::Filter;
use super::verdict::judge;
use crate::clock::Clock;
use crate::figures::Figures;
use crate::model::{DeliveryStatus, UserId};
use crate::store::{Store, WebhookEndpoint, WebhookMessage};
use crate::telemetry::metrics::WebhookMetrics;
use crate::telemetry::traces::TraceContext;

/// After this many lines that are not for the endpoint its position is stored.
const PASSED_OVER: i64 = 500;

/// The pause after a failure of the database.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The longest sleep; a suspended machine's clock goes on meanwhile.
fn longest_nap() -> Duration {
    #[cfg(feature = "failpoints")]
    if crate::clock::is_moved_by_tests() {
        return Duration::from_millis(20);
    }
    Duration::from_secs(60)
}

/// What a task works with.
#[derive(Clone)]
pub(super) struct With {
    pub(super) store: Store,
    pub(super) views: Rc<dyn Views>,
    pub(super) sender: Sender,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) figures: Figures,
    /// Changes when endpoints were changed by a request.
    pub(super) changed: watch::Receiver<u64>,
    pub(super) stop: CancellationToken,
    pub(super) metrics: WebhookMetrics,
}

/// See the module.
pub(super) struct Runner {
    id: String,
    with: With,
    feed: watch::Receiver<u64>,
    /// The stored position, and how far the feed was read in vain from there.
    passed_over: Option<(i64, i64)>,
}

/// What a step leads to.
enum Next {
    /// Another step.
    Step,
    /// Nothing before a change of the feed, or this time.
    Idle(Option<DateTime<Utc>>),
    /// Nothing before this time.
    Hold(DateTime<Utc>),
    /// The endpoint gets nothing any more.
    End,
}

impl Runner {
    pub(super) fn new(id: String, with: With) -> Self {
        let feed = with.store.feed_moved();
        Self { id, with, feed, passed_over: None }
    }

    /// Delivers until the endpoint is disabled or deleted, or the daemon stops.
    pub(super) async fn run(mut self) {
        while !self.with.stop.is_cancelled() {
            match self.step().await {
                Ok(Next::Step) => {}
                Ok(Next::Idle(until)) => self.wait(true, until).await,
                Ok(Next::Hold(until)) => self.wait(false, Some(until)).await,
                Ok(Next::End) => return,
                Err(error) => {
                    tracing::warn!(endpoint.id = self.id, %error, "events could not be sent; they are tried again");
                    let stop = self.with.stop.clone();
                    drop(tokio::time::timeout(AFTER_FAILURE, stop.cancelled()).await);
                }
            }
        }
    }

    async fn wait(&mut self, for_the_feed: bool, until: Option<DateTime<Utc>>) {
        loop {
            let left = until.map(|until| (until - self.with.clock.now()).to_std());
            let Ok(left) = left.unwrap_or(Ok(Duration::MAX)) else { return };
            let nap = left.min(longest_nap());
            let slept = async {
                if until.is_some() {
                    tokio::time::sleep(nap).await;
                } else {
                    std::future::pending().await
                }
            };
            tokio::select! {
                () = self.with.stop.cancelled() => return,
                // The store outlives this task.
                _ = self.feed.changed(), if for_the_feed => return,
                _ = self.with.changed.changed() => return,
                () = slept => {}
            }
        }
    }

    async fn step(&mut self) -> Result<Next, NoBody> {
        // What comes from here on wakes the next wait.
        self.feed.mark_unchanged();
        self.with.changed.mark_unchanged();
        let state = self.with.store.webhook_state(self.id.clone()).await?;
        let Some((mut endpoint, mut messages)) = state else { return Ok(Next::End) };
        if endpoint.disabled.is_some() {
            return Ok(Next::End);
        }
        let now = self.with.clock.now();
        if let Some(until) = endpoint.health.next_at.filter(|at| *at > now) {
            return Ok(Next::Hold(until));
        }
        let filter = Filter::new(&endpoint.events, endpoint.user_prefix.clone());
        let (mut fresh, waiting): (Vec<_>, Vec<_>) =
            messages.drain(..).partition(|message| message.failing_since.is_none());
        if fresh.is_empty() && waiting.len() < MOST_WAITING {
            match self.plan(&mut endpoint, &filter, &waiting, now).await? {
                Some(planned) => fresh = planned,
                None => return Ok(Next::Step),
            }
        }
        let is_probe = endpoint.health.next_at.is_some();
        match choose(&fresh, &waiting, is_probe, now) {
            Choice::Send(chosen) => {
                let failed: Vec<&WebhookMessage> = waiting
                    .iter()
                    .filter(|one| chosen.iter().all(|other| other.planned.id != one.planned.id))
                    .collect();
                self.send(&endpoint, &filter, &chosen, &failed).await?;
                Ok(Next::Step)
            }
            Choice::Wait(until) => Ok(Next::Idle(until)),
        }
    }

    /// Begins the next messages; `None` if the position was moved meanwhile, or there is more to pass
    /// over.
    async fn plan(
        &mut self,
        endpoint: &mut WebhookEndpoint,
        filter: &Filter,
        waiting: &[WebhookMessage],
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<WebhookMessage>>, NoBody> {
        let store = &self.with.store;
        let stored = endpoint.position;
        let passed = self.passed_over.filter(|(from, _)| *from == stored);
        let after = passed.map_or(stored, |(_, to)| to);
        let users: Vec<UserId> =
            waiting.iter().filter_map(|message| message.planned.user.clone()).collect();
        let plan = next_messages(store, filter, after, &users).await?;
        let (to, id) = (plan.to, endpoint.id.clone());
        if plan.messages.is_empty() && to - stored < PASSED_OVER {
            // Lines of users who wait are for the endpoint all the same, once they do not.
            self.passed_over = Some((stored, if users.is_empty() { to } else { stored }));
            return Ok(plan.is_end.then(Vec::new));
        }
        self.passed_over = None;
        let begun = store.plan_webhooks(id, (stored, to), plan.messages.clone(), now).await?;
        if !begun || (plan.messages.is_empty() && !plan.is_end) {
            return Ok(None);
        }
        // Users who wait go on up to here.
        endpoint.position = to;
        crash_point("events::planned");
        Ok(Some(plan.messages.into_iter().map(|it| WebhookMessage::new(it, now)).collect()))
    }

    async fn send(
        &self,
        endpoint: &WebhookEndpoint,
        filter: &Filter,
        chosen: &[&WebhookMessage],
        failed: &[&WebhookMessage],
    ) -> Result<(), NoBody> {
        let attempts = chosen.iter().map(|message| self.attempt(endpoint, filter, message));
        // One that cannot be made must not have the others sent again.
        let (mut made, mut failure) = (Vec::with_capacity(chosen.len()), None);
        for attempt in join_all(attempts).await {
            match attempt {
                Ok(attempt) => made.push(attempt),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let Some(attempts) = Some(made).filter(|made| !made.is_empty()) else {
            return failure.map_or(Ok(()), Err);
        };
        crash_point("events::sent");
        let now = self.with.clock.now();
        let tried: Vec<_> = attempts
            .iter()
            .filter_map(|attempt| Some((attempt.message, attempt.sent.as_ref()?.answer.clone())))
            .collect();
        let judged = judge(&endpoint.health, &tried, failed, now, rand::random());
        report(endpoint, &judged);
        count(&self.with.metrics, &attempts, &judged, now);
        let ends = ends(&self.with.store, endpoint, filter, attempts, &judged).await?;
        let delivered = ends.iter().filter_map(|end| end.delivery.as_ref());
        let (done, failed): (Vec<_>, Vec<_>) =
            delivered.partition(|it| it.status == DeliveryStatus::Delivered);
        self.with.figures.deliveries_ended(done.len(), failed.len());
        let store = &self.with.store;
        let health = judged.health;
        let (released, disabled) = (judged.is_back, judged.disabled);
        let id = endpoint.id.clone();
        store.end_webhook_attempts(id, ends, health, released, disabled, now).await?;
        crash_point("events::stored");
        failure.map_or(Ok(()), Err)
    }

    async fn attempt<'a>(
        &self,
        endpoint: &WebhookEndpoint,
        filter: &Filter,
        message: &'a WebhookMessage,
    ) -> Result<Attempt<'a>, NoBody> {
        let (store, views) = (&self.with.store, self.with.views.as_ref());
        let body = payload::body(store, views, filter, &message.planned).await?;
        let Some(mut body) = body else { return Ok(Attempt { message, sent: None }) };
        let (json, now) = (std::mem::take(&mut body.json), self.with.clock.now());
        let span = delivery_span(endpoint, message, &body.traces);
        let sent = self.with.sender.send(endpoint, &message.planned.id, json, now);
        let (answer, took) = sent.instrument(span.clone()).await;
        if let Some(status) = answer.status_code() {
            span.record("http.response.status_code", i64::from(status));
        }
        Ok(Attempt { message, sent: Some(super::ending::Sent { body, answer, took }) })
    }
}

/// The span of one attempt. It is part of the trace that led to the message; those of further users or
/// partners are linked.
fn delivery_span(
    endpoint: &WebhookEndpoint,
    message: &WebhookMessage,
    led_by: &[TraceContext],
) -> Span {
    let span = tracing::error_span!(
        "webhook",
        endpoint.id = endpoint.id,
        webhook.id = message.planned.id,
        otel.kind = "producer",
        http.response.status_code = Empty
    );
    if let Some((first, others)) = led_by.split_first() {
        first.lead_to(&span);
        others.iter().for_each(|other| other.link_to(&span));
    }
    span
}

/// A point where tests abort the process.
fn crash_point(_name: &str) {
    fail::fail_point!(_name, |_| std::process::abort());
}
