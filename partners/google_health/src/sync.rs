//! Reads a list page by page: what is requested, where it ends, where the next sync starts.

use partner_sdk::chrono::{DateTime, Duration, SecondsFormat, Utc};
use partner_sdk::{
    Cursor, Feed, Kind, Page, PageGuard, PartnerError, PollRequest, PushRequest, RemoteRecord,
    Session, TimeRange, Tz, in_words,
};
use serde::{Deserialize, Serialize};

use crate::api::{self, Listing};
use crate::{MANIFEST, map};

/// The state of one sync. Further pages repeat the parameters of the first (google.aip.dev/158), so
/// the page token contains them.
#[derive(Serialize, Deserialize)]
struct SyncState {
    since: DateTime<Utc>,
    began: DateTime<Utc>,
    token: Option<String>,
}

impl SyncState {
    fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let since = match request.cursor_state::<DateTime<Utc>>()? {
            Some(cursor) => cursor.checked_sub_signed(request.reads_back()).unwrap_or(cursor),
            None => request.backfill_from,
        };
        Ok(Self { since, began: request.now, token: None })
    }
}

pub(crate) async fn poll(session: &Session, request: &PollRequest) -> Result<Page, PartnerError> {
    let mut sync = SyncState::of(request)?;
    let window = Window { since: sync.since, until: None };
    let token = sync.token.as_deref();
    let (mut page, next) = read(session, request.feed, window, token, request.time_zone).await?;
    match next {
        Some(next) => {
            sync.token = Some(next);
            page.continue_with(&sync)?;
        }
        None => {
            page.cursor = Some(Cursor::encode(&sync.began)?);
            // Lists do not report deletions, but the window was read completely.
            page.complete_range =
                Some(TimeRange { from: sync.since, to: sync.began + Duration::days(1) });
        }
    }
    Ok(page)
}

/// Reads one point (API reference, dataPoints.get).
pub(crate) async fn read_one(
    session: &Session,
    request: &PollRequest,
    source_id: &str,
) -> Result<Page, PartnerError> {
    let name = map::name(source_id, request.feed)?;
    let mut page = Page::default();
    match api::find_point(session, &name).await? {
        Some(point) => map::points(&mut page, request.feed, vec![point], request.time_zone),
        None => page.deleted.push(source_id.to_owned()),
    }
    Ok(page)
}

/// Returns the existing records of the kind of `request` within a day of its time.
pub(crate) async fn find_existing(
    session: &Session,
    request: &PushRequest,
) -> Result<Vec<RemoteRecord>, PartnerError> {
    let (since, until) = request.about(Duration::days(1));
    let window = Window { since, until: Some(until) };
    let feed = feed_of(request.kind())?;
    let (mut found, mut token, mut guard) = (Vec::new(), None, PageGuard::of_look_up());
    loop {
        let (mut page, next) =
            read(session, feed, window, token.as_deref(), request.time_zone).await?;
        page.next_page.clone_from(&next);
        guard.note(&page)?;
        found.extend(page.records.into_iter().flatten());
        token = next;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Returns the feed of a kind.
pub(crate) fn feed_of(kind: Kind) -> Result<&'static Feed, PartnerError> {
    let found = MANIFEST.feeds.iter().find(|feed| feed.kinds.contains(&kind));
    found.ok_or_else(|| PartnerError::Rejected("Google Health has no such kind of data".into()))
}

/// The range of start times that is requested.
#[derive(Clone, Copy)]
struct Window {
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Window {
    fn holds(&self, record: &RemoteRecord) -> bool {
        record.start.at >= self.since && self.until.is_none_or(|until| record.start.at < until)
    }

    /// API reference, dataPoints.list, `filter`: samples are filtered by their instant, sessions by
    /// the local date where they took place, which is up to a day off the UTC date.
    fn filter(&self, feed: &Feed) -> String {
        let session = feed.kinds.iter().any(|it| matches!(it, Kind::Exercise | Kind::Nutrition));
        let day = |time: DateTime<Utc>, days: i64| {
            let time = time.checked_add_signed(Duration::days(days)).unwrap_or(time);
            time.format("%Y-%m-%d").to_string()
        };
        let second = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let (field, since, until) = if session {
            ("interval.civil_start_time", day(self.since, -1), self.until.map(|it| day(it, 2)))
        } else {
            ("sample_time.physical_time", second(self.since), self.until.map(second))
        };
        let name = feed.name;
        let from = format!("{name}.{field} >= \"{since}\"");
        match until {
            Some(until) => format!("{from} AND {name}.{field} < \"{until}\""),
            None => from,
        }
    }
}

/// Reads one page; returns it with the token of the following page.
async fn read(
    session: &Session,
    feed: &Feed,
    window: Window,
    token: Option<&str>,
    zone: Tz,
) -> Result<(Page, Option<String>), PartnerError> {
    // Same page, `pageSize`: at most 25 exercises. For other types 10,000 would be allowed, in one
    // answer.
    let size = if feed.name == "exercise" { "25" } else { "1000" };
    let filter = window.filter(feed);
    let mut query = vec![("pageSize", size), ("filter", filter.as_str())];
    query.extend(token.map(|token| ("pageToken", token)));
    let path = format!("/v4/{}", api::collection(feed.name));
    let listing: Listing = session.get(&path).query(&query).fetch().await?;

    let next = listing.next_page_token.filter(|next| !next.is_empty());
    let mut page = Page::default();
    map::points(&mut page, feed, listing.data_points, zone);
    // Seen in the field: the range may be ignored. The newest come first (same page), so after a
    // page that lies completely before the window nothing of the window follows.
    let before = |record: &Result<RemoteRecord, _>| {
        record.as_ref().is_ok_and(|record| record.start.at < window.since)
    };
    let past = !page.records.is_empty() && page.records.iter().all(before);
    page.records.retain(|record| record.as_ref().map_or(true, |record| window.holds(record)));
    Ok((page, next.filter(|_| !past)))
}

/// Where a cursor stands, in words.
pub(crate) fn stands(cursor: &Cursor) -> Option<String> {
    Some(format!("read until {}", in_words(cursor.decode().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn samples_are_asked_for_by_instant_and_sessions_by_date() {
        let window = Window { since: time("2026-10-01T05:40:00.5Z"), until: None };
        let near = Window { until: Some(time("2026-10-02T23:00:00Z")), ..window };
        let filter = |window: &Window, name| window.filter(MANIFEST.feed(name).unwrap());
        assert_eq!(
            filter(&window, "body_fat"),
            "body_fat.sample_time.physical_time >= \"2026-10-01T05:40:00Z\""
        );
        assert_eq!(
            filter(&near, "nutrition_log"),
            "nutrition_log.interval.civil_start_time >= \"2026-09-30\" AND \
             nutrition_log.interval.civil_start_time < \"2026-10-04\""
        );
    }

    #[test]
    fn a_cursor_says_where_it_stands() {
        let stands = |text: &str| super::stands(&Cursor(text.into()));
        assert_eq!(
            stands(r#""2026-03-04T06:15:09Z""#).as_deref(),
            Some("read until 2026-03-04 06:15:09 UTC")
        );
        assert_eq!(stands("{}"), None);
    }
}
