//! Whether a partner's limits allow as many calls as its users need, and how many more users they carry.

use std::time::Duration;

/// The share of a limit that polls may fill; the rest is held back for people who wait.
const SHARE_OF_POLLS: f64 = 0.85;

const DAY: f64 = 86_400.0;

/// How many syncs the first guess counts for.
const GUESSED_SYNCS: f64 = 20.0;

/// How many calls a scheduled sync makes: a guess at first, then what was counted.
#[derive(Clone, Copy, Debug)]
pub struct CallsPerSync {
    calls: f64,
    syncs: f64,
}

impl CallsPerSync {
    /// Guesses one call for each feed.
    pub fn of_feeds(feeds: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a partner has some feeds")]
        let feeds = feeds.max(1) as f64;
        Self { calls: feeds * GUESSED_SYNCS, syncs: GUESSED_SYNCS }
    }

    /// A scheduled sync began.
    pub fn count_sync(&mut self) {
        self.syncs += 1.0;
    }

    /// It made a call.
    pub fn count_call(&mut self) {
        self.calls += 1.0;
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.calls / self.syncs
    }

    /// Whether more was counted than guessed.
    pub fn is_measured(&self) -> bool {
        self.syncs >= 2.0 * GUESSED_SYNCS
    }
}

/// What the limits allow and what the users need.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// How many users there are.
    pub users: u64,
    /// How many the limits are enough for, if they were polled as these are.
    pub supports: u64,
    /// The calls a day that polls need.
    pub needed: f64,
    /// The calls a day that polls may make.
    pub allowed: f64,
}

impl Assessment {
    /// Whether the limits are too small.
    pub fn is_too_small(&self) -> bool {
        self.needed > self.allowed
    }

    /// How many more users the limits are enough for; below zero, how many there are too many.
    pub fn room(&self) -> i64 {
        let number = |users: u64| i64::try_from(users).unwrap_or(i64::MAX);
        number(self.supports).saturating_sub(number(self.users))
    }

    /// What it comes to, in words.
    pub fn in_words(&self) -> String {
        format!(
            "polls may make {:.0} calls a day, {} users need {:.0}: it is enough for about {} users",
            self.allowed, self.users, self.needed, self.supports
        )
    }
}

/// Compares what limits allow with what polls need. `users` are counted by their polling interval;
/// `limits` are calls in a window, of the whole application. `None` without a limit.
pub fn assess(
    users: &[(Duration, u64)],
    shortest: Duration,
    calls_per_sync: f64,
    limits: &[(u32, Duration)],
) -> Option<Assessment> {
    let a_day =
        |(calls, per): &(u32, Duration)| f64::from(*calls) * DAY / per.as_secs_f64().max(0.001);
    let allowed = limits.iter().map(a_day).min_by(f64::total_cmp)? * SHARE_OF_POLLS;
    let of_one = |interval: Duration| calls_per_sync * DAY / interval.as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "users of one partner")]
    let needed: f64 = users.iter().map(|(interval, count)| of_one(*interval) * *count as f64).sum();
    let count: u64 = users.iter().map(|(_, count)| count).sum();
    #[expect(clippy::cast_precision_loss, reason = "users of one partner")]
    let of_each = if count == 0 { of_one(shortest) } else { needed / count as f64 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast to an integer saturates, and nothing here is negative"
    )]
    let supports = (allowed / of_each.max(f64::MIN_POSITIVE)) as u64;
    Some(Assessment { users: count, supports, needed, allowed })
}

/// What limits are enough for, as things are and if something changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// As things are.
    pub now: Assessment,
    /// If everybody was polled at the longest interval, unless everybody is.
    pub if_polled_rarely: Option<Assessment>,
    /// If the partner allowed twice as many calls.
    pub if_doubled: Assessment,
}

/// Looks ahead from what [`assess`] is given. `intervals` are those of all activity groups, shortest
/// first, with the users who are polled at each.
pub fn outlook(
    intervals: &[(Duration, u64)],
    calls_per_sync: f64,
    limits: &[(u32, Duration)],
) -> Option<Outlook> {
    let shortest = intervals.first()?.0;
    let longest = intervals.last()?.0;
    let users: u64 = intervals.iter().map(|(_, users)| users).sum();
    let doubled: Vec<(u32, Duration)> =
        limits.iter().map(|(calls, per)| (calls.saturating_mul(2), *per)).collect();
    let rarely = [(longest, users)];
    let is_often = intervals.iter().any(|(interval, users)| *interval < longest && *users > 0);
    let if_polled_rarely =
        is_often.then(|| assess(&rarely, longest, calls_per_sync, limits)).flatten();
    Some(Outlook {
        now: assess(intervals, shortest, calls_per_sync, limits)?,
        if_polled_rarely,
        if_doubled: assess(intervals, shortest, calls_per_sync, &doubled)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_tightest_limit_and_the_users_intervals_decide() {
        let quarter_and_day = [(100, 15 * MINUTE), (1_000, 24 * 60 * MINUTE)];
        // Every five minutes is 288 polls a day.
        for (what, users, calls, limits, supports, too_small) in [
            ("Strava, one user", vec![(5 * MINUTE, 1)], 1.0, &quarter_and_day[..], 2, false),
            ("Strava, three", vec![(5 * MINUTE, 3)], 1.0, &quarter_and_day[..], 2, true),
            ("three, hourly", vec![(60 * MINUTE, 3)], 1.0, &quarter_and_day[..], 35, false),
            ("nobody yet", vec![], 1.0, &quarter_and_day[..], 2, false),
            ("Withings", vec![(5 * MINUTE, 200)], 2.0, &[(120, MINUTE)][..], 255, false),
            (
                "too many",
                vec![(5 * MINUTE, 200), (20 * MINUTE, 400)],
                2.0,
                &[(120, MINUTE)][..],
                510,
                true,
            ),
            (
                "a long window",
                vec![(5 * MINUTE, 1)],
                1.0,
                &[(1_000_000, Duration::from_secs(1))][..],
                255_000_000,
                false,
            ),
        ] {
            let found = assess(&users, 5 * MINUTE, calls, limits).unwrap();
            assert_eq!(
                (found.supports, found.is_too_small()),
                (supports, too_small),
                "{what}: {found:?}"
            );
        }
        assert_eq!(assess(&[(MINUTE, 5)], MINUTE, 1.0, &[]), None, "nothing limits it");
    }

    #[test]
    fn the_outlook_says_how_many_more_users_there_is_room_for_and_what_would_change_it() {
        // 57,600 reads a day, of which polls may make 48,960: 288, 72 and 24 polls a user and day.
        let limits = [(600, 15 * MINUTE), (60_000, 24 * 60 * MINUTE)];
        let groups = |often, seldom, rarely| {
            [(5 * MINUTE, often), (20 * MINUTE, seldom), (60 * MINUTE, rarely)]
        };
        let of = |users: &[(Duration, u64)], calls| outlook(users, calls, &limits).unwrap();
        let rooms = |it: &Outlook| {
            (it.now.room(), it.if_polled_rarely.map(|it| it.room()), it.if_doubled.room())
        };
        // 100 of each need 38,400; all of them hourly 7,200.
        let found = of(&groups(100, 100, 100), 1.0);
        assert_eq!((found.now.users, found.now.supports), (300, 382));
        assert_eq!(rooms(&found), (82, Some(1_740), 465));
        assert!(!found.now.is_too_small());
        // Twice as many calls for each poll: too many users, and hourly they fit.
        let found = of(&groups(100, 100, 100), 2.0);
        assert_eq!((rooms(&found), found.now.is_too_small()), ((-109, Some(720), 82), true));
        // All are polled rarely already, or their notifications work: nothing to gain there.
        assert_eq!(rooms(&of(&groups(0, 0, 300), 1.0)), (1_740, None, 3_780));
        // Nobody yet: as if all were polled often.
        assert_eq!(rooms(&of(&groups(0, 0, 0), 1.0)), (170, None, 340));
        assert_eq!(outlook(&groups(1, 0, 0), 1.0, &[]), None, "nothing limits it");
        let most = [(u32::MAX, Duration::from_millis(1))];
        assert!(outlook(&groups(1, 0, 0), 1.0, &most).unwrap().if_doubled.supports > 0);
    }

    #[test]
    fn calls_per_sync_are_guessed_first_and_learned_then() {
        let mut calls = CallsPerSync::of_feeds(2);
        assert!((calls.mean() - 2.0).abs() < 0.001 && !calls.is_measured());
        for _ in 0..2_000 {
            calls.count_sync();
            (0..5).for_each(|_| calls.count_call());
        }
        assert!((calls.mean() - 5.0).abs() < 0.1 && calls.is_measured(), "{calls:?}");
    }
}
