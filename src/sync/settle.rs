//! What follows from a sync for its connection: state, activity group, the next poll.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::report::Report;
use crate::model::{Connection, LastError, Status, SyncOutcome};
use crate::scheduler::{Activity, Backoff, Policy, Trust, spread};

/// After this many failures in a row the host app hears of it …
const FAILING_AFTER: u32 = 3;

/// … and after so long without a sync that ended, if limits stop all of them and they bring nothing.
const LIMITED_FOR_LONG: TimeDelta = TimeDelta::days(1);

/// The least time before what a sync left waiting is tried again without a new change.
const PUSH_GAP: TimeDelta = TimeDelta::seconds(10);

/// A connection's state after a sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// Whether it works.
    pub status: Status,
    /// Its place among the activity groups.
    pub activity: Activity,
    /// The activity group at whose interval it is polled.
    pub polled_as: usize,
    /// Syncs that failed in a row.
    pub failures: u32,
    /// When the next poll is due; `None` when there is none.
    pub next_poll_at: Option<DateTime<Utc>>,
    /// Nothing is pushed before this.
    pub push_not_before: DateTime<Utc>,
    /// When a poll last succeeded.
    pub last_poll_at: Option<DateTime<Utc>>,
    /// What is wrong.
    pub last_error: Option<LastError>,
    /// Since when the partner has refused access tokens that had just been renewed, or cannot be.
    pub refused_since: Option<DateTime<Utc>>,
    /// What is known about its notifications.
    pub trust: Option<Trust>,
    /// Since when its syncs are said to be failing.
    pub failing_since: Option<DateTime<Utc>>,
    /// Whether that has just begun or ended.
    pub turn: Option<Turn>,
}

/// Syncs of a connection have begun to fail, or to succeed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// They have failed for a while.
    Failing,
    /// One has succeeded after that.
    Recovered,
}

/// Settles a sync that ended at `now`. `random` is from 0 to 1; `limited_until` is when the
/// partner's limit allows the next call, if the limit stopped the sync.
pub fn settle(
    connection: &Connection,
    report: &Report,
    limited_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    policy: &Policy,
    jitter: f64,
    random: f64,
) -> Settlement {
    let outcome = report.outcome();
    let activity = connection.activity.after(report.had_data(), now, policy);
    let interval = policy.interval(activity.group);
    let after = |wait: Duration| Some(now + TimeDelta::from_std(wait).unwrap_or_default());
    let failures = match outcome {
        SyncOutcome::Ok | SyncOutcome::NotGranted => 0,
        SyncOutcome::Failed => connection.failures.saturating_add(1),
        _ => connection.failures,
    };
    // A sync that only pushed leaves the time of the next poll unchanged.
    let stays = |at: Option<DateTime<Utc>>| {
        if report.polled { at } else { connection.next_poll_at.or(at) }
    };
    let (status, next_try_at) = match outcome {
        SyncOutcome::Ok | SyncOutcome::NotGranted => {
            (Status::Connected, after(spread(interval, jitter, random)))
        }
        SyncOutcome::Interrupted => (Status::Connected, Some(now)),
        SyncOutcome::Limited => {
            // A moment later than allowed, so that not all who wait start at once.
            let allowed = limited_until.filter(|until| *until > now).unwrap_or(now);
            (
                Status::Connected,
                Some(allowed + TimeDelta::milliseconds(100 + (random * 2_000.0) as i64)),
            )
        }
        SyncOutcome::Failed => {
            // A feed that works keeps its interval, even if another one fails.
            let longest = if report.reached_partner() { interval } else { Duration::MAX };
            let wait = Backoff::CONNECTION.wait(failures, random).min(longest);
            (Status::Connected, after(wait))
        }
        SyncOutcome::NeedsReconnect => (Status::NeedsReconnect, None),
        SyncOutcome::Ended => (Status::Ended, None),
    };
    let next_poll_at = if status == Status::Connected { stays(next_try_at) } else { None };
    let push_not_before = match outcome {
        // A limit of reads does not stop writes.
        SyncOutcome::Limited if !report.is_push_limited() => now + PUSH_GAP,
        SyncOutcome::Limited | SyncOutcome::Failed => next_try_at.unwrap_or(now),
        // What could not be pushed is not tried again at once; new changes notify the actor anyway.
        _ => now + PUSH_GAP,
    };
    let last_error = match outcome {
        SyncOutcome::Ok | SyncOutcome::NotGranted => None,
        SyncOutcome::Interrupted => connection.last_error.clone(),
        _ => report.worst().map(|failure| LastError {
            code: failure.code,
            message: failure.message.clone(),
            at: now,
            waiting_for: failure.waiting_for.clone(),
        }),
    };
    let worked = matches!(outcome, SyncOutcome::Ok | SyncOutcome::NotGranted);
    let polled = worked && report.polled;
    let last_poll_at = if polled { Some(now) } else { connection.last_poll_at };
    let refused_since = match (report.refused, report.reached_partner()) {
        (false, true) => None,
        (false, false) => connection.refused_since,
        (true, false) => connection.refused_since.or(Some(now)),
        // Other calls were accepted: the grant is alive.
        (true, true) => Some(now),
    };
    let (failing_since, turn) = match (status, connection.failing_since) {
        // That the connection has ended says more.
        (Status::Connected, before) => {
            let is_long = connection.last_poll_at.or(connection.connected_at);
            let is_long = is_long.is_some_and(|since| now - since >= LIMITED_FOR_LONG);
            let is_starved = outcome == SyncOutcome::Limited && is_long && !report.had_data();
            match before {
                None if failures >= FAILING_AFTER || is_starved => (Some(now), Some(Turn::Failing)),
                Some(_) if polled => (None, Some(Turn::Recovered)),
                before => (before, None),
            }
        }
        _ => (None, None),
    };
    Settlement {
        status,
        activity,
        polled_as: activity.group,
        failures,
        next_poll_at,
        push_not_before,
        last_poll_at,
        last_error,
        refused_since,
        trust: connection.trust.clone(),
        failing_since,
        turn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConnectionId, FailureCode, UserId};
    use crate::sync::report::{Failure, FeedReport};

    fn now() -> DateTime<Utc> {
        "2026-03-04T12:00:00Z".parse().unwrap()
    }

    fn connection() -> Connection {
        Connection {
            id: ConnectionId(1),
            user_id: UserId::stored("ann"),
            partner: "withings".into(),
            status: Status::Connected,
            external_user_id: None,
            scopes: None,
            activity: Activity { group: 1, since: now() - TimeDelta::days(3) },
            failures: 2,
            last_poll_at: None,
            next_poll_at: None,
            last_push_at: None,
            next_push_at: None,
            last_error: None,
            connected_at: None,
            refreshed_at: None,
            refused_since: None,
            refresh_begun_at: None,
            notified_at: None,
            trust: None,
            subscribed_at: None,
            failing_since: None,
        }
    }

    fn settle_as(failure: Option<(FailureCode, SyncOutcome)>, created: u32) -> Settlement {
        let mut feed = FeedReport { created, ..FeedReport::new("weight") };
        feed.error = failure.map(|(code, outcome)| Failure::new(code, "it did not work", outcome));
        let report = Report { feeds: vec![feed], polled: true, ..Report::default() };
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let policy = Policy::new(&[minutes(5), minutes(20), minutes(60)], minutes(21 * 24 * 60));
        let until = now() + TimeDelta::seconds(90);
        settle(&connection(), &report, Some(until), now(), &policy, 0.0, 0.0)
    }

    #[test]
    fn a_good_sync_is_followed_by_the_group_s_interval_and_data_by_the_shortest() {
        let quiet = settle_as(None, 0);
        assert_eq!(quiet.next_poll_at, Some(now() + TimeDelta::minutes(20)));
        assert_eq!((quiet.failures, quiet.last_poll_at), (0, Some(now())));
        let fresh = settle_as(None, 3);
        assert_eq!(fresh.next_poll_at, Some(now() + TimeDelta::minutes(5)));
        assert_eq!(fresh.activity, Activity::new(now()));
    }

    #[test]
    fn a_failure_waits_longer_each_time_and_says_why() {
        let failed = settle_as(Some((FailureCode::Transient, SyncOutcome::Failed)), 0);
        assert_eq!(failed.failures, 3);
        assert_eq!(failed.next_poll_at, Some(now() + TimeDelta::seconds(120)));
        assert_eq!(failed.last_poll_at, None);
        assert_eq!(failed.last_error.unwrap().code, FailureCode::Transient);
    }

    #[test]
    fn a_limit_is_not_a_failure_and_is_waited_for() {
        let limited = settle_as(Some((FailureCode::RateLimited, SyncOutcome::Limited)), 0);
        assert_eq!(limited.failures, 2);
        let next = limited.next_poll_at.unwrap();
        assert!(next >= now() + TimeDelta::seconds(90) && next < now() + TimeDelta::seconds(93));
    }

    #[test]
    fn failing_begins_with_the_third_failure_or_a_day_of_limits_and_ends_with_a_poll() {
        type Case = (Option<(FailureCode, SyncOutcome)>, u32, bool, i64, bool, Option<Turn>);
        let failed = Some((FailureCode::Transient, SyncOutcome::Failed));
        let limited = Some((FailureCode::RateLimited, SyncOutcome::Limited));
        let dead = Some((FailureCode::Unauthorized, SyncOutcome::NeedsReconnect));
        // What went wrong, failures before, failing before, hours since a poll, polled, what follows.
        let cases: [Case; 9] = [
            (failed, 1, false, 1, true, None),
            (failed, 2, false, 1, true, Some(Turn::Failing)),
            (failed, 9, true, 1, true, None),
            (limited, 0, false, 23, true, None),
            (limited, 0, false, 24, true, Some(Turn::Failing)),
            (None, 3, true, 1, true, Some(Turn::Recovered)),
            (None, 3, true, 1, false, None),
            (None, 0, false, 1, true, None),
            (dead, 3, true, 1, true, None),
        ];
        for (failure, failures, is_failing, hours, polled, turn) in cases {
            let connection = Connection {
                failures,
                failing_since: is_failing.then(|| now() - TimeDelta::hours(5)),
                last_poll_at: Some(now() - TimeDelta::hours(hours)),
                ..connection()
            };
            let mut feed = FeedReport::new("weight");
            feed.error = failure.map(|(code, end)| Failure::new(code, "it did not work", end));
            let report = Report { feeds: vec![feed], polled, ..Report::default() };
            let policy = Policy::new(&[Duration::from_secs(300)], Duration::from_secs(60));
            let settled = settle(&connection, &report, None, now(), &policy, 0.0, 0.0);
            assert_eq!(settled.turn, turn, "{failure:?} {failures} {hours}");
            let goes_on = is_failing && turn.is_none() && settled.status == Status::Connected;
            let is_failing = settled.failing_since.is_some();
            assert_eq!(is_failing, goes_on || turn == Some(Turn::Failing));
        }
    }

    #[test]
    fn dead_tokens_and_dead_services_end_polling() {
        let dead = settle_as(Some((FailureCode::Unauthorized, SyncOutcome::NeedsReconnect)), 0);
        assert_eq!((dead.status, dead.next_poll_at), (Status::NeedsReconnect, None));
        let gone = settle_as(Some((FailureCode::Gone, SyncOutcome::Ended)), 0);
        assert_eq!((gone.status, gone.next_poll_at), (Status::Ended, None));
    }

    #[test]
    fn since_when_new_tokens_are_refused_is_kept_until_the_partner_is_reached() {
        let settled = |before: Option<i64>, refused: bool, pages: u32| {
            let connection = Connection {
                refused_since: before.map(|hours| now() - TimeDelta::hours(hours)),
                ..connection()
            };
            let feeds = vec![FeedReport { pages, ..FeedReport::new("weight") }];
            let report = Report { feeds, refused, polled: true, ..Report::default() };
            let policy = Policy::new(&[Duration::from_secs(300)], Duration::from_secs(60));
            let settled = settle(&connection, &report, None, now(), &policy, 0.0, 0.0);
            settled.refused_since.map(|since| (now() - since).num_hours())
        };
        assert_eq!(settled(None, true, 0), Some(0), "it begins");
        assert_eq!(settled(Some(7), true, 0), Some(7), "it goes on");
        assert_eq!(settled(Some(7), false, 0), Some(7), "another failure says nothing about it");
        assert_eq!(settled(Some(7), true, 1), Some(0), "the other feed was accepted");
        assert_eq!(settled(Some(7), false, 1), None, "it is over");
    }
}
