//! What follows from attempts: for each message, and for the endpoint.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::schedule::{DISABLED_AFTER, is_given_up, next_attempt, next_probe};
use crate::store::{EndpointHealth, WebhookMessage};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this HTTP status, and the time after which it asks to be tried again.
    Status(u16, Option<Duration>),
    /// Without an answer in time.
    TimedOut,
    /// Without reaching the endpoint; why, in words.
    NotReached(String),
}

impl Answer {
    /// Whether the message was taken.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Status(200..=299, _))
    }

    /// The HTTP status, if there was an answer.
    pub fn status_code(&self) -> Option<u16> {
        match self {
            Self::Status(code, _) => Some(*code),
            _ => None,
        }
    }

    /// What went wrong, in words.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Status(200..=299, _) => None,
            Self::Status(410, _) => Some("it answered 410: it wants no more events".into()),
            Self::Status(code @ 300..=399, _) => {
                Some(format!("it answered {code}; redirects are not followed"))
            }
            Self::Status(code, _) => Some(format!("it answered {code}")),
            Self::TimedOut => Some("it did not answer in time".into()),
            Self::NotReached(why) => Some(why.clone()),
        }
    }

    /// Whether the message was certainly not taken, and would not be taken at another time either.
    fn refuses(&self) -> bool {
        // Those about a key, an address or a method are rather about all messages.
        let is_of_others = matches!(self, Self::Status(401 | 403..=405 | 408 | 425, _));
        matches!(self, Self::Status(400..=499, _)) && !is_of_others
    }

    /// Whether it says nothing about the message, but that the endpoint takes none now.
    fn is_of_the_endpoint(&self) -> bool {
        matches!(self, Self::NotReached(_) | Self::Status(429 | 503, _) | Self::Status(_, Some(_)))
    }
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was delivered.
    Delivered,
    /// It is tried again when the endpoint is.
    Stays,
    /// It failed by itself, and is tried again; what follows of its user waits.
    Again { step: u32, failing_since: DateTime<Utc>, next_at: DateTime<Utc> },
    /// It has failed for so long that its user goes on without it.
    GivenUp,
    /// One of its users is to blame: it is sent in parts, one for each.
    Split,
    /// One of its changes is to blame, or their number: its first half is sent, and then the rest.
    Halve,
}

/// The endpoint after attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// What becomes of each message, in their order.
    pub(super) verdicts: Vec<Verdict>,
    /// How well it works.
    pub(super) health: EndpointHealth,
    /// Whether what had failed is due at once: the endpoint is back.
    pub(super) is_back: bool,
    /// Why it gets nothing any more.
    pub(super) disabled: Option<String>,
}

/// This many users whose messages failed while none was delivered: it is the endpoint.
const SUSPICIOUS_USERS: usize = 3;

/// A message of several users is split after this many attempts that may have failed for one of them,
/// which take a quarter of an hour: a restart of the host app is over by then.
const ATTEMPTS_TOGETHER: u32 = 8;

/// After a longer pause than this since an attempt was due, failing counts from now: the daemon may have
/// been off.
const LONG_PAUSE: TimeDelta = TimeDelta::hours(1);

/// Judges attempts that were made together. `failed_before` are the messages that have failed by
/// themselves and were not tried now.
pub(super) fn judge(
    before: &EndpointHealth,
    tried: &[(&WebhookMessage, Answer)],
    failed_before: &[&WebhookMessage],
    now: DateTime<Utc>,
    random: f64,
) -> Judged {
    let succeeded = tried.iter().any(|(_, answer)| answer.is_success());
    let mut health = if succeeded {
        EndpointHealth { succeeded_at: Some(now), ..EndpointHealth::default() }
    } else {
        EndpointHealth { next_at: None, ..before.clone() }
    };
    let is_back = succeeded && before.next_at.is_some();
    let mut disabled = None;
    let mut hold: Option<Option<Duration>> = None;
    let is_suspect = |since: Option<DateTime<Utc>>| since > health.succeeded_at;
    let others = failed_before.iter().filter(|message| is_suspect(message.failing_since));
    let mut suspects = if succeeded { 0 } else { others.count() };
    if !succeeded && !tried.is_empty() {
        // One failure for all that were tried at once.
        health.failures = health.failures.saturating_add(1);
        let paused = before.next_at.is_some_and(|at| now - at > LONG_PAUSE);
        health.failing_since = health.failing_since.filter(|_| !paused).or(Some(now));
        health.last_error = tried.last().and_then(|(_, answer)| answer.error());
    }
    let mut verdicts = Vec::with_capacity(tried.len());
    for (message, answer) in tried {
        if answer.is_success() {
            verdicts.push(Verdict::Delivered);
            continue;
        }
        if let Answer::Status(410, _) = answer {
            disabled = answer.error();
        }
        let is_together = message.planned.user.is_none();
        let verdict = if answer.is_of_the_endpoint() || disabled.is_some() {
            let asked = if let Answer::Status(_, asked) = answer { *asked } else { None };
            hold = Some(hold.flatten().max(asked));
            Verdict::Stays
        } else if is_together {
            if answer.refuses() || message.attempts + 1 >= ATTEMPTS_TOGETHER {
                Verdict::Split
            } else {
                hold = hold.or(Some(None));
                Verdict::Stays
            }
        } else if answer.refuses() && message.planned.first < message.planned.last {
            Verdict::Halve
        } else {
            suspects += 1;
            again(message, health.succeeded_at, now, random)
        };
        verdicts.push(verdict);
    }
    if hold.is_none() && !succeeded && suspects >= SUSPICIOUS_USERS {
        hold = Some(None);
    }
    if let Some(asked) = hold {
        health.next_at = Some(next_probe(health.failures, asked, now, random));
    }
    let since = health.failing_since.filter(|since| now - *since >= DISABLED_AFTER);
    if let (None, Some(since)) = (&disabled, since) {
        let error = health.last_error.as_deref().unwrap_or_default();
        let since = since.format("%Y-%m-%d %H:%M:%S UTC");
        disabled = Some(format!("every attempt has failed since {since}; the last one: {error}"));
    }
    Judged { verdicts, health, is_back, disabled }
}

fn again(
    message: &WebhookMessage,
    succeeded_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    random: f64,
) -> Verdict {
    // At its first step it has not failed itself: it came after one that had.
    let failing_since = message.failing_since.filter(|_| message.step > 0).unwrap_or(now);
    // That of this very moment is another message of the same attempt.
    let others_succeed = succeeded_at.is_some_and(|at| at >= failing_since);
    if others_succeed && is_given_up(message.step, failing_since, now) {
        return Verdict::GivenUp;
    }
    let next_at = next_attempt(message.step, others_succeed, now, random);
    // While nothing else is taken either, the message is not to blame.
    let step = if others_succeed { message.step.saturating_add(1) } else { message.step.max(1) };
    Verdict::Again { step, failing_since, next_at }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
