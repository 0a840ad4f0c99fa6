//! Windows of days, from the first available day to the user's today.

use partner_sdk::chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, Session};
use serde::{Deserialize, Serialize};

use crate::map::{self, DAY_FORMAT, read_day};

/// API documentation: at most 31 days of activities in a call, and 7 of the storyline, which has
/// the same activities and also the places.
const MAX_DAYS: u64 = 31;

/// The days of one call. The cursor of a sync is its last day.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Window {
    from: NaiveDate,
    /// The user's today.
    until: NaiveDate,
}

/// API documentation, "Profile".
#[derive(Deserialize)]
struct Answer {
    profile: Profile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    first_date: String,
    current_time_zone: TimeZone,
}

#[derive(Deserialize)]
struct TimeZone {
    offset: i64,
}

impl Window {
    /// Returns the window that `request` begins or continues; `None` if the user has no days yet.
    pub(crate) async fn of(
        session: &Session,
        request: &PollRequest,
    ) -> Result<Option<Self>, PartnerError> {
        if let Some(window) = request.page_state()? {
            return Ok(Some(window));
        }
        let read = request.cursor_state::<NaiveDate>()?;
        // API documentation: days before the first and after the user's today are a bad request.
        let Answer { profile } = session.get("/user/profile").fetch().await?;
        let not_documented = || PartnerError::Malformed("the profile tells no first day".into());
        let first = read_day(&profile.first_date).ok_or_else(not_documented)?;
        let until = day_at(request.now, profile.current_time_zone.offset);
        let wanted = match read {
            Some(day) => day.checked_sub_signed(request.reads_back()).unwrap_or(day),
            None => request.backfill_from.date_naive(),
        };
        let from = wanted.max(first);
        Ok((from <= until).then_some(Self { from, until }))
    }

    /// Reads the window. Its last day is left to the next window: a stay over midnight, with its
    /// activities, may be listed only on the day after.
    pub(crate) async fn read(self, session: &Session) -> Result<Page, PartnerError> {
        let last = self.from.checked_add_days(Days::new(MAX_DAYS - 1)).unwrap_or(self.until);
        let last = last.min(self.until);
        let span = [("from", self.from), ("to", last)];
        let span = span.map(|(name, day)| (name, day.format(DAY_FORMAT).to_string()));
        let days: Vec<Value> = session.get("/user/activities/daily").query(&span).fetch().await?;
        let is_end = last == self.until;
        let is_complete = |day| if is_end { day <= last } else { day < last };
        let mut page = map::days(days, |day| day >= self.from && is_complete(day));
        page.end_is_known = true;
        if is_end {
            page.cursor = Some(Cursor::encode(&last)?);
        } else {
            page.continue_with(&Self { from: last, ..self })?;
        }
        Ok(page)
    }
}

fn day_at(now: DateTime<Utc>, offset_seconds: i64) -> NaiveDate {
    let offset = Duration::try_seconds(offset_seconds).unwrap_or_default();
    now.checked_add_signed(offset).unwrap_or(now).date_naive()
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let day: NaiveDate = cursor.decode().ok()?;
    Some(format!("the days until {day}"))
}
