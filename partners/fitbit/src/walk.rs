//! Which days a sync reads, call by call. Fitbit's logs are requested by day and report neither
//! changes nor deletions. So the latest days are read again each time, and an entry that is missing
//! from its day was deleted.
//!
//! A sync stopped by the limit of 150 calls an hour starts again from the beginning. So no sync is
//! long: the first one reads the latest days, and later ones read the rest of the past, a few calls
//! in each.

use std::collections::HashSet;
use std::time::Duration;

use partner_sdk::chrono::{DateTime, Days as Count, NaiveDate, TimeDelta, Utc};
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, RejectedRecord};
use serde::{Deserialize, Serialize};

/// How a log is read.
#[derive(Debug)]
pub(crate) struct Manner {
    /// How many days one call returns.
    pub(crate) days_a_call: u64,
    /// How many days before today every sync reads.
    pub(crate) recent: u64,
    /// How many days after today: the user's zone may be unknown, and ahead of ours.
    pub(crate) ahead: u64,
    /// The most calls a sync spends on the latest days; a first sync, on the whole period.
    pub(crate) calls: usize,
    /// How many calls a later sync spends on what the first one left unread.
    pub(crate) calls_for_the_past: usize,
}

/// A range of days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days {
    pub(crate) first: NaiveDate,
    pub(crate) last: NaiveDate,
}

impl Days {
    /// Splits these days into parts of at most `length` days, the latest first.
    fn parts(self, length: u64) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = Some(self.last);
        while let Some(last) = rest.filter(|last| *last >= self.first) {
            let first = earlier(last, length.saturating_sub(1)).max(self.first);
            parts.push(Self { first, last });
            rest = first.pred_opt();
        }
        parts
    }
}

/// Where the next sync of a log starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The user's day up to which everything was read.
    today: NaiveDate,
    /// The part of the past that is not read yet.
    past: Option<Days>,
    /// When a day before the recent ones was last read again, and which day.
    again_at: DateTime<Utc>,
    again: NaiveDate,
}

/// The state of one sync.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// The calls still to be made.
    calls: Vec<Days>,
    next: Position,
}

impl Walk {
    /// Returns the sync that `request` begins or continues, and the days to read now.
    pub(crate) fn of(request: &PollRequest, how: &Manner) -> Result<(Self, Days), PartnerError> {
        let mut walk = match request.page_state()? {
            Some(walk) => walk,
            None => Self::begin(request, request.cursor_state()?, how),
        };
        if walk.calls.is_empty() {
            return Err(PartnerError::Malformed("the state of this sync has no days left".into()));
        }
        let days = walk.calls.remove(0);
        Ok((walk, days))
    }

    fn begin(request: &PollRequest, position: Option<Position>, how: &Manner) -> Self {
        let today = request.now.with_timezone(&request.time_zone).date_naive();
        let whole_days = |span: Duration| span.as_secs() / (24 * 60 * 60);
        let trailing = whole_days(request.feed.trailing);
        let back = if request.is_wide { whole_days(request.feed.wide) } else { how.recent };
        let from = match &position {
            // A clock that was set back is no reason to read less.
            Some(position) => earlier(position.today.min(today), back),
            None => request.backfill_from.with_timezone(&request.time_zone).date_naive(),
        };
        let last = today.checked_add_days(Count::new(how.ahead)).unwrap_or(today);
        let mut calls = Days { first: from.min(today), last }.parts(how.days_a_call);
        let mut next = position.clone().unwrap_or(Position {
            today,
            past: None,
            again_at: request.now,
            again: today,
        });
        next.today = today;

        let left = calls.split_off(how.calls.min(calls.len()));
        // What a wide look leaves is read like the rest of the past, which it must not hold up.
        if let (Some(latest), Some(oldest), false) =
            (left.first(), left.last(), request.is_wide && next.past.is_some())
        {
            let first = next.past.map_or(oldest.first, |past| past.first.min(oldest.first));
            next.past = Some(Days { first, last: latest.last });
        } else if let Some(past) = next.past {
            let mut parts = past.parts(how.days_a_call);
            let left = parts.split_off(how.calls_for_the_past.min(parts.len()));
            next.past = left.first().map(|latest| Days { first: past.first, last: latest.last });
            calls.append(&mut parts);
        }

        let hour_ago = request.now.checked_sub_signed(TimeDelta::hours(1));
        let due = hour_ago.is_none_or(|hour_ago| next.again_at <= hour_ago);
        if position.is_some() && how.recent < trailing && due {
            let (oldest, newest) = (earlier(today, trailing), earlier(today, how.recent + 1));
            let day = next.again.succ_opt().filter(|day| (oldest..=newest).contains(day));
            (next.again, next.again_at) = (day.unwrap_or(oldest), request.now);
            let tomorrow = today.succ_opt().unwrap_or(today);
            calls.extend([tomorrow, next.again].map(|day| Days { first: day, last: day }));
        }
        Self { calls, next }
    }

    /// Ends `page`, on which the groups of `log` are its days.
    pub(crate) fn go_on(
        self,
        mut page: Page,
        request: &PollRequest,
        log: &str,
        days: Days,
    ) -> Result<Page, PartnerError> {
        // A first sync has nothing to compare with.
        if request.cursor.is_some() {
            note_missing(&mut page, log, days);
        }
        page.end_is_known = true;
        if self.calls.is_empty() {
            page.cursor = Some(Cursor::encode(&self.next)?);
        } else {
            page.continue_with(&self)?;
        }
        Ok(page)
    }
}

/// The group of a day: its entries always come together, so a missing one was deleted.
pub(crate) fn group(log: &str, day: NaiveDate) -> String {
    format!("{log}/{day}")
}

/// Reports the days without an entry as deleted. An entry without a readable id may be any of those
/// that seem to be missing: then nothing is reported as deleted.
fn note_missing(page: &mut Page, log: &str, days: Days) {
    let unknown = page.records.iter().flat_map(|it| it.as_ref().err());
    let unknown = unknown.into_iter().any(|refused| refused.source_id.is_none());
    let present: HashSet<String> =
        page.records.iter().flatten().filter_map(|record| record.group.clone()).collect();
    if unknown {
        let reason = "an entry that cannot be identified may be of this day";
        page.records.extend(present.into_iter().map(|day| Err(RejectedRecord::new(day, reason))));
    } else {
        let all = days.first.iter_days().take_while(|day| *day <= days.last);
        page.deleted.extend(all.map(|day| group(log, day)).filter(|day| !present.contains(day)));
    }
}

fn earlier(day: NaiveDate, count: u64) -> NaiveDate {
    day.checked_sub_days(Count::new(count)).unwrap_or(day)
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let Position { today, past, .. } = cursor.decode().ok()?;
    let past = past.map(|Days { first, last }| format!(", without those from {first} to {last}"));
    Some(format!("the days until {today}{}", past.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use partner_sdk::{Body, Feed, Measurement, MeasurementType, Moment, RemoteRecord, Tz};

    use super::*;
    use crate::{MANIFEST, body, food};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn days(first: &str, last: &str) -> Days {
        Days { first: day(first), last: day(last) }
    }

    fn request(feed: &'static str, now: &str, cursor: Option<Cursor>) -> PollRequest {
        let now: DateTime<Utc> = now.parse().unwrap();
        let feed: &'static Feed = MANIFEST.feed(feed).unwrap();
        let backfill_from = now - TimeDelta::days(365);
        PollRequest {
            feed,
            cursor,
            page: None,
            backfill_from,
            now,
            is_wide: false,
            time_zone: Tz::UTC,
            delivered: Vec::new(),
        }
    }

    /// Runs a sync; returns the days of its calls and its cursor.
    fn sync(mut request: PollRequest, how: &Manner) -> (Vec<Days>, Cursor) {
        let mut read = Vec::new();
        loop {
            let (walk, days) = Walk::of(&request, how).unwrap();
            read.push(days);
            let page = walk.go_on(Page::default(), &request, "log", days).unwrap();
            assert_eq!(page.next_page.is_none(), page.cursor.is_some());
            match page.cursor {
                Some(cursor) => return (read, cursor),
                None => request.page = page.next_page,
            }
        }
    }

    #[test]
    fn a_first_sync_of_a_body_log_reads_all_the_year_and_a_later_one_makes_one_call() {
        let how = &body::MANNER;
        let (read, cursor) = sync(request("weight", "2026-03-04T12:00:00Z", None), how);
        assert_eq!(read.len(), 12);
        assert_eq!(read[0], days("2026-02-03", "2026-03-05"));
        assert_eq!(read[1].last, day("2026-02-02"));
        assert_eq!(read[11].first, day("2025-03-04"));
        for now in ["2026-03-04T12:05:00Z", "2026-03-05T12:00:00Z"] {
            let (read, _) = sync(request("weight", now, Some(cursor.clone())), how);
            assert_eq!(read.len(), 1, "{read:?}");
            assert_eq!(read[0].first, day("2026-02-04"));
        }
        let (read, _) = sync(request("weight", "2026-05-04T12:00:00Z", Some(cursor)), how);
        assert_eq!((read.len(), read[2].first), (3, day("2026-02-04")));
    }

    #[test]
    fn what_a_first_sync_of_food_leaves_is_read_by_the_later_ones_without_a_gap() {
        let how = &food::MANNER;
        let (mut seen, mut cursor) = sync(request("foods", "2026-03-04T12:00:00Z", None), how);
        assert_eq!((seen.len(), seen[13].first), (14, day("2026-02-19")));
        let mut syncs = 0;
        while cursor.0.contains("\"past\":{") {
            let now = "2026-03-04T12:05:00Z";
            let (read, next) = sync(request("foods", now, Some(cursor)), how);
            assert!(read.len() <= 5, "{read:?}");
            (cursor, syncs) = (next, syncs + 1);
            seen.extend(read);
        }
        assert_eq!(syncs, 118);
        let read: HashSet<NaiveDate> = seen.iter().map(|days| days.first).collect();
        let wanted = day("2025-03-04").iter_days().take_while(|it| *it <= day("2026-03-04"));
        assert_eq!(wanted.filter(|day| !read.contains(day)).count(), 0);
        let (read, _) = sync(request("foods", "2026-03-04T12:06:00Z", Some(cursor)), how);
        assert_eq!(
            read.iter().map(|it| it.first).collect::<Vec<_>>(),
            [day("2026-03-04"), day("2026-03-03")]
        );
    }

    #[test]
    fn a_long_gap_is_read_by_later_syncs_and_not_by_one_long_sync() {
        let how = &food::MANNER;
        let (_, cursor) = sync(request("foods", "2025-06-01T12:00:00Z", None), how);
        let (read, cursor) = sync(request("foods", "2026-03-04T12:00:00Z", Some(cursor)), how);
        assert!(read.len() <= 16);
        let next: Position = cursor.decode().unwrap();
        assert_eq!(next.past, Some(days("2024-06-01", "2026-02-18")));
    }

    #[test]
    fn days_before_yesterday_are_read_again_one_an_hour_until_all_were() {
        let how = &food::MANNER;
        let now = |hours: i64| {
            let at = day("2026-03-04").and_hms_opt(0, 0, 0).unwrap().and_utc();
            (at + TimeDelta::hours(hours)).to_rfc3339()
        };
        let mut first = request("foods", &now(0), None);
        first.backfill_from = first.now;
        let (_, mut cursor) = sync(first, how);
        let mut again = HashSet::new();
        for hour in 1..=12 {
            let (read, next) = sync(request("foods", &now(hour), Some(cursor)), how);
            assert_eq!(read[2].first, day("2026-03-05"), "tomorrow, where it is later than here");
            again.insert(read[3].first);
            let soon = request("foods", &now(hour), Some(next.clone()));
            assert_eq!(sync(soon, how).0.len(), 2);
            cursor = next;
        }
        assert_eq!((again.len(), again.iter().min()), (12, Some(&day("2026-02-19"))));
    }

    fn entry(id: &str, on: &str) -> RemoteRecord {
        RemoteRecord {
            source_id: id.into(),
            group: Some(group("log", day(on))),
            start: Moment::exact("2026-03-04T06:00:00Z".parse().unwrap()),
            end: None,
            modified: None,
            body: Body::Measurement(Measurement {
                r#type: MeasurementType::Weight,
                value: 70.into(),
            }),
        }
    }

    #[test]
    fn a_day_without_entries_is_reported_unless_an_entry_has_no_id() {
        let mut page = Page { records: vec![Ok(entry("a", "2026-03-02"))], ..Page::default() };
        note_missing(&mut page, "log", days("2026-03-01", "2026-03-03"));
        assert_eq!(page.deleted, ["log/2026-03-01", "log/2026-03-03"]);

        let unknown = RejectedRecord { source_id: None, reason: "".into() };
        let records = vec![Ok(entry("a", "2026-03-02")), Err(unknown)];
        let mut page = Page { records, ..Page::default() };
        note_missing(&mut page, "log", days("2026-03-01", "2026-03-03"));
        assert!(page.deleted.is_empty());
        let kept = page.records.iter().any(|record| {
            matches!(record, Err(RejectedRecord { source_id: Some(id), .. }) if id == "log/2026-03-02")
        });
        assert!(kept, "a rejected group does not count as complete");
    }

    #[test]
    fn a_cursor_says_where_it_stands() {
        let stands = |text: &str| super::stands(&Cursor(text.into()));
        let position = r#"{"today":"2026-03-04","past":{"first":"2025-01-01","last":"2025-06-30"},
            "again_at":"2026-03-04T06:15:09Z","again":"2026-03-03"}"#;
        let words = "the days until 2026-03-04, without those from 2025-01-01 to 2025-06-30";
        assert_eq!(stands(position).as_deref(), Some(words));
        assert_eq!(stands("{}"), None);
    }
}
