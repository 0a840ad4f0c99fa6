//! The course of a sync: what is requested, which page follows, where the next sync starts.

use partner_sdk::chrono::{DateTime, Duration, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PageGuard, PartnerError, PollRequest, Session, Tz, in_words};
use serde::{Deserialize, Serialize};

use crate::resource::Resource;
use crate::{api, changes};

/// How many items to request per page. Seen in the field: 25 by default, and far more are allowed.
const PAGE_SIZE: &str = "100";

/// How long an activity that was unfinished when it was read is looked for. It should appear in the
/// change log when it ends, but this is not documented.
const UNFINISHED: Duration = Duration::days(7);

/// One page of a feed. Health Graph documentation: `next` is absent or empty on the last.
#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "partner_sdk::list_or_nothing")]
    items: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

/// Where the next sync starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reached {
    /// When the last sync began: changes made while its pages were read belong to the next one.
    at: DateTime<Utc>,
    /// Since when there has been an unfinished activity.
    #[serde(default)]
    unfinished_since: Option<DateTime<Utc>>,
}

/// The state of one sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SyncState {
    step: Step,
    began: DateTime<Utc>,
    /// Since when there was an unfinished activity, and whether this sync saw one.
    unfinished_since: Option<DateTime<Utc>>,
    sees_unfinished: bool,
}

/// What is requested next.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Step {
    /// The change log, since that time.
    ChangeLog(DateTime<Utc>),
    /// A page of the feed.
    Feed(FeedPage),
}

/// A position in a feed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FeedPage {
    /// Health Graph documentation: query parameters of feeds; days, which filter by the start or
    /// the modification of items.
    filter: Vec<(String, String)>,
    /// The page to read; `None` is the first one, which `filter` describes.
    path: Option<String>,
}

impl SyncState {
    /// Returns the sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let (began, mut unfinished_since) = (request.now, None);
        let step = match request.cursor_state::<Reached>()? {
            Some(reached) => {
                let recent = |since: &DateTime<Utc>| began - *since < UNFINISHED;
                unfinished_since = reached.unfinished_since.filter(recent);
                Step::ChangeLog(reached.at)
            }
            None => {
                let first = request.backfill_from.with_timezone(&request.time_zone);
                Step::Feed(FeedPage::first(&[("noEarlierThan", day(first))]))
            }
        };
        Ok(Self { step, began, unfinished_since, sees_unfinished: false })
    }

    /// Makes the next call of the sync.
    pub(crate) async fn read(
        mut self,
        session: &Session,
        request: &PollRequest,
    ) -> Result<Page, PartnerError> {
        let resource = Resource::of_feed(request.feed.name)?;
        let mut page = Page::default();
        let next = match self.step.clone() {
            Step::ChangeLog(since) => {
                let since = earlier(since, request);
                let modified = changes::read(session, resource, since, &mut page).await?;
                let since = match self.unfinished_since {
                    Some(unfinished) => Some(earlier(unfinished, request).min(since)),
                    None => modified.then_some(since),
                };
                since.map(|since| FeedPage::first(&[("modifiedNoEarlierThan", day(since))]))
            }
            Step::Feed(place) => {
                let zone = request.time_zone;
                let (unfinished, next) = place.read(session, resource, &mut page, zone).await?;
                self.sees_unfinished |= unfinished;
                next
            }
        };
        match next {
            Some(place) => page.continue_with(&Self { step: Step::Feed(place), ..self })?,
            None => page.cursor = Some(Cursor::encode(&self.reached())?),
        }
        Ok(page)
    }

    fn reached(&self) -> Reached {
        let since = self.unfinished_since.unwrap_or(self.began);
        Reached { at: self.began, unfinished_since: self.sees_unfinished.then_some(since) }
    }
}

/// Returns everything on the days between those two instants, for look-ups.
pub(crate) async fn between(
    session: &Session,
    resource: &Resource,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    zone: Tz,
) -> Result<Page, PartnerError> {
    let day_of = |at: DateTime<Utc>| day(at.with_timezone(&zone));
    let days = [("noEarlierThan", day_of(from)), ("noLaterThan", day_of(to))];
    let mut next = Some(FeedPage::first(&days));
    let (mut all, mut guard) = (Page::default(), PageGuard::of_look_up());
    while let Some(place) = next {
        let mut page = Page::default();
        (_, next) = place.read(session, resource, &mut page, zone).await?;
        page.next_page = next.as_ref().and_then(|place| place.path.clone());
        guard.note(&page)?;
        all.records.extend(page.records);
    }
    Ok(all)
}

impl FeedPage {
    fn first(filter: &[(&str, String)]) -> Self {
        let filter = filter.iter().map(|(name, day)| ((*name).to_owned(), day.clone())).collect();
        Self { filter, path: None }
    }

    /// Reads this page; returns whether it has unfinished items, and the following page.
    async fn read(
        mut self,
        session: &Session,
        resource: &Resource,
        page: &mut Page,
        zone: Tz,
    ) -> Result<(bool, Option<Self>), PartnerError> {
        let call = match &self.path {
            Some(next) => api::get(session, next, resource.feed),
            None => {
                let call = api::get(session, resource.path, resource.feed);
                call.query(&[("pageSize", PAGE_SIZE)]).query(&self.filter)
            }
        };
        let answer: Answer = api::in_utf8(call.send().await?).json()?;
        let unfinished = (resource.read)(page, answer.items, zone);
        let Some(next) = answer.next.filter(|next| !next.is_empty()) else {
            return Ok((unfinished, None));
        };
        self.path = Some(api::path_below(&session.endpoints().api_url, &next)?);
        Ok((unfinished, Some(self)))
    }
}

/// Returns `at` minus the feed's trailing time.
fn earlier(at: DateTime<Utc>, request: &PollRequest) -> DateTime<Utc> {
    at.checked_sub_signed(request.reads_back()).unwrap_or(at)
}

fn day<Zone: partner_sdk::chrono::TimeZone>(time: DateTime<Zone>) -> String {
    time.date_naive().format("%Y-%m-%d").to_string()
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    let Reached { at, unfinished_since } = cursor.decode().ok()?;
    let unfinished =
        unfinished_since.map(|since| format!("; one is unfinished since {}", in_words(since)));
    Some(format!("read until {}{}", in_words(at), unfinished.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::hours(1);

    /// A sync that begins at `now`, starting where the previous one ended.
    fn sync(now: DateTime<Utc>, reached: Option<Reached>) -> SyncState {
        let request = PollRequest {
            feed: &crate::MANIFEST.feeds[1],
            cursor: reached.map(|reached| Cursor::encode(&reached).unwrap()),
            page: None,
            backfill_from: now,
            now,
            is_wide: false,
            time_zone: Tz::UTC,
            delivered: Vec::new(),
        };
        SyncState::of(&request).unwrap()
    }

    #[test]
    fn the_next_sync_starts_where_this_one_began() {
        let now = DateTime::UNIX_EPOCH;
        let reached = Reached { at: now, unfinished_since: None };
        assert_eq!(sync(now, None).reached(), reached);
        assert!(matches!(sync(now + HOUR, Some(reached)).step, Step::ChangeLog(at) if at == now));
    }

    #[test]
    fn what_is_not_finished_is_looked_for_for_a_week() {
        let began = DateTime::UNIX_EPOCH;
        let mut reached = SyncState { sees_unfinished: true, ..sync(began, None) }.reached();
        assert_eq!(reached.unfinished_since, Some(began));
        for hours in (1..24 * 7).step_by(5) {
            let now = began + Duration::hours(hours);
            let looking = sync(now, Some(reached));
            assert_eq!(looking.unfinished_since, Some(began));
            reached = SyncState { sees_unfinished: true, ..looking }.reached();
        }
        assert_eq!(reached.unfinished_since, Some(began), "since it was first seen");
        assert_eq!(sync(began + HOUR, Some(reached)).reached().unfinished_since, None, "it ended");
        assert_eq!(sync(began + UNFINISHED, Some(reached)).unfinished_since, None, "it never ends");
    }

    #[test]
    fn a_cursor_says_where_it_stands() {
        let stands = |text: &str| super::stands(&Cursor(text.into()));
        assert_eq!(
            stands(r#"{"at":"2026-03-04T06:15:09Z"}"#).as_deref(),
            Some("read until 2026-03-04 06:15:09 UTC")
        );
        assert_eq!(stands("{}"), None);
    }
}
