//! How far a connection's notifications are trusted.
//!
//! A connection whose notifications work needs few polls. Whether they work is learned from what polls
//! find: data that a notification had announced, or data that none had. Two things end the trust:
//!
//! - polls that find data again and again that no notification had announced;
//! - a time without any notification that is improbable at the rate at which data usually comes. With
//!   λ arrivals a day, of which the share `recall` is announced, it is e^(−λ·recall·days).
//!
//! A notification that leads to new data restores it. What happened long ago counts for less: half as
//! much after three weeks.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// What happened counts half as much after this many days.
const HALF_LIFE_DAYS: f64 = 21.0;

/// Before anything is known: one arrival in one day.
const PRIOR_ARRIVALS: f64 = 1.0;
const PRIOR_DAYS: f64 = 1.0;

/// Data that comes within this time of other data is part of the same arrival: a scale, a watch and a
/// phone send what they have in bursts.
const BURST: TimeDelta = TimeDelta::hours(1);

/// A notification may come this long after the data, or before it.
const LATE: TimeDelta = TimeDelta::hours(1);

/// A silence that is less probable than this ends the trust.
const IMPROBABLE: f64 = 1e-4;

/// This many arrivals in a row without a notification end it as well …
const MISSED_IN_A_ROW: u32 = 3;

/// … or a share of announced arrivals below this, once enough were missed.
const LEAST_RECALL: f64 = 0.5;
const MISSED_ENOUGH: f64 = 3.0;

/// Whether notifications are relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// None has led to new data yet.
    Unproven,
    /// They lead to new data.
    Working,
    /// They should have come and did not.
    Silent,
}

/// What is known about the notifications of one connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// Whether they are relied on …
    pub standing: Standing,
    /// … since when …
    pub since: DateTime<Utc>,
    /// … and why not, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Arrivals of new data, and the days in which they came; both decayed.
    arrivals: f64,
    days: f64,
    /// Of the arrivals, those that were announced and those that were not.
    announced: f64,
    missed: f64,
    missed_in_a_row: u32,
    /// When a poll last looked.
    looked_at: DateTime<Utc>,
    last_arrival: Option<DateTime<Utc>>,
    /// An arrival that a notification may still announce.
    unannounced: Option<DateTime<Utc>>,
    /// When to look far back for what was announced and not found, if that was not to be done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_wide_at: Option<DateTime<Utc>>,
}

/// What a poll saw.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When.
    pub now: DateTime<Utc>,
    /// Whether it found new data of a kind that the partner announces. A first look or one far back is
    /// no evidence: what it finds may be old.
    pub found: bool,
    /// When the last notification came.
    pub notified_at: Option<DateTime<Utc>>,
}

impl Trust {
    /// Nothing is known yet.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            standing: Standing::Unproven,
            since: now,
            reason: None,
            arrivals: 0.0,
            days: 0.0,
            announced: 0.0,
            missed: 0.0,
            missed_in_a_row: 0,
            looked_at: now,
            last_arrival: None,
            unannounced: None,
            look_wide_at: None,
        }
    }

    /// Arrivals of new data a day.
    pub fn rate(&self) -> f64 {
        (PRIOR_ARRIVALS + self.arrivals) / (PRIOR_DAYS + self.days)
    }

    /// The share of arrivals that notifications announce.
    pub fn recall(&self) -> f64 {
        (1.0 + self.announced) / (1.0 + self.announced + self.missed)
    }

    /// Since when notifications have not come that should have.
    pub fn unheard_since(&self) -> Option<DateTime<Utc>> {
        (self.standing == Standing::Silent).then_some(self.since)
    }

    /// What is known after a poll.
    #[must_use]
    pub fn after(mut self, look: Look) -> Self {
        let before = self.looked_at;
        self.decay(look.now);
        self.settle_unannounced(look);
        if look.found {
            // Of the notifications since the last look, or just before it: partners announce before
            // their lists have the data.
            let announced = look.notified_at.is_some_and(|at| at > before || look.now - at < LATE);
            self.arrived(look, announced);
        }
        self.doubt(look);
        self
    }

    fn decay(&mut self, now: DateTime<Utc>) {
        let days = ((now - self.looked_at).as_seconds_f64() / 86_400.0).max(0.0);
        let kept = 0.5_f64.powf(days / HALF_LIFE_DAYS);
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        self.days =
            rounded(self.days * kept + (1.0 - kept) * HALF_LIFE_DAYS / std::f64::consts::LN_2);
        for count in [&mut self.arrivals, &mut self.announced, &mut self.missed] {
            *count = rounded(*count * kept);
        }
        self.looked_at = now;
    }

    /// An arrival without a notification may have got one since, or has waited for it long enough.
    fn settle_unannounced(&mut self, look: Look) {
        let Some(arrived) = self.unannounced else { return };
        // It may also have come while the poll that found the data was under way.
        if look.notified_at.is_some_and(|at| (at - arrived).abs() <= LATE) {
            self.unannounced = None;
            self.announced(look.now);
        } else if look.now - arrived > LATE {
            self.unannounced = None;
            self.missed += 1.0;
            self.missed_in_a_row += 1;
        }
    }

    fn arrived(&mut self, look: Look, announced: bool) {
        let is_burst = self
            .last_arrival
            .is_some_and(|last| (TimeDelta::zero()..BURST).contains(&(look.now - last)));
        if !is_burst {
            self.arrivals += 1.0;
            self.last_arrival = Some(look.now);
        }
        if announced {
            if !is_burst || self.standing != Standing::Working {
                self.announced(look.now);
            }
        } else if !is_burst && self.unannounced.is_none() {
            self.unannounced = Some(look.now);
        }
    }

    /// A notification has led to new data.
    fn announced(&mut self, now: DateTime<Utc>) {
        self.announced += 1.0;
        self.missed_in_a_row = 0;
        if self.standing != Standing::Working {
            // It works again: what was missed while it did not says little about now.
            self.missed = 0.0;
            self.set(Standing::Working, None, now);
        }
    }

    fn doubt(&mut self, look: Look) {
        let missed_enough = self.missed >= MISSED_ENOUGH && self.recall() < LEAST_RECALL;
        if self.standing != Standing::Silent
            && (self.missed_in_a_row >= MISSED_IN_A_ROW || missed_enough)
        {
            let last = match look.notified_at {
                Some(at) => format!("the last notification came at {}", shown(at)),
                None => "none has come yet".to_owned(),
            };
            let times = if missed_enough { self.missed } else { f64::from(self.missed_in_a_row) };
            let reason = format!(
                "polls found new data {times:.0} times that no notification had announced; {last}"
            );
            return self.set(Standing::Silent, Some(reason), look.now);
        }
        let heard = look.notified_at.map_or(self.since, |at| at.max(self.since));
        let quiet = (look.now - heard).as_seconds_f64() / 86_400.0;
        let (rate, recall) = (self.rate(), self.recall());
        if self.standing == Standing::Working && (-rate * recall * quiet).exp() < IMPROBABLE {
            let reason = format!(
                "no notification since {}, although new data usually comes {rate:.1} times a day",
                shown(heard)
            );
            self.set(Standing::Silent, Some(reason), look.now);
        }
    }

    fn set(&mut self, standing: Standing, reason: Option<String>, now: DateTime<Utc>) {
        (self.standing, self.reason, self.since) = (standing, reason, now);
    }
}

fn shown(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}

#[cfg(test)]
#[path = "trust/tests.rs"]
mod tests;
