//! What a sync's calls cost: how many of each kind it made, and which limits it met.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// How many limits a report names.
const NAMED_LIMITS: usize = 10;

/// The calls that a sync made to its partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Calls {
    /// Those that polled or looked something up.
    pub reads: u32,
    /// Those that pushed a change.
    pub writes: u32,
    /// Those for new tokens.
    pub tokens: u32,
}

/// A limit that calls of a sync met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitMet {
    /// Which limit, in words.
    pub limit: String,
    /// How many calls met it.
    pub calls: u32,
    /// How long they waited for it, in milliseconds.
    pub waited_ms: u64,
    /// Whether it stopped the sync, which would have had to wait longer.
    pub stopped: bool,
}

/// What calls are for. Their method does not say: some partners are read with `POST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    #[default]
    Read,
    Write,
    Tokens,
}

/// Counts the calls of a running sync.
#[derive(Debug, Default)]
pub(super) struct Traffic(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    purpose: Purpose,
    calls: Calls,
    limits: Vec<LimitMet>,
}

impl Traffic {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what the next calls are for; returns what they were for before.
    pub(super) fn begin(&self, purpose: Purpose) -> Purpose {
        std::mem::replace(&mut self.counted().purpose, purpose)
    }

    /// Counts a call.
    pub(super) fn made(&self) {
        let mut counted = self.counted();
        let purpose = counted.purpose;
        let count = match purpose {
            Purpose::Read => &mut counted.calls.reads,
            Purpose::Write => &mut counted.calls.writes,
            Purpose::Tokens => &mut counted.calls.tokens,
        };
        *count = count.saturating_add(1);
    }

    /// Notes that a call waited for a limit, and whether it had to give up.
    pub(super) fn met(&self, limit: &str, waited: Duration, stopped: bool) {
        let mut counted = self.counted();
        let limits = &mut counted.limits;
        let known = limits.iter().position(|met| met.limit == limit);
        if known.is_none() && limits.len() < NAMED_LIMITS {
            limits.push(LimitMet { limit: limit.to_owned(), ..LimitMet::default() });
        }
        // The last one stands for those that are too many to be named.
        let place = known.unwrap_or(limits.len().saturating_sub(1));
        let Some(met) = limits.get_mut(place) else { return };
        met.calls = met.calls.saturating_add(1);
        let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        met.waited_ms = met.waited_ms.saturating_add(waited);
        met.stopped |= stopped;
    }

    /// The calls that were made, and the limits they met.
    pub(super) fn totals(&self) -> (Calls, Vec<LimitMet>) {
        let counted = self.counted();
        (counted.calls, counted.limits.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_kind_and_limits_by_name() {
        let traffic = Traffic::default();
        traffic.made();
        assert_eq!(traffic.begin(Purpose::Write), Purpose::Read);
        traffic.made();
        assert_eq!(traffic.begin(Purpose::Tokens), Purpose::Write);
        traffic.made();
        traffic.begin(Purpose::Read);
        traffic.made();
        let (calls, limits) = traffic.totals();
        assert_eq!(calls, Calls { reads: 2, writes: 1, tokens: 1 });
        assert!(limits.is_empty());
        traffic.met("a", Duration::from_millis(20), false);
        traffic.met("b", Duration::from_secs(1), true);
        traffic.met("a", Duration::from_millis(30), false);
        let met = |limit: &str, calls, waited_ms, stopped| LimitMet {
            limit: limit.into(),
            calls,
            waited_ms,
            stopped,
        };
        assert_eq!(traffic.totals().1, [met("a", 2, 50, false), met("b", 1, 1_000, true)]);
        (0..30).for_each(|number| traffic.met(&number.to_string(), Duration::ZERO, false));
        let limits = traffic.totals().1;
        assert_eq!(limits.len(), NAMED_LIMITS);
        assert_eq!(limits.iter().map(|met| met.calls).sum::<u32>(), 33);
    }
}
