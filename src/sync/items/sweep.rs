//! Sweeping losses: a partner that fails for a moment may list nothing, or a part. So a loss that is
//! large against what is known is believed only when it is seen twice.

use chrono::{DateTime, TimeDelta, Utc};

/// Losses of up to this many items are believed at once.
const FEW: usize = 3;

/// The least time between the two looks that confirm a sweeping loss.
const MIN_GAP: TimeDelta = TimeDelta::minutes(1);

/// A first look that is older than this counts as forgotten: the two must be of one outage or of one
/// deletion.
const MAX_GAP: TimeDelta = TimeDelta::days(2);

/// Whether the loss of `lost` of `known` items is sweeping: more than a few, and more than half.
pub fn is_sweeping(lost: usize, known: usize) -> bool {
    lost > FEW && lost * 2 > known
}

/// Whether an item that is missing at `now`, and first was at `since`, has been missed twice.
pub fn is_missed_twice(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    since.is_some_and(|since| (MIN_GAP..=MAX_GAP).contains(&(now - since)))
}

/// When an item that is missing now, and was at `before`, counts as first missed.
pub fn first_missed(before: Option<DateTime<Utc>>, now: DateTime<Utc>) -> DateTime<Utc> {
    before.filter(|before| (TimeDelta::zero()..=MAX_GAP).contains(&(now - *before))).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn more_than_three_and_more_than_half_is_sweeping() {
        for (lost, known, expected) in [
            (0, 0, false),
            (1, 1, false),
            (3, 3, false),
            (4, 4, true),
            (4, 7, true),
            (4, 8, false),
            (6, 6, true),
            (50, 200, false),
            (101, 200, true),
        ] {
            assert_eq!(is_sweeping(lost, known), expected, "{lost} of {known}");
        }
    }

    #[test]
    fn a_loss_is_confirmed_by_a_second_look_a_minute_later_and_not_by_one_long_after() {
        assert!(!is_missed_twice(None, at(0)));
        assert!(!is_missed_twice(Some(at(0)), at(59)));
        assert!(is_missed_twice(Some(at(0)), at(60)));
        assert!(!is_missed_twice(Some(at(0)), at(3 * 86_400)));
        assert!(
            !is_missed_twice(Some(at(100)), at(0)),
            "a clock that was set back confirms nothing"
        );
        assert_eq!(first_missed(None, at(9)), at(9));
        assert_eq!(first_missed(Some(at(1)), at(9)), at(1));
        assert_eq!(first_missed(Some(at(1)), at(3 * 86_400)), at(3 * 86_400));
        assert_eq!(first_missed(Some(at(100)), at(0)), at(0));
    }
}
