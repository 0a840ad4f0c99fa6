//! Stores what each minute did, and counts the connections while somebody looks at their number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::minute::{beginning, next_minute};
use super::{Figures, Minute};
use crate::clock::Clock;
use crate::store::Store;

/// Counting connections takes at most this part of the time, and is not done more often than this.
const SHARE: u32 = 50;
const BETWEEN_COUNTS: Duration = Duration::from_secs(1);

/// How many minutes wait for a database that does not answer.
const MOST_UNSTORED: usize = 25 * 60;

/// Samples until it is stopped; then stores what the present minute did so far.
pub async fn sample(
    store: Store,
    clock: Arc<dyn Clock>,
    figures: Figures,
    stop: CancellationToken,
) {
    let mut minutes = Minutes::new(clock.now());
    let mut next_count = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(nap()) => {}
            () = stop.cancelled() => {
                minutes.end(figures.take());
                minutes.store(&store).await;
                return;
            }
        }
        let is_over = minutes.turn(clock.now(), || figures.take());
        minutes.store(&store).await;
        if (is_over || figures.is_standing_asked()) && Instant::now() >= next_count {
            let began = Instant::now();
            match store.standing().await {
                Ok(standing) => drop(figures.keep_standing(standing)),
                // An outage was logged when it began; what was counted before stays.
                Err(error) if error.is_outage() => {}
                Err(error) => tracing::warn!(%error, "the connections could not be counted"),
            }
            next_count = Instant::now() + BETWEEN_COUNTS.max(began.elapsed() * SHARE);
        }
    }
}

fn nap() -> Duration {
    // Where a test moves the clock, its jumps must be noticed at once.
    #[cfg(feature = "failpoints")]
    if crate::clock::is_moved_by_tests() {
        return Duration::from_millis(50);
    }
    Duration::from_secs(1)
}

/// Which minute is being counted, and those that are not stored yet.
#[derive(Debug)]
struct Minutes {
    present: DateTime<Utc>,
    unstored: Vec<(DateTime<Utc>, Minute)>,
}

impl Minutes {
    fn new(now: DateTime<Utc>) -> Self {
        Self { present: beginning(now, 60), unstored: Vec::new() }
    }

    /// Ends the minute if it is over, also when the clock was set back. Returns whether it was.
    fn turn(&mut self, now: DateTime<Utc>, take: impl FnOnce() -> Minute) -> bool {
        if self.present <= now && now < next_minute(self.present) {
            return false;
        }
        self.end(take());
        self.present = beginning(now, 60);
        true
    }

    fn end(&mut self, minute: Minute) {
        if self.unstored.len() == MOST_UNSTORED {
            self.unstored.remove(0);
        }
        self.unstored.push((self.present, minute));
    }

    async fn store(&mut self, store: &Store) {
        if self.unstored.is_empty() {
            return;
        }
        match store.add_minutes(self.unstored.clone()).await {
            Ok(()) => self.unstored.clear(),
            Err(error) if error.is_outage() => {}
            Err(error) => {
                tracing::warn!(%error, "what the last minute did was not stored");
                self.unstored.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn one() -> Minute {
        Minute { syncs_done: 1, ..Minute::default() }
    }

    #[test]
    fn a_minute_ends_when_the_next_begins_or_the_clock_is_set_back() {
        let mut minutes = Minutes::new(at(130));
        assert!(!minutes.turn(at(179), one));
        assert!(minutes.turn(at(180), one));
        assert!(!minutes.turn(at(200), one));
        // Suspended for an hour: what was counted belongs to the minute in which it was.
        assert!(minutes.turn(at(3_800), one));
        assert!(minutes.turn(at(60), one));
        minutes.end(one());
        let stored: Vec<_> = minutes.unstored.iter().map(|(at, _)| at.timestamp()).collect();
        assert_eq!(stored, [120, 180, 3_780, 60]);
    }

    #[test]
    fn what_waits_for_the_database_is_bounded() {
        let mut minutes = Minutes::new(at(0));
        for minute in 1..=2_000 {
            minutes.turn(at(minute * 60), one);
        }
        assert_eq!(minutes.unstored.len(), MOST_UNSTORED);
        assert_eq!(minutes.unstored.last().unwrap().0, at(1_999 * 60));
    }
}
