//! One sync: which months are requested, which of their days are read, where the next sync starts.
//!
//! FatSecret reports no modifications. One call returns the sums of each day of a month; a day is
//! read when its sums have changed. An ordinary sync requests only the month of the last days.
//! Every few hours a thorough one also requests the month before, and reads the last days whatever
//! their sums: an entry may have been renamed, or moved to another meal. A wide look is thorough and
//! requests further months.

use std::collections::BTreeMap;
use std::time::Duration;

use partner_sdk::chrono::{DateTime, TimeDelta, Utc};
use partner_sdk::{Cursor, Page, PartnerError, PollRequest};
use serde::{Deserialize, Serialize};

use crate::days;

/// The time from one thorough sync to the next.
const THOROUGH_EVERY: TimeDelta = TimeDelta::hours(6);

/// Where a sync ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Ended {
    /// The user's day at that sync.
    today: i64,
    thorough_at: DateTime<Utc>,
    /// The sums of the days of the months that a wide look requests.
    #[serde(default)]
    sums: BTreeMap<i64, String>,
}

/// The state of one sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SyncState {
    /// The user's day.
    today: i64,
    /// Days from this one on are read whatever their sums.
    unconditional_from: Option<i64>,
    /// Months to request, by their first day; the next one is last.
    months: Vec<i64>,
    /// Days to read; the next one is last.
    days: Vec<i64>,
    /// The first day whose sums are remembered.
    keeps_from: i64,
    ends: Ended,
}

/// What the next call requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A day's entries.
    Day(i64),
    /// The month that begins with that day.
    Month(i64),
}

impl SyncState {
    /// Returns the sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let beyond = || PartnerError::Malformed("the time lies beyond FatSecret's calendar".into());
        let before: Option<Ended> = request.cursor_state()?;
        let today = days::of(&request.now.with_timezone(&request.time_zone));
        let this_month = days::month_of(today).ok_or_else(beyond)?;
        // On the last day of a month, tomorrow's may have begun where the user is.
        let last_month = days::month_of(today.saturating_add(1)).ok_or_else(beyond)?;
        let whole_days =
            |span: Duration| i64::try_from(span.as_secs() / 86_400).unwrap_or_default();
        let trailing = whole_days(request.feed.trailing);
        let wide_from = today.saturating_sub(whole_days(request.feed.wide));
        let recent = today.saturating_sub(trailing).max(0);
        let thorough = before.as_ref().is_none_or(|before| {
            let since = request.now.signed_duration_since(before.thorough_at);
            request.is_wide || since >= THOROUGH_EVERY || since < TimeDelta::zero()
        });
        let from = match &before {
            None => days::of(&request.backfill_from.with_timezone(&request.time_zone)),
            Some(before) => {
                let from = before.today.min(today).saturating_sub(trailing);
                let month_before = days::previous_month(this_month).filter(|_| thorough);
                let from = month_before.map_or(from, |first| first.min(from));
                if request.is_wide { from.min(wide_from) } else { from }
            }
        };
        let mut months = Vec::new();
        let mut month = days::month_of(from.max(0)).filter(|first| *first <= last_month);
        while let Some(first) = month {
            months.push(first);
            month = days::next_month(first).filter(|first| *first <= last_month);
        }
        months.reverse();
        let mut ends = before.unwrap_or_default();
        ends.today = today;
        if thorough {
            ends.thorough_at = request.now;
        }
        Ok(Self {
            today,
            unconditional_from: thorough.then_some(recent),
            months,
            days: Vec::new(),
            keeps_from: days::month_of(wide_from).unwrap_or_default(),
            ends,
        })
    }

    /// Returns what to request next. A new sync has at least one month.
    pub(crate) fn step(&mut self) -> Result<Step, PartnerError> {
        let day = self.days.pop().map(Step::Day);
        day.or_else(|| self.months.pop().map(Step::Month))
            .ok_or(PartnerError::Malformed("the state of this sync cannot be read".into()))
    }

    /// The last day that is read, tomorrow: meals can be planned ahead. Some of tomorrow's may be
    /// eaten already, if the user's zone is not the one we know.
    pub(crate) fn latest(&self) -> i64 {
        self.today.saturating_add(1)
    }

    /// Stores the sums of a month's days, up to the latest, and notes the days to read. Returns the
    /// deleted days; none if the month could not be read `whole`.
    pub(crate) fn compare(
        &mut self,
        first: i64,
        mut sums: BTreeMap<i64, String>,
        whole: bool,
    ) -> Vec<i64> {
        let end = days::next_month(first).unwrap_or(i64::MAX);
        // Each day costs a call: days of other months were not asked for.
        sums.retain(|day, _| (first..end).contains(day));
        let (latest, unconditional_from) = (self.latest(), self.unconditional_from);
        let before = &mut self.ends.sums;
        let unconditional = |day: i64| unconditional_from.is_some_and(|from| day >= from);
        let changed =
            sums.iter().filter(|(day, sum)| unconditional(**day) || before.get(day) != Some(sum));
        self.days = changed.map(|(day, _)| *day).rev().collect();
        let missing = before.range(first..end).map(|(day, _)| *day);
        let gone: Vec<i64> =
            missing.filter(|day| whole && *day <= latest && !sums.contains_key(day)).collect();
        before.retain(|day, _| !gone.contains(day));
        before.extend(sums);
        gone
    }

    /// Ends `page`: with the state for the following page, or with the cursor.
    pub(crate) fn go_on(mut self, mut page: Page) -> Result<Page, PartnerError> {
        page.end_is_known = true;
        if !self.days.is_empty() || !self.months.is_empty() {
            page.continue_with(&self)?;
            return Ok(page);
        }
        self.ends.sums.retain(|day, _| *day >= self.keeps_from);
        page.cursor = Some(Cursor::encode(&self.ends)?);
        Ok(page)
    }
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let Ended { today, .. } = cursor.decode().ok()?;
    let day = DateTime::from_timestamp(today.checked_mul(86_400)?, 0)?.date_naive();
    Some(format!("the days until {day}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sync on 4 March 2026 (day 20516); the month begins with day 20513.
    fn sync(unconditional_from: Option<i64>, sums: &[(i64, &str)]) -> SyncState {
        let ends = Ended { sums: owned(sums), ..Ended::default() };
        SyncState {
            today: 20_516,
            unconditional_from,
            months: Vec::new(),
            days: Vec::new(),
            keeps_from: 20_400,
            ends,
        }
    }

    fn owned(sums: &[(i64, &str)]) -> BTreeMap<i64, String> {
        sums.iter().map(|(day, sum)| (*day, (*sum).to_owned())).collect()
    }

    #[test]
    fn days_whose_sums_differ_are_read_and_missing_ones_are_gone() {
        let mut sync = sync(None, &[(20_512, "a"), (20_513, "b"), (20_514, "c"), (20_515, "d")]);
        let gone =
            sync.compare(20_513, owned(&[(20_513, "b"), (20_514, "x"), (20_516, "n")]), true);
        assert_eq!(gone, [20_515]);
        assert_eq!(sync.days, [20_516, 20_514], "the next to read is last");
        let kept = owned(&[(20_512, "a"), (20_513, "b"), (20_514, "x"), (20_516, "n")]);
        assert_eq!(sync.ends.sums, kept);
    }

    #[test]
    fn the_last_days_are_read_whatever_their_sums() {
        let mut sync = sync(Some(20_514), &[(20_513, "b"), (20_514, "c")]);
        assert!(sync.compare(20_513, owned(&[(20_513, "b"), (20_514, "c")]), true).is_empty());
        assert_eq!(sync.days, [20_514]);
    }

    #[test]
    fn a_day_is_not_gone_because_it_could_not_be_read_or_lies_ahead() {
        let mut broken = sync(None, &[(20_514, "c")]);
        assert!(broken.compare(20_513, BTreeMap::new(), false).is_empty());
        assert_eq!(broken.ends.sums, owned(&[(20_514, "c")]));
        let mut ahead = sync(None, &[(20_518, "c")]);
        assert!(ahead.compare(20_513, BTreeMap::new(), true).is_empty());
    }

    #[test]
    fn a_cursor_says_where_it_stands() {
        let stands = |text: &str| super::stands(&Cursor(text.into()));
        assert_eq!(
            stands(r#"{"today":20516,"thorough_at":"2026-03-04T06:15:09Z"}"#).as_deref(),
            Some("the days until 2026-03-04")
        );
        assert_eq!(stands("{}"), None);
    }
}
