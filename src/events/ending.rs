//! What attempts leave behind.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::payload::{Body, NoBody};
use super::planning::{message_id, next_of_user};
use super::types::Filter;
use super::verdict::{Answer, Judged, Verdict};
use crate::model::DeliveryStatus;
use crate::store::{
    AttemptEnd, FAILING_AFTER, Fate, NewDelivery, PlannedMessage, Store, WebhookEndpoint,
    WebhookMessage,
};
use crate::telemetry::metrics::WebhookMetrics;

/// A message and what came of sending it.
pub(super) struct Attempt<'a> {
    pub(super) message: &'a WebhookMessage,
    /// `None` if nothing of the message is there any more.
    pub(super) sent: Option<Sent>,
}

/// What was sent, and how that ended.
pub(super) struct Sent {
    pub(super) body: Body,
    pub(super) answer: Answer,
    pub(super) took: Duration,
}

/// What to store of attempts.
pub(super) async fn ends(
    store: &Store,
    endpoint: &WebhookEndpoint,
    filter: &Filter,
    attempts: Vec<Attempt<'_>>,
    judged: &Judged,
) -> Result<Vec<AttemptEnd>, NoBody> {
    let mut verdicts = judged.verdicts.iter();
    let mut ends = Vec::with_capacity(attempts.len());
    for Attempt { message, sent } in attempts {
        let Some(Sent { body, answer, took }) = sent else {
            let fate = over(store, endpoint, filter, message).await?;
            ends.push(AttemptEnd { message: message.planned.clone(), fate, delivery: None });
            continue;
        };
        let verdict = verdicts.next().unwrap_or(&Verdict::Stays);
        let fate = match verdict {
            Verdict::Delivered | Verdict::GivenUp => over(store, endpoint, filter, message).await?,
            Verdict::Stays => Fate::Stays,
            Verdict::Again { step, failing_since, next_at } => {
                let (step, failing_since, next_at) = (*step, *failing_since, *next_at);
                Fate::Again { step, failing_since, next_at }
            }
            Verdict::Split => Fate::Split(parts(&body)),
            Verdict::Halve => Fate::Shortened(first_half(message)),
        };
        let delivery = NewDelivery {
            types: body.types,
            users: u32::try_from(body.users.len()).unwrap_or(u32::MAX),
            attempt: message.attempts.saturating_add(1),
            status: match verdict {
                Verdict::Delivered => DeliveryStatus::Delivered,
                Verdict::GivenUp => DeliveryStatus::GivenUp,
                _ => DeliveryStatus::Failed,
            },
            status_code: answer.status_code(),
            error: answer.error(),
            duration_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            next_at: match &fate {
                Fate::Again { next_at, .. } => Some(*next_at),
                Fate::Stays => judged.health.next_at,
                _ => None,
            },
        };
        ends.push(AttemptEnd { message: message.planned.clone(), fate, delivery: Some(delivery) });
    }
    Ok(ends)
}

/// What follows a message that is over: for a user who waited, the next one.
async fn over(
    store: &Store,
    endpoint: &WebhookEndpoint,
    filter: &Filter,
    message: &WebhookMessage,
) -> Result<Fate, NoBody> {
    let (Some(user), Some(_)) = (&message.planned.user, message.failing_since) else {
        return Ok(Fate::Over);
    };
    let (after, until) = (message.planned.last, endpoint.position);
    let next = next_of_user(store, filter, user, after, until).await?;
    Ok(next.map_or(Fate::Over, Fate::FollowedBy))
}

/// The message without its second half, which follows as what its user waits with does.
fn first_half(message: &WebhookMessage) -> PlannedMessage {
    let PlannedMessage { user, first, last, without, .. } = message.planned.clone();
    PlannedMessage { id: message_id(), user, first, last: first + (last - first) / 2, without }
}

/// A message for each user of one.
fn parts(body: &Body) -> Vec<PlannedMessage> {
    let mut users: Vec<_> = body.users.iter().collect();
    users.sort_by_key(|(_, (first, _))| *first);
    let part = |(user, (first, last)): (&crate::model::UserId, &(i64, i64))| PlannedMessage {
        id: message_id(),
        user: Some(user.clone()),
        first: *first,
        last: *last,
        without: Vec::new(),
    };
    users.into_iter().map(part).collect()
}

/// Counts what became of attempts in the metrics.
pub(super) fn count(
    metrics: &WebhookMetrics,
    attempts: &[Attempt<'_>],
    judged: &Judged,
    now: DateTime<Utc>,
) {
    let sent = attempts.iter().filter_map(|attempt| attempt.sent.as_ref());
    for (Sent { body, answer, took }, verdict) in sent.zip(&judged.verdicts) {
        metrics.attempted(answer.status_code(), *answer == Answer::TimedOut, *took);
        match verdict {
            Verdict::Delivered => {
                let delay = body.since.and_then(|since| (now - since).to_std().ok());
                delay.into_iter().for_each(|delay| metrics.delivered(delay));
            }
            Verdict::GivenUp => metrics.gave_up(),
            _ => {}
        }
    }
}

/// Says in the log what became of an endpoint.
pub(super) fn report(endpoint: &WebhookEndpoint, judged: &Judged) {
    let (before, after) = (&endpoint.health, &judged.health);
    let error = after.last_error.as_deref();
    if let Some(reason) = &judged.disabled {
        tracing::error!(
            endpoint.id = endpoint.id,
            reason,
            "a webhook endpoint was disabled; PATCH it with {{\"enabled\": true}} when it works"
        );
    } else if before.failures < FAILING_AFTER && after.failures >= FAILING_AFTER {
        tracing::warn!(endpoint.id = endpoint.id, error, "a webhook endpoint is failing");
    } else if before.failures >= FAILING_AFTER && after.failures == 0 {
        tracing::info!(endpoint.id = endpoint.id, "a webhook endpoint works again");
    }
    if judged.verdicts.contains(&Verdict::GivenUp) {
        tracing::warn!(
            endpoint.id = endpoint.id,
            "a message to a webhook endpoint was given up; its deliveries say which, and a replay sends it again"
        );
    }
}
