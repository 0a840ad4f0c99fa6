//! When what failed is tried again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// The waits before the second and later attempts of a message, by Standard Webhooks.
const MESSAGE: [Duration; 9] = [
    Duration::from_secs(5),
    minutes(5),
    minutes(30),
    minutes(2 * 60),
    minutes(5 * 60),
    minutes(10 * 60),
    minutes(14 * 60),
    minutes(20 * 60),
    minutes(24 * 60),
];

/// The waits before an endpoint is tried again that takes nothing; the last one repeats. It is short,
/// so that what waits comes soon after the endpoint is back.
const ENDPOINT: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    minutes(1),
    minutes(2),
    minutes(5),
];

/// The longest wait that an endpoint can ask for.
const LONGEST_ASKED: Duration = minutes(24 * 60);

/// A message is given up after so long, if others are delivered.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(3);

/// An endpoint is disabled after so long with nothing but failures.
pub const DISABLED_AFTER: TimeDelta = TimeDelta::days(5);

/// A wait, longer by up to a tenth, so that not all come at once.
fn spread(wait: Duration, random: f64) -> Duration {
    wait.mul_f64(1.0 + random.clamp(0.0, 1.0) / 10.0)
}

fn after(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    now + TimeDelta::from_std(wait).unwrap_or_default()
}

/// Whether a message has been tried for long enough: at all steps of the schedule, and for as long as it
/// takes, although some attempts came earlier because the endpoint was tried.
pub(super) fn is_given_up(step: u32, failing_since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    usize::try_from(step).unwrap_or(usize::MAX) >= MESSAGE.len()
        && now - failing_since >= GIVEN_UP_AFTER
}

/// When a message is tried again after its attempt at this step, from 0.
/// While its endpoint takes nothing else either, it is tried as often as the endpoint.
pub(super) fn next_attempt(
    step: u32,
    others_succeed: bool,
    now: DateTime<Utc>,
    random: f64,
) -> DateTime<Utc> {
    let wait = MESSAGE.get(usize::try_from(step).unwrap_or(usize::MAX)).or(MESSAGE.last());
    let wait = wait.copied().unwrap_or_default();
    let longest =
        if others_succeed { Duration::MAX } else { ENDPOINT.last().copied().unwrap_or_default() };
    after(now, spread(wait.min(longest), random))
}

/// When an endpoint is tried again after this many failures in a row, and not before what it asked for.
pub(super) fn next_probe(
    failures: u32,
    asked: Option<Duration>,
    now: DateTime<Utc>,
    random: f64,
) -> DateTime<Utc> {
    let step = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = ENDPOINT.get(step).or(ENDPOINT.last()).copied().unwrap_or_default();
    let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
    after(now, spread(wait, random).max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-12-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_message_is_tried_for_some_three_days() {
        let waits = (0..9).map(|step| next_attempt(step, true, now(), 0.0) - now());
        let all = waits.sum::<TimeDelta>();
        assert_eq!(all, TimeDelta::minutes(75 * 60 + 35) + TimeDelta::seconds(5));
        for (step, hours, is_over) in
            [(9, 75, true), (8, 75, false), (9, 71, false), (50, 1, false)]
        {
            let since = now() - TimeDelta::hours(hours);
            assert_eq!(is_given_up(step, since, now()), is_over, "{step} {hours}");
        }
        let first = next_attempt(0, true, now(), 1.0) - now();
        assert_eq!(first, TimeDelta::milliseconds(5_500), "with jitter");
    }

    #[test]
    fn while_all_fails_nothing_waits_longer_than_five_minutes() {
        for step in [2, 8, 9, 50] {
            let next = next_attempt(step, false, now(), 0.0);
            assert_eq!(next - now(), TimeDelta::minutes(5));
        }
        let waits = [1, 2, 3, 4, 5, 6, 7, u32::MAX];
        let waits =
            waits.map(|failures| (next_probe(failures, None, now(), 0.0) - now()).num_seconds());
        assert_eq!(waits, [5, 15, 30, 60, 120, 300, 300, 300]);
    }

    #[test]
    fn what_the_endpoint_asks_for_is_kept_within_a_day() {
        let wait = |asked: u64| {
            let next = next_probe(1, Some(Duration::from_secs(asked)), now(), 0.0);
            (next - now()).num_seconds()
        };
        assert_eq!([wait(0), wait(120), wait(1_000_000)], [5, 120, 86_400]);
    }
}
