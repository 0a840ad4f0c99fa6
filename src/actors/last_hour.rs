//! Counts of the last hour.

use chrono::{DateTime, Utc};

const MINUTES: usize = 60;

/// How often something happened within the last hour, to the minute.
#[derive(Debug)]
pub(super) struct LastHour([(i64, u64); MINUTES]);

impl Default for LastHour {
    fn default() -> Self {
        Self([(i64::MIN, 0); MINUTES])
    }
}

impl LastHour {
    /// It happened.
    pub(super) fn count(&mut self, now: DateTime<Utc>) {
        let minute = minute(now);
        let place = usize::try_from(minute.rem_euclid(60)).unwrap_or_default();
        if let Some(slot) = self.0.get_mut(place) {
            if slot.0 != minute {
                *slot = (minute, 0);
            }
            slot.1 += 1;
        }
    }

    /// How often within the last hour.
    pub(super) fn sum(&self, now: DateTime<Utc>) -> u64 {
        let now = minute(now);
        let recent = self.0.iter().filter(|(at, _)| *at > now - 60 && *at <= now);
        recent.map(|(_, count)| count).sum()
    }
}

fn minute(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn what_is_an_hour_old_does_not_count() {
        let at = |minute| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let mut hour = LastHour::default();
        for minute in [0, 0, 59, 60] {
            hour.count(at(minute));
        }
        assert_eq!([at(60), at(118), at(119), at(120)].map(|now| hour.sum(now)), [2, 2, 1, 0]);
        assert_eq!(LastHour::default().sum(at(0)), 0);
    }
}
