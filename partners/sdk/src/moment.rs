//! When something happened, and how certain the offset is.

use chrono::{DateTime, Duration, FixedOffset, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Where the offset of a [`Moment`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// The partner gave an instant.
    Exact,
    /// The partner gave wall time only; the offset is that of the user's time zone.
    Local,
}

/// A point in time with an offset, and where the offset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    /// The time with its offset.
    pub at: DateTime<FixedOffset>,
    /// Where the offset comes from.
    pub basis: TimeBasis,
}

impl Moment {
    /// An instant given with its offset.
    pub fn exact(at: DateTime<FixedOffset>) -> Self {
        Self { at, basis: TimeBasis::Exact }
    }

    /// An instant given in Unix seconds, with the offset that `zone` has at that time. `None`
    /// outside the years that chrono supports.
    pub fn from_unix(seconds: i64, zone: Tz) -> Option<Self> {
        let at = DateTime::<Utc>::from_timestamp(seconds, 0)?;
        Some(Self::exact(at.with_timezone(&zone).fixed_offset()))
    }

    /// Wall time without an offset, interpreted in `zone`. For a time that exists twice (clocks go
    /// back), the earlier one is used; one that does not exist (clocks go forward) moves on an
    /// hour.
    pub fn local(wall: NaiveDateTime, zone: Tz) -> Option<Self> {
        let at = match zone.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
            LocalResult::None => {
                let shifted = wall.checked_add_signed(Duration::hours(1))?;
                zone.from_local_datetime(&shifted).earliest()?
            }
        };
        Some(Self { at: at.fixed_offset(), basis: TimeBasis::Local })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn wall_time_takes_the_offset_of_that_day() {
        let zone = chrono_tz::Europe::Stockholm;
        let winter = Moment::local(wall("2026-01-10T07:00:00"), zone).unwrap();
        let summer = Moment::local(wall("2026-07-10T07:00:00"), zone).unwrap();
        assert_eq!(winter.at.to_rfc3339(), "2026-01-10T07:00:00+01:00");
        assert_eq!(summer.at.to_rfc3339(), "2026-07-10T07:00:00+02:00");
        assert_eq!(winter.basis, TimeBasis::Local);
    }

    #[test]
    fn wall_times_that_exist_twice_or_never_still_have_one_reading() {
        let zone = chrono_tz::Europe::Stockholm;
        let twice = Moment::local(wall("2026-10-25T02:30:00"), zone).unwrap();
        let never = Moment::local(wall("2026-03-29T02:30:00"), zone).unwrap();
        assert_eq!(twice.at.to_rfc3339(), "2026-10-25T02:30:00+02:00");
        assert_eq!(never.at.to_rfc3339(), "2026-03-29T03:30:00+02:00");
    }

    #[test]
    fn unix_seconds_out_of_range_are_no_moment() {
        assert_eq!(Moment::from_unix(i64::MAX, chrono_tz::UTC), None);
    }
}
