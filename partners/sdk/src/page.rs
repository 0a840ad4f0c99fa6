//! One page of a poll: the request and the result.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::PartnerError;
use crate::manifest::Feed;
use crate::record::{RejectedRecord, RemoteRecord};

/// The most records of one page, with those that were refused. The longest page that a partner of
/// ours documents has 10,000 items.
const MAX_RECORDS: usize = 50_000;

/// The most items of one page that cannot be read: then it is the page that cannot be read, and the
/// cursor must not pass it.
const MAX_REFUSED: usize = 1_000;

/// Where a feed's next sync starts. Only the partner interprets its content; the daemon stores it
/// and passes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

impl Cursor {
    /// A cursor that holds `state`.
    pub fn encode<T: Serialize>(state: &T) -> Result<Self, PartnerError> {
        serde_json::to_string(state)
            .map(Self)
            .map_err(|_| PartnerError::Malformed("the cursor cannot be written".into()))
    }

    /// The state that was passed to [`Cursor::encode`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PartnerError> {
        serde_json::from_str(&self.0)
            .map_err(|_| PartnerError::Malformed("the stored cursor cannot be read".into()))
    }
}

/// A time as the timeline has it.
pub fn in_words(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What a poll should fetch.
#[derive(Clone, Debug)]
pub struct PollRequest {
    /// The list to read.
    pub feed: &'static Feed,
    /// Where the last sync of this feed ended; `None` on the first.
    pub cursor: Option<Cursor>,
    /// Which page of this sync, as named by the previous page; `None` for the first.
    pub page: Option<String>,
    /// The earliest event that a first sync requests.
    pub backfill_from: DateTime<Utc>,
    /// The time of the sync.
    pub now: DateTime<Utc>,
    /// Whether to read back as far as [`Feed::wide`] says. False on a first sync, and where that is
    /// zero.
    pub is_wide: bool,
    /// The user's time zone, for partners that report wall time only.
    pub time_zone: Tz,
    /// What notifications brought for this feed since its last poll, oldest first: see
    /// [`About::Data`](crate::About::Data). Once the cursor of this poll is stored, it is deleted.
    pub delivered: Vec<SecretString>,
}

impl PollRequest {
    /// The state in [`PollRequest::cursor`], as passed to [`Cursor::encode`].
    pub fn cursor_state<T: DeserializeOwned>(&self) -> Result<Option<T>, PartnerError> {
        self.cursor.as_ref().map(Cursor::decode).transpose()
    }

    /// The state in [`PollRequest::page`], as passed to [`Page::continue_with`].
    pub fn page_state<T: DeserializeOwned>(&self) -> Result<Option<T>, PartnerError> {
        let read = |state: &String| {
            serde_json::from_str(state).map_err(|_| {
                PartnerError::Malformed("the state of this sync cannot be read".into())
            })
        };
        self.page.as_ref().map(read).transpose()
    }

    /// How far before its cursor this poll reads: [`Feed::wide`] or [`Feed::trailing`].
    pub fn reads_back(&self) -> TimeDelta {
        let far = if self.is_wide { self.feed.wide } else { self.feed.trailing };
        TimeDelta::from_std(far).unwrap_or_default()
    }
}

/// A time range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Its start, inclusive.
    pub from: DateTime<Utc>,
    /// Its end, exclusive.
    pub to: DateTime<Utc>,
}

/// One page of a feed.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records of the page, and those that could not be read.
    pub records: Vec<Result<RemoteRecord, RejectedRecord>>,
    /// Source ids, or groups, that the partner reports as deleted.
    pub deleted: Vec<String>,
    /// A time range for which the pages of this sync contain everything the feed has: a record in
    /// it that did not come is deleted. For partners that do not report deletions; given with the
    /// last page, and only if nothing in the range was left out.
    pub complete_range: Option<TimeRange>,
    /// The page to request next in this sync; `None` ends it.
    pub next_page: Option<String>,
    /// Whether the partner's code knows the last page before it is read (the days of a calendar, for
    /// example). Where only the answers decide which page follows, a long run of pages that bring
    /// nothing ends the feed.
    pub end_is_known: bool,
    /// Where the next sync starts. Given only when everything up to it is in this page and the
    /// previous ones: the daemon stores it in one transaction with the page.
    pub cursor: Option<Cursor>,
}

impl Page {
    /// Sets [`Page::next_page`] to `state`, for partners whose next page needs more than a string.
    pub fn continue_with<T: Serialize>(&mut self, state: &T) -> Result<(), PartnerError> {
        self.next_page = Some(Cursor::encode(state)?.0);
        Ok(())
    }

    /// Whether there is no more in the page than one can hold: the daemon asks before it does
    /// anything with a page.
    ///
    /// # Errors
    /// [`PartnerError::Malformed`] if there are too many records, or too many that were refused.
    pub fn within_bounds(&self) -> Result<(), PartnerError> {
        let refused = self.records.iter().filter(|record| record.is_err()).count();
        let why = if self.records.len().max(self.deleted.len()) > MAX_RECORDS {
            format!("a page has more than {MAX_RECORDS} records")
        } else if refused > MAX_REFUSED {
            format!("more than {MAX_REFUSED} items of a page cannot be read")
        } else {
            return Ok(());
        };
        Err(PartnerError::Malformed(format!("{why}; nothing of it is kept").into()))
    }

    /// Reads each raw item separately with `map` and adds the results, so that an item of an
    /// unexpected form is rejected and the others are kept. `id` gives the id of a raw item for the
    /// log. It ends early where the page is not [within its bounds](Page::within_bounds) any more.
    pub fn read_each<T: DeserializeOwned>(
        &mut self,
        items: Vec<Value>,
        id: impl Fn(&Value) -> Option<String>,
        mut map: impl FnMut(T) -> Vec<Result<RemoteRecord, RejectedRecord>>,
    ) {
        let mut refused = self.records.iter().filter(|record| record.is_err()).count();
        for item in items {
            if refused > MAX_REFUSED || self.records.len() > MAX_RECORDS {
                return;
            }
            let (source_id, before) = (id(&item), self.records.len());
            match serde_path_to_error::deserialize::<_, T>(item) {
                Ok(item) => self.records.extend(map(item)),
                Err(error) => {
                    let reason =
                        format!("the field {} is not of the documented form", error.path());
                    self.records.push(Err(RejectedRecord { source_id, reason: reason.into() }));
                }
            }
            refused += self.records.iter().skip(before).filter(|record| record.is_err()).count();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads a page of which `good` items can be read, and others cannot.
    fn read(good: usize, bad: usize) -> Page {
        let items = std::iter::repeat_n(json!(7), good).chain(std::iter::repeat_n(json!({}), bad));
        let mut page = Page::default();
        page.read_each(items.collect(), |_| None, |_: i64| vec![Err(RejectedRecord::new("7", ""))]);
        page
    }

    #[test]
    fn a_page_with_more_than_a_thousand_unreadable_items_is_not_read_to_its_end() {
        for (good, bad) in [(0, 1_000), (1_000, 0), (400, 600)] {
            assert!(read(good, bad).within_bounds().is_ok(), "{good} {bad}");
        }
        for (good, bad) in [(0, 1_001), (0, 40_000), (1_001, 0), (40_000, 0), (500, 600)] {
            let page = read(good, bad);
            let why = page.within_bounds().unwrap_err().to_string();
            assert!(why.contains("more than 1000 items of a page cannot be read"), "{why}");
            assert!(page.records.len() <= 1_001, "{} items were read", page.records.len());
        }
    }

    #[test]
    fn a_page_reports_at_most_fifty_thousand_deletions() {
        let deleted = |count: usize| Page { deleted: vec!["7".into(); count], ..Page::default() };
        assert!(deleted(MAX_RECORDS).within_bounds().is_ok());
        assert!(deleted(MAX_RECORDS + 1).within_bounds().is_err());
    }
}
