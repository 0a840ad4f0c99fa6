//! Why the data of a connection has or has not arrived.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Kind, Manifest};

use super::words::{capital, every, list, moment};
use super::{Explanation, Finding, Next, Reason};
use crate::incidents::{Incident, IncidentCode, switches_in_words};
use crate::model::{Connection, Direction, Properties, Status, WaitingFor};

/// Whether the partner notifies us of what is new for a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Notifications {
    /// It offers none, or none are used.
    #[default]
    None,
    /// They have come since then.
    WorkingSince(DateTime<Utc>),
    /// None have come since then, although there must have been news.
    SilentSince(DateTime<Utc>),
    /// There is no subscription, for this reason.
    NotSubscribed(String),
}

/// What is known about a connection.
#[derive(Clone, Debug)]
pub struct ConnectionFacts<'a> {
    /// The time.
    pub now: DateTime<Utc>,
    /// The partner.
    pub manifest: &'static Manifest,
    /// The connection.
    pub connection: &'a Connection,
    /// Its settings.
    pub properties: &'a Properties,
    /// The polling interval of its activity group, and the shortest of all groups.
    pub intervals: (Duration, Duration),
    /// The open incidents that concern it.
    pub incidents: &'a [Incident],
    /// Since when the administrator has paused syncs with the partner, if so.
    pub paused_since: Option<DateTime<Utc>>,
    /// Whether the partner's actor runs.
    pub is_served: bool,
    /// When a partner that fails for everybody is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// The limit that its polls wait for.
    pub waiting_for: Option<&'a WaitingFor>,
    /// Whether the partner notifies us.
    pub notifications: Notifications,
}

/// The order of incidents: those that stop everything first, then those that keep something from
/// arriving, then those that only delay it.
const ORDER: [IncidentCode; 15] = [
    IncidentCode::ConnectionEnded,
    IncidentCode::AuthorizationRevoked,
    IncidentCode::PartnerDown,
    IncidentCode::LimitExhausted,
    IncidentCode::PayloadNotUnderstood,
    IncidentCode::ClockSkew,
    IncidentCode::PushRefused,
    IncidentCode::RecordRefused,
    IncidentCode::ItemStillWaiting,
    IncidentCode::ScopeMissing,
    IncidentCode::AccountChanged,
    IncidentCode::AccountShared,
    IncidentCode::QuotaTooSmall,
    IncidentCode::NotificationsSilent,
    IncidentCode::WebhookFailing,
];

/// Those that do not keep polls from working.
const BESIDE: [IncidentCode; 9] = [
    IncidentCode::PushRefused,
    IncidentCode::RecordRefused,
    IncidentCode::ItemStillWaiting,
    IncidentCode::ScopeMissing,
    IncidentCode::AccountChanged,
    IncidentCode::AccountShared,
    IncidentCode::QuotaTooSmall,
    IncidentCode::NotificationsSilent,
    IncidentCode::WebhookFailing,
];

/// Explains a connection.
pub fn connection(facts: &ConnectionFacts<'_>) -> Explanation {
    let mut causes = facts.problems();
    let is_beside = |cause: &Finding| BESIDE.iter().any(|code| code.name() == cause.code);
    let works = causes.iter().all(is_beside) && facts.connection.last_poll_at.is_some();
    let off = facts.switched_off();
    let (polled, unpolled) = (facts.manifest.poll_kinds().len(), off.as_ref().map_or(0, |it| it.1));
    let off = off.map(|(cause, _)| cause);
    if facts.connection.status == Status::Connected {
        // What is off explains most likely what is missing.
        causes.extend(off);
        causes.extend(facts.push_waits());
        if works && unpolled < polled {
            causes.push(facts.up_to_date());
        }
        causes.extend(facts.notified());
        causes.extend(facts.polled_rarely());
        causes.extend(facts.found_late());
    }
    Explanation::new(causes, facts.next())
}

impl ConnectionFacts<'_> {
    fn title(&self) -> &'static str {
        self.manifest.title
    }

    /// What is wrong, the most likely cause first.
    pub(super) fn problems(&self) -> Vec<Finding> {
        let (title, name) = (self.title(), self.manifest.name);
        let polled_at = self.connection.last_poll_at;
        // A limit stays open for some minutes after it has let this connection through.
        let has_passed = |it: &&Incident| {
            it.code == IncidentCode::LimitExhausted
                && self.waiting_for.is_none()
                && polled_at.is_some_and(|at| at > it.last_at)
        };
        let mut open: Vec<&Incident> = self.incidents.iter().filter(|it| !has_passed(it)).collect();
        open.sort_by_key(|it| ORDER.iter().position(|code| *code == it.code));
        let mut causes: Vec<Finding> = open.iter().map(|it| Finding::of(it, title, name)).collect();
        let has = |causes: &[Finding], code: IncidentCode| {
            causes.iter().any(|cause| cause.code == code.name())
        };
        let since = self.connection.last_error.as_ref().map(|error| error.at);
        let known = |code, detail| Finding::of_code(code, title, name, detail);
        match self.connection.status {
            Status::Disconnected => {
                let sentence = format!(
                    "The user is disconnected from {title}: nothing is polled or pushed. What is here stays."
                );
                let cause = Finding::new(Reason::Disconnected, sentence).mend(format!(
                    "Let the user connect again: POST /v1/users/{{user}}/connections/{name}/authorize gives the link."
                ));
                causes.insert(0, cause);
            }
            Status::NeedsReconnect if !has(&causes, IncidentCode::AuthorizationRevoked) => {
                causes.insert(0, known(IncidentCode::AuthorizationRevoked, None).since(since));
            }
            Status::Ended if !has(&causes, IncidentCode::ConnectionEnded) => {
                causes.insert(0, known(IncidentCode::ConnectionEnded, None).since(since));
            }
            Status::NeedsReconnect | Status::Ended | Status::Connected => {}
        }
        if self.connection.status != Status::Connected {
            // Whether a partner works is of no interest then.
            causes.retain(|cause| !IncidentCode::WATCHED.iter().any(|it| it.name() == cause.code));
            return causes;
        }
        if let Some(waiting) = self.waiting_for
            && !has(&causes, IncidentCode::LimitExhausted)
        {
            let cause = known(IncidentCode::LimitExhausted, Some(&waiting.limit));
            let first = usize::from(has(&causes, IncidentCode::PartnerDown));
            causes.insert(first, cause);
        }
        if self.retry_at.is_some() && !has(&causes, IncidentCode::PartnerDown) {
            causes.insert(0, known(IncidentCode::PartnerDown, None));
        }
        if !self.is_served {
            let sentence = format!(
                "The part of Syncwell that serves {title} is being restarted, which takes some seconds."
            );
            causes.insert(0, Finding::new(Reason::Restarting, sentence));
        }
        if let Some(since) = self.paused_since {
            let sentence = format!(
                "Syncs with {title} are paused by the administrator since {}: nothing is polled or pushed, and nothing is lost.",
                moment(since)
            );
            let mend =
                format!("The administrator resumes them: POST /admin/api/partners/{name}/resume.");
            causes.insert(0, Finding::new(Reason::Paused, sentence).since(Some(since)).mend(mend));
        }
        causes.extend(
            self.not_granted().filter(|it| causes.iter().all(|known| known.code != it.code)),
        );
        causes.extend(self.failing());
        if causes.is_empty() && self.connection.last_poll_at.is_none() {
            let sentence = format!(
                "The first sync with {title} has not ended yet; a long history takes a while, the newest data comes first."
            );
            causes.push(
                Finding::new(Reason::FirstSync, sentence).since(self.connection.connected_at),
            );
        }
        causes
    }

    /// The kinds that are not polled because the user did not grant them.
    fn not_granted(&self) -> Option<Finding> {
        let reasons = self.properties.reasons.keys();
        let polled = |name: &&String| Direction::Poll.kind_of_property(name).is_some();
        let names: Vec<String> = reasons.filter(polled).cloned().collect();
        let detail = switches_in_words(&names);
        let code = IncidentCode::ScopeMissing;
        let finding = Finding::of_code(code, self.title(), self.manifest.name, Some(&detail));
        (!names.is_empty()).then_some(finding)
    }

    /// What waits to go there.
    fn push_waits(&self) -> Option<Finding> {
        let at = self.connection.next_push_at?;
        let when = if at > self.now { format!("at {}", moment(at)) } else { "now".to_owned() };
        let title = self.title();
        let sentence =
            format!("Changes wait to be pushed to {title}; the next push is due {when}.");
        Some(Finding::new(Reason::PushWaits, sentence))
    }

    /// What the last sync failed with.
    fn failing(&self) -> Option<Finding> {
        let error = self.connection.last_error.as_ref().filter(|it| it.waiting_for.is_none())?;
        let times = self.connection.failures;
        let often = if times > 1 {
            format!("The last {times} syncs failed")
        } else {
            "The last sync failed".to_owned()
        };
        let sentence = format!(
            "{often}: {}. It is tried again by itself, and nothing is skipped.",
            error.message.trim_end_matches('.')
        );
        Some(Finding::new(Reason::Failing, sentence).since(Some(error.at)))
    }

    /// The kinds that are off by choice, and how many of them are polled otherwise.
    fn switched_off(&self) -> Option<(Finding, usize)> {
        let is_chosen = |kind: &Kind| {
            !self.properties.polls(*kind)
                && self.properties.reason_off(Direction::Poll, *kind).is_none()
        };
        let all = self.manifest.poll_kinds();
        let off: Vec<&str> =
            all.iter().filter(|kind| is_chosen(kind)).map(|kind| kind.name()).collect();
        let unpolled = all.iter().filter(|kind| !self.properties.polls(**kind)).count();
        let first = off.first()?;
        let verb = if off.len() == 1 { "is" } else { "are" };
        let sentence = format!(
            "{} {verb} not polled from {}: switched off by choice.",
            capital(&list(&off)),
            self.title()
        );
        let mend = format!(
            "PATCH /v1/users/{{user}}/connections/{} with {{\"poll\":{{\"{first}\":true}}}} switches it on, and reads it from the beginning.",
            self.manifest.name
        );
        Some((Finding::new(Reason::SwitchedOff, sentence).mend(mend), unpolled))
    }

    fn up_to_date(&self) -> Finding {
        let looked = self.connection.last_poll_at;
        let at = looked.map_or_else(|| "never".to_owned(), moment);
        let sentence = format!(
            "Up to date: {} was last looked at {at}, and there was nothing newer there.",
            self.title()
        );
        Finding::new(Reason::UpToDate, sentence).since(looked)
    }

    fn notified(&self) -> Option<Finding> {
        let title = self.title();
        Some(match &self.notifications {
            Notifications::None => return None,
            Notifications::WorkingSince(since) => {
                let sentence = format!(
                    "{title} notifies us of what is new, and it is looked for at once; polls only make sure."
                );
                Finding::new(Reason::Notified, sentence).since(Some(*since))
            }
            Notifications::SilentSince(since) => {
                let code = IncidentCode::NotificationsSilent;
                if self.incidents.iter().any(|it| it.code == code) {
                    return None;
                }
                Finding::of_code(code, title, self.manifest.name, None).since(Some(*since))
            }
            Notifications::NotSubscribed(why) => {
                let sentence = format!(
                    "{title} does not notify us for this connection, so polls find what is new: {}.",
                    why.trim_end_matches('.')
                );
                Finding::new(Reason::NotNotified, sentence)
            }
        })
    }

    fn polled_rarely(&self) -> Option<Finding> {
        let (interval, shortest) = self.intervals;
        if interval <= shortest || matches!(self.notifications, Notifications::WorkingSince(_)) {
            return None;
        }
        let since = self.connection.activity.since;
        let sentence = format!(
            "It is polled only {}, because nothing has come for a long time: data can be that late. Any data makes it {} again at once.",
            every(interval),
            every(shortest)
        );
        let mend =
            format!("POST /v1/users/{{user}}/connections/{}/sync looks now.", self.manifest.name);
        Some(Finding::new(Reason::PolledRarely, sentence).since(Some(since)).mend(mend))
    }

    /// What the partner's lists do not show to an ordinary poll.
    fn found_late(&self) -> Option<Finding> {
        let late = self.manifest.feeds.iter().filter(|feed| {
            !feed.wide.is_zero() && feed.kinds.iter().any(|kind| self.properties.polls(*kind))
        });
        let names: Vec<&str> = late.map(|feed| feed.name).collect();
        if names.is_empty() {
            return None;
        }
        let sentence = format!(
            "{} does not report everything as a change ({}): what was entered there for an earlier day, changed or deleted late is found by a wider look, once a day.",
            self.title(),
            list(&names)
        );
        let mend = format!(
            "POST /v1/users/{{user}}/connections/{}/sync makes a wide look now.",
            self.manifest.name
        );
        Some(Finding::new(Reason::FoundLate, sentence).mend(mend))
    }

    /// When it is looked for next.
    pub(super) fn next(&self) -> Next {
        if self.connection.status != Status::Connected {
            return Next {
                at: None,
                why: "nothing is planned until the user connects again".to_owned(),
            };
        }
        if self.paused_since.is_some() {
            let why = "as soon as the administrator resumes syncs with this partner".to_owned();
            return Next { at: None, why };
        }
        let planned = self.connection.next_poll_at;
        if let Some(retry_at) = self.retry_at {
            let at = planned.map_or(retry_at, |planned| planned.max(retry_at));
            return Next {
                at: Some(at),
                why: "one sync tries whether the partner works again; all others follow it"
                    .to_owned(),
            };
        }
        if let Some(waiting) = self.waiting_for {
            let at = planned.map_or(waiting.until, |planned| planned.max(waiting.until));
            return Next {
                at: Some(at),
                why: format!("when the limit allows more calls ({})", waiting.limit),
            };
        }
        let Some(at) = planned else {
            return Next { at: None, why: "a sync is under way".to_owned() };
        };
        if at <= self.now + TimeDelta::seconds(1) {
            return Next {
                at: Some(at),
                why: "it is due, and starts as soon as its turn comes".to_owned(),
            };
        }
        if self.connection.failures > 0 {
            return Next { at: Some(at), why: "the failed sync is tried again".to_owned() };
        }
        if matches!(self.notifications, Notifications::WorkingSince(_)) {
            let why = "a poll that makes sure; what is notified is looked for at once".to_owned();
            return Next { at: Some(at), why };
        }
        Next { at: Some(at), why: format!("the next poll, {}", every(self.intervals.0)) }
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
pub(super) mod tests;
