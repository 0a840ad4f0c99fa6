//! Circuit breaker: stops calls to a partner that fails for everyone, then probes with one call at
//! a time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::scheduler::Backoff;

/// This many failures in a row, of any connections, open the circuit.
const THRESHOLD: u32 = 5;

/// Whether a partner as a whole seems to work.
#[derive(Debug, Default)]
pub struct Circuit {
    /// Failures since the last success.
    failures: u32,
    /// Since when it is open, if it is.
    opened_at: Option<DateTime<Utc>>,
    retry_at: Option<DateTime<Utc>>,
    probing: bool,
}

/// A circuit's state, as the administrator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Normal operation.
    Closed,
    /// No scheduled syncs start.
    Open,
    /// One sync probes the partner.
    HalfOpen,
}

impl Circuit {
    /// Whether a scheduled sync may start now. After the wait, one may start as a probe.
    pub fn allows(&mut self, now: DateTime<Utc>) -> bool {
        match self.retry_at {
            None => true,
            Some(at) if at <= now && !self.probing => {
                self.probing = true;
                true
            }
            Some(_) => false,
        }
    }

    /// Records that a sync reached the partner.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Records a sync failure that the partner caused. `random` is from 0 to 1.
    pub fn failed(&mut self, now: DateTime<Utc>, random: f64) {
        self.failures = self.failures.saturating_add(1);
        self.probing = false;
        if self.failures >= THRESHOLD {
            self.opened_at.get_or_insert(now);
            let wait = Backoff::CIRCUIT.wait(self.failures / THRESHOLD, random);
            let until = now + TimeDelta::from_std(wait).unwrap_or_default();
            self.retry_at = self.retry_at.filter(|at| *at > now).or(Some(until));
        }
    }

    /// Records that a probe ended without a result about the partner.
    pub fn undecided(&mut self) {
        self.probing = false;
    }

    /// The state for the administrator.
    pub fn state(&self, now: DateTime<Utc>) -> CircuitState {
        match self.retry_at {
            None => CircuitState::Closed,
            Some(at) if at <= now || self.probing => CircuitState::HalfOpen,
            Some(_) => CircuitState::Open,
        }
    }

    /// Since when scheduled syncs do not start as usual.
    pub fn open_since(&self) -> Option<DateTime<Utc>> {
        self.opened_at
    }

    /// When the next probe is due, while the circuit is open.
    pub fn retry_at(&self) -> Option<DateTime<Utc>> {
        self.retry_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    #[test]
    fn five_failures_open_it_one_probe_tries_and_a_success_closes_it() {
        let mut circuit = Circuit::default();
        for _ in 0..4 {
            circuit.failed(at(0), 0.0);
            assert!(circuit.allows(at(0)));
        }
        circuit.failed(at(0), 0.0);
        assert_eq!((circuit.allows(at(29)), circuit.state(at(29))), (false, CircuitState::Open));
        assert!(circuit.allows(at(30)), "the probe");
        assert!(!circuit.allows(at(31)), "one at a time");
        assert_eq!(circuit.state(at(31)), CircuitState::HalfOpen);
        circuit.failed(at(32), 0.0);
        assert_eq!(circuit.open_since(), Some(at(0)));
        circuit.succeeded();
        assert_eq!((circuit.allows(at(31)), circuit.state(at(31))), (true, CircuitState::Closed));
        assert_eq!(circuit.open_since(), None);
    }

    #[test]
    fn a_failed_probe_opens_it_again_and_waits_grow() {
        let mut circuit = Circuit::default();
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..40 {
            circuit.failed(at(now), 0.0);
            if let Some(retry_at) = circuit.retry_at() {
                let wait = (retry_at - at(now)).num_seconds();
                waits.push(wait);
                now += wait;
                assert!(circuit.allows(at(now)));
            }
        }
        assert_eq!((waits[0], waits.iter().max()), (30, Some(&600)));
    }

    #[test]
    fn failures_of_syncs_already_under_way_do_not_push_the_retry_back() {
        let mut circuit = Circuit::default();
        for second in 0..29 {
            circuit.failed(at(second), 0.0);
        }
        assert_eq!(circuit.retry_at(), Some(at(34)));
    }
}
