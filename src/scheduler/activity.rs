//! Activity groups: connections with recent data are polled often, silent ones ever less.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// The intervals of the groups and the demotion threshold, from the settings.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Polling intervals, shortest first; never empty.
    intervals: Vec<Duration>,
    /// How long a connection may be without data before it moves to the next group.
    demote_after: TimeDelta,
}

impl Policy {
    /// Creates a policy. Without intervals it polls every five minutes.
    pub fn new(intervals: &[Duration], demote_after: Duration) -> Self {
        let mut intervals = intervals.to_vec();
        intervals.sort_unstable();
        if intervals.is_empty() {
            intervals.push(Duration::from_secs(300));
        }
        let demote_after = TimeDelta::from_std(demote_after).unwrap_or(TimeDelta::MAX);
        Self { intervals, demote_after }
    }

    /// The polling interval of a group; beyond the last group, that of the last.
    pub fn interval(&self, group: usize) -> Duration {
        let last = self.intervals.last().copied().unwrap_or(Duration::from_secs(300));
        self.intervals.get(group).copied().unwrap_or(last)
    }

    /// The intervals of all groups, shortest first.
    pub fn intervals(&self) -> &[Duration] {
        &self.intervals
    }

    /// How long a connection may be without data before it moves to the next group.
    pub fn demote_after(&self) -> TimeDelta {
        self.demote_after
    }

    /// The longest interval.
    pub fn longest(&self) -> Duration {
        self.interval(usize::MAX)
    }

    /// The group with the longest interval.
    pub fn last_group(&self) -> usize {
        self.intervals.len().saturating_sub(1)
    }
}

/// The activity group of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The group. Group 0 is polled most often.
    pub group: usize,
    /// The start of the current silence: the last data, or the last demotion.
    pub since: DateTime<Utc>,
}

impl Activity {
    /// Every connection starts in the first group.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { group: 0, since: now }
    }

    /// The activity after a sync that ended at `now`, with or without data.
    #[must_use]
    pub fn after(self, had_data: bool, now: DateTime<Utc>, policy: &Policy) -> Self {
        if had_data {
            return Self::new(now);
        }
        let silent_long_enough = now.signed_duration_since(self.since) >= policy.demote_after;
        if silent_long_enough && self.group < policy.last_group() {
            return Self { group: self.group + 1, since: now };
        }
        // The group may no longer exist if the list in the settings became shorter.
        Self { group: self.group.min(policy.last_group()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn policy() -> Policy {
        Policy::new(&[5 * MINUTE, 20 * MINUTE, 60 * MINUTE], 21 * 24 * 60 * MINUTE)
    }

    fn start() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    /// Simulates `days` of polling at the intervals of the groups. The first poll of a day brings
    /// data if `has_data` returns true. Returns the polling interval at the end of each day, in
    /// minutes.
    fn live(days: i64, has_data: impl Fn(i64) -> bool) -> Vec<u64> {
        let policy = policy();
        let (mut now, mut activity, mut intervals) = (start(), Activity::new(start()), Vec::new());
        for day in 0..days {
            let mut fresh = has_data(day);
            while now < start() + TimeDelta::days(day + 1) {
                activity = activity.after(std::mem::take(&mut fresh), now, &policy);
                now += policy.interval(activity.group);
            }
            intervals.push(policy.interval(activity.group).as_secs() / 60);
        }
        intervals
    }

    #[test]
    fn three_weeks_of_silence_each_lead_to_20_and_then_60_minutes_and_no_further() {
        let intervals = live(3 * 365, |_| false);
        let expected = |day: usize| match day {
            0..=20 => 5,
            21..=41 => 20,
            _ => 60,
        };
        for (day, interval) in intervals.iter().enumerate() {
            assert_eq!(*interval, expected(day), "day {day}");
        }
    }

    #[test]
    fn any_data_leads_back_to_5_minutes_at_once_and_restarts_the_weeks() {
        let intervals = live(2 * 365, |day| day == 30 || day == 100);
        for (day, expected) in [
            (29, 20),
            (30, 5),
            (50, 5),
            (51, 20),
            (71, 20),
            (72, 60),
            (99, 60),
            (100, 5),
            (120, 5),
            (121, 20),
            (729, 60),
        ] {
            assert_eq!(intervals[day], expected, "day {day}");
        }
    }

    #[test]
    fn a_connection_with_data_every_20_days_stays_at_5_minutes_for_years() {
        assert!(live(5 * 365, |day| day % 20 == 0).iter().all(|interval| *interval == 5));
    }

    #[test]
    fn each_connection_has_its_own_place() {
        let policy = policy();
        let later = start() + TimeDelta::days(21);
        let silent = Activity::new(start()).after(false, later, &policy);
        let active = Activity::new(start()).after(true, later, &policy);
        assert_eq!((silent.group, active.group), (1, 0));
    }

    #[test]
    fn one_long_absence_demotes_by_one_group_only() {
        let later = start() + TimeDelta::days(400);
        assert_eq!(Activity::new(start()).after(false, later, &policy()).group, 1);
    }

    #[test]
    fn a_group_the_settings_no_longer_have_becomes_the_last() {
        let short = Policy::new(&[MINUTE], 21 * 24 * 60 * MINUTE);
        let activity = Activity { group: 2, since: start() }.after(false, start(), &short);
        assert_eq!(activity.group, 0);
        assert_eq!(short.interval(7), MINUTE);
    }
}
