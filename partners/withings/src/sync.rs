//! What one sync requests, page after page, and where the next one starts.
//!
//! A first sync reads what was taken in the past, later ones what was modified since. A wide look
//! then reads once more what was taken in the last year: what is missing there was deleted.

use partner_sdk::chrono::{DateTime, Duration};
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, TimeRange, in_words};
use serde::{Deserialize, Serialize};

use crate::api::Paging;

/// How far the cursor of an empty first sync stays behind the clock.
const CLOCK_MARGIN_SECONDS: i64 = 60;

/// How far the cursor of a feed whose answers carry no clock stays behind our clock, which may be
/// ahead of the partner's. What was modified within it is read again each time.
const UNKNOWN_CLOCK_SECONDS: i64 = 3600;

const DAY_SECONDS: i64 = Duration::days(1).num_seconds();

/// A call that repeats another one's arguments within this many seconds is answered with status 601
/// (seen in the field).
const REPEAT_SECONDS: i64 = 10;

/// The state of one sync. Every page repeats the parameters of the first (API reference), so the
/// page token contains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncState {
    pub(crate) window: Window,
    pub(crate) offset: i64,
    /// The latest modification seen, from the cursor on.
    newest: Option<i64>,
    /// The cursor never goes beyond this. Something stored while the pages are read may belong on a
    /// page already read; and an item whose `modified` lies in the future would otherwise hide
    /// everything that follows.
    ceiling: i64,
    /// What a wide look reads completely, from one time until another.
    wide: Option<(i64, i64)>,
    /// Whether it does so now: the cursor is then given already.
    is_wide: bool,
}

/// Which items are requested. API reference, getmeas and getworkouts: a range of dates or
/// `lastupdate`, never both. Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Window {
    /// Taken between the two times.
    Taken { from: i64, until: i64 },
    /// Created or modified since.
    ModifiedSince(i64),
}

impl SyncState {
    /// Returns the sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let now = request.now.timestamp();
        let newest: Option<i64> = request.cursor_state()?;
        let window = match newest {
            Some(newest) => Window::ModifiedSince(modified_since(newest, now)),
            None => taken(request.backfill_from.timestamp(), now),
        };
        let wide = request.is_wide.then(|| {
            let from = now.saturating_sub(request.reads_back().num_seconds());
            (from, now.saturating_add(DAY_SECONDS))
        });
        Ok(Self { window, offset: 0, newest, ceiling: now, wide, is_wide: false })
    }

    /// Ends `page`: with the token of the following page, or with the cursor. `newest` and `clock`
    /// are the latest modification on the page and the partner's clock, if the answer has them.
    pub(crate) fn go_on(
        mut self,
        mut page: Page,
        newest: Option<i64>,
        clock: Option<i64>,
        paging: &Paging,
    ) -> Result<Page, PartnerError> {
        self.newest = self.newest.max(newest);
        if self.offset == 0 {
            let partners_clock =
                clock.unwrap_or(self.ceiling.saturating_sub(UNKNOWN_CLOCK_SECONDS));
            self.ceiling = self.ceiling.min(partners_clock);
        }
        if paging.more {
            let next = paging.offset.filter(|next| *next > self.offset);
            self.offset = next.ok_or(PartnerError::Malformed(
                "a further page does not advance the offset".into(),
            ))?;
            page.continue_with(&self)?;
        } else if self.is_wide {
            page.complete_range = self.complete_range();
        } else {
            let nothing_yet = self.ceiling.saturating_sub(CLOCK_MARGIN_SECONDS);
            let cursor = self.newest.unwrap_or(nothing_yet).min(self.ceiling);
            page.cursor = Some(Cursor::encode(&cursor)?);
            if let Some((from, until)) = self.wide {
                // Workouts are requested by their local days: a day more at both ends. And by how many
                // more differs, so that no two calls within 10 seconds have the same arguments.
                let days_more = 1 + self.ceiling.rem_euclid(REPEAT_SECONDS);
                let window = taken(from.saturating_sub(days_more * DAY_SECONDS), until);
                page.continue_with(&Self { window, offset: 0, is_wide: true, ..self })?;
            }
        }
        Ok(page)
    }

    /// What a wide look has read completely.
    fn complete_range(&self) -> Option<TimeRange> {
        let (from, until) = self.wide?;
        let from = DateTime::from_timestamp(from, 0)?;
        Some(TimeRange { from, to: DateTime::from_timestamp(until, 0)? })
    }
}

fn taken(from: i64, now: i64) -> Window {
    // Device clocks and the days of far time zones may be ahead of ours.
    Window::Taken { from, until: now.saturating_add(DAY_SECONDS) }
}

/// Returns from when on a sync requests modifications: at least a second before the cursor, because
/// something may have been stored in the same second as the last answer; and with the last digit of
/// the current second, so that no two calls within 10 seconds have the same arguments, whatever the
/// cursor did between them.
fn modified_since(cursor: i64, now: i64) -> i64 {
    let latest = cursor.saturating_sub(1);
    latest.saturating_sub(latest.saturating_sub(now).rem_euclid(REPEAT_SECONDS))
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let newest = DateTime::from_timestamp(cursor.decode().ok()?, 0)?;
    Some(format!("modified until {}", in_words(newest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(now: i64) -> SyncState {
        let window = Window::Taken { from: 0, until: now };
        let (wide, is_wide) = (None, false);
        SyncState { window, offset: 0, newest: None, ceiling: now, wide, is_wide }
    }

    fn cursor(page: &Page) -> Option<i64> {
        page.cursor.as_ref().map(|cursor| cursor.decode().unwrap())
    }

    const LAST: Paging = Paging { more: false, offset: None };

    #[test]
    fn calls_within_ten_seconds_ask_for_different_times_whatever_the_cursor_did() {
        let start = 1_772_600_000;
        for now in start..start + 20 {
            for later in 1..REPEAT_SECONDS {
                for moved in 0..12 {
                    let (before, after) = (start - 50, start - 50 + moved);
                    assert_ne!(modified_since(before, now), modified_since(after, now + later));
                }
            }
        }
    }

    #[test]
    fn a_sync_asks_for_one_to_ten_seconds_before_its_cursor() {
        for now in 5_000..5_020 {
            for cursor in 4_900..4_920 {
                assert!((1..=REPEAT_SECONDS).contains(&(cursor - modified_since(cursor, now))));
            }
        }
    }

    #[test]
    fn the_cursor_is_the_latest_modification() {
        let page = first(5_000).go_on(Page::default(), Some(4_000), Some(5_000), &LAST).unwrap();
        assert_eq!(cursor(&page), Some(4_000));
    }

    #[test]
    fn a_modification_in_the_future_does_not_carry_the_cursor_there() {
        let by_their_clock = first(5_000).go_on(Page::default(), Some(9_999), Some(4_900), &LAST);
        let by_our_clock = first(5_000).go_on(Page::default(), Some(9_999), Some(8_000), &LAST);
        assert_eq!(cursor(&by_their_clock.unwrap()), Some(4_900));
        assert_eq!(cursor(&by_our_clock.unwrap()), Some(5_000));
    }

    #[test]
    fn what_is_stored_while_pages_are_read_is_read_again() {
        let more = Paging { more: true, offset: Some(100) };
        let page = first(5_000).go_on(Page::default(), Some(4_000), Some(4_990), &more).unwrap();
        assert_eq!(cursor(&page), None);
        let second: SyncState =
            partner_sdk::serde_json::from_str(&page.next_page.unwrap()).unwrap();
        let page = second.go_on(Page::default(), Some(5_010), Some(5_020), &LAST).unwrap();
        assert_eq!(cursor(&page), Some(4_990));
    }

    #[test]
    fn a_wide_look_follows_the_cursor_and_reads_a_day_more_than_it_calls_complete() {
        let now = 1_772_600_000;
        let range = (now - 1_000_000, now + DAY_SECONDS);
        let sync = SyncState { wide: Some(range), ..first(now) };
        let page = sync.go_on(Page::default(), Some(now - 9), Some(now), &LAST).unwrap();
        assert_eq!(cursor(&page), Some(now - 9));
        assert!(page.complete_range.is_none(), "a list of modifications is not complete");
        let wide: SyncState = partner_sdk::serde_json::from_str(&page.next_page.unwrap()).unwrap();
        let (from, until) = (range.0 - DAY_SECONDS, range.1 + DAY_SECONDS);
        assert_eq!(wide.window, Window::Taken { from, until });
        let page = wide.go_on(Page::default(), Some(now + 9), Some(now + 9), &LAST).unwrap();
        let complete = page.complete_range.unwrap();
        assert_eq!((complete.from.timestamp(), complete.to.timestamp()), range);
        assert_eq!((page.cursor, page.next_page), (None, None));
    }

    #[test]
    fn an_empty_first_sync_starts_the_next_one_a_little_before_it() {
        let page = first(5_000).go_on(Page::default(), None, Some(5_000), &LAST).unwrap();
        assert_eq!(cursor(&page), Some(4_940));
    }

    #[test]
    fn an_offset_that_stands_still_is_an_error() {
        for offset in [None, Some(0), Some(-1)] {
            let paging = Paging { more: true, offset };
            let page = first(5_000).go_on(Page::default(), None, None, &paging);
            assert!(matches!(page, Err(PartnerError::Malformed(_))));
        }
    }

    #[test]
    fn a_cursor_says_where_it_stands() {
        let stands = |text: &str| super::stands(&Cursor(text.into()));
        assert_eq!(stands("1772604909").as_deref(), Some("modified until 2026-03-04 06:15:09 UTC"));
        assert_eq!(stands("{}"), None);
    }
}
