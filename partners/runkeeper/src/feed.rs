//! Reading a feed page by page: what is asked for, which page follows, where the next sync starts.

use partner_sdk::chrono::{DateTime, Duration, Utc};
use partner_sdk::serde_json::Value;
use partner_sdk::{Cursor, Page, PartnerError, PollRequest, Session};
use serde::{Deserialize, Serialize};

use crate::api;

/// How many items a page is asked to have. Seen in the field: 25 by default, and far more are given.
const PAGE_SIZE: &str = "100";

/// One page of a feed. Health Graph documentation: `next` is absent or empty on the last.
#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) items: Vec<Value>,
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// The state of one sync.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SyncState {
    /// The page to read; `None` is the first, which `filter` describes.
    path: Option<String>,
    filter: (Filter, String),
    /// When the sync began: what changes while its pages are read is the next one's.
    began: DateTime<Utc>,
    /// How many pages were read, and one of their paths: see [`SyncState::advance`].
    pages: u64,
    landmark: Option<String>,
}

/// Health Graph documentation: query parameters of feeds; days, by the start or the modification of
/// items.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Filter {
    NoEarlierThan,
    ModifiedNoEarlierThan,
}

impl SyncState {
    /// The sync that `request` begins or continues.
    pub(crate) fn of(request: &PollRequest) -> Result<Self, PartnerError> {
        if let Some(sync) = request.page_state()? {
            return Ok(sync);
        }
        let filter = match request.cursor_state::<DateTime<Utc>>()? {
            Some(cursor) => {
                let trailing = Duration::from_std(request.feed.trailing).unwrap_or_default();
                let since = cursor.checked_sub_signed(trailing).unwrap_or(cursor);
                (Filter::ModifiedNoEarlierThan, day(since))
            }
            None => (
                Filter::NoEarlierThan,
                day(request.backfill_from.with_timezone(&request.time_zone)),
            ),
        };
        Ok(Self { path: None, filter, began: request.now, pages: 0, landmark: None })
    }

    /// Ends `page`: with the token of the page that follows, or with the cursor.
    pub(crate) fn go_on(
        mut self,
        mut page: Page,
        next: Option<&str>,
        api_url: &str,
    ) -> Result<Page, PartnerError> {
        match next {
            Some(next) if !next.is_empty() => {
                self.advance(path_below(api_url, next)?)?;
                page.continue_with(&self)?;
            }
            _ => page.cursor = Some(Cursor::encode(&self.began)?),
        }
        Ok(page)
    }

    /// Makes `next` the page to read. Pages that lead in a circle are found without remembering all
    /// of them: one page is kept to compare with, and replaced each time the count of pages doubles,
    /// so that it comes to stand inside any circle.
    fn advance(&mut self, next: String) -> Result<(), PartnerError> {
        if self.path.as_ref() == Some(&next) || self.landmark.as_ref() == Some(&next) {
            return Err(PartnerError::Malformed("the pages of the feed lead in a circle".into()));
        }
        self.pages = self.pages.saturating_add(1);
        if self.pages.is_power_of_two() {
            self.landmark = Some(next.clone());
        }
        self.path = Some(next);
        Ok(())
    }
}

/// Fetches the page that `sync` stands at.
pub(crate) async fn fetch(
    session: &Session,
    feed: &str,
    sync: &SyncState,
) -> Result<Answer, PartnerError> {
    // Health Graph documentation: paths and media types of the feeds.
    let (path, resource) = match feed {
        "weight" => ("/weight", "WeightSetFeed"),
        "fitness_activities" => ("/fitnessActivities", "FitnessActivityFeed"),
        "nutrition" => ("/nutrition", "NutritionSetFeed"),
        _ => return Err(PartnerError::Malformed("RunKeeper has no feed of this name".into())),
    };
    let call = match &sync.path {
        Some(next) => api::get(session, next, resource),
        None => {
            let (filter, day) = &sync.filter;
            let filter = match filter {
                Filter::NoEarlierThan => "noEarlierThan",
                Filter::ModifiedNoEarlierThan => "modifiedNoEarlierThan",
            };
            api::get(session, path, resource).query(&[("pageSize", PAGE_SIZE), (filter, day)])
        }
    };
    api::in_utf8(call.send().await?).json()
}

fn day<Zone: partner_sdk::chrono::TimeZone>(time: DateTime<Zone>) -> String {
    time.date_naive().format("%Y-%m-%d").to_string()
}

/// The path and query of `next` below the API address. Health Graph documentation: it is relative.
/// An absolute address is taken when it is the API's own; the user's token goes nowhere else.
fn path_below(api_url: &str, next: &str) -> Result<String, PartnerError> {
    let path = next.strip_prefix(api_url).unwrap_or(next);
    // Behind a gateway the path may begin with the gateway's.
    let below_host = api_url.splitn(4, '/').nth(3).filter(|base| !base.is_empty());
    let base = below_host.map(|base| format!("/{base}"));
    let path = match base.as_deref().and_then(|base| path.strip_prefix(base)) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    };
    let path = path.split('#').next().unwrap_or_default();
    let stays =
        path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']);
    if stays && !path.contains("/..") {
        Ok(path.to_owned())
    } else {
        Err(PartnerError::Malformed("the next page is not at the address of the API".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync() -> SyncState {
        SyncState {
            path: None,
            filter: (Filter::NoEarlierThan, "2026-01-01".into()),
            began: DateTime::UNIX_EPOCH,
            pages: 0,
            landmark: None,
        }
    }

    #[test]
    fn the_next_page_is_below_the_api_address_or_an_error() {
        let api = "https://api.runkeeper.com";
        for next in
            ["/weight?page=1", "https://api.runkeeper.com/weight?page=1", "/weight?page=1#x"]
        {
            assert_eq!(path_below(api, next).unwrap(), "/weight?page=1");
        }
        for next in [
            "https://api.runkeeper.com.example.net/weight",
            "https://api.runkeeper.com@example.net/weight",
            "http://api.runkeeper.com/weight",
            "//example.net/weight",
            "/../weight",
            "weight?page=1",
            "/\\example.net",
        ] {
            assert!(path_below(api, next).is_err(), "{next}");
        }
    }

    #[test]
    fn pages_that_lead_in_a_circle_are_an_error() {
        for circle in 1..20 {
            let mut sync = sync();
            let mut pages = (0..7).chain((7..7 + circle).cycle());
            let looped =
                pages.by_ref().take(200).any(|page| sync.advance(format!("/{page}")).is_err());
            assert!(looped, "a circle of {circle} pages");
        }
    }

    #[test]
    fn many_different_pages_are_no_circle() {
        let mut sync = sync();
        assert!((0..5_000).all(|page| sync.advance(format!("/weight?page={page}")).is_ok()));
    }

    #[test]
    fn the_cursor_is_when_the_first_page_was_asked_for() {
        let page = sync().go_on(Page::default(), Some("/weight?page=1"), "").unwrap();
        assert_eq!(page.cursor, None);
        let second: SyncState =
            partner_sdk::serde_json::from_str(&page.next_page.unwrap()).unwrap();
        let page = second.go_on(Page::default(), Some(""), "").unwrap();
        let cursor: DateTime<Utc> = page.cursor.unwrap().decode().unwrap();
        assert_eq!((cursor, page.next_page), (DateTime::UNIX_EPOCH, None));
    }
}
