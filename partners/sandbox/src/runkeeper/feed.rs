//! Feeds: newest first, in pages, filtered by days.

use std::ops::Bound;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value, json};

use super::{Resource, item, media};
use crate::call::{Answer, Call};
use crate::collection::{Collection, Item};
use crate::partner::Desk;

/// The default page size.
const PAGE_SIZE: usize = 25;

const DAY_SECONDS: i64 = 86_400;

pub(super) fn answer(
    desk: &Desk<'_>,
    call: &Call<'_>,
    account: usize,
    resource: &'static Resource,
) -> Answer {
    if !media::accepts(call, resource.feed) {
        return Answer::bare(406);
    }
    let Some(account) = desk.state.accounts.get(account) else {
        return Answer::bare(404);
    };
    let items = account.collection(resource.name);
    let last_change = items.and_then(Collection::last_change);
    if let (Some(asked), Some(changed)) =
        (call.if_modified_since.and_then(read_http_date), last_change)
        && changed <= asked
    {
        return Answer::bare(304);
    }
    let Some(question) = Question::read(call) else {
        return Answer::bare(400);
    };

    let found = items.map(|items| question.find(items)).unwrap_or_default();
    let start = question.page.saturating_mul(question.page_size);
    let page: Vec<Value> = found
        .iter()
        .skip(start)
        .take(question.page_size)
        .map(|found| item::summary(&found.value))
        .collect();
    let mut body = Map::new();
    body.insert("size".to_owned(), json!(found.len()));
    let next = (start + page.len() < found.len()).then(|| link(call, resource, question.page + 1));
    let previous = question.page.checked_sub(1).map(|page| link(call, resource, page));
    body.insert("items".to_owned(), Value::Array(page));
    for (name, uri) in [("next", next), ("previous", previous)] {
        // At the ends a link is left out for some accounts and empty for others.
        match uri {
            Some(uri) => body.insert(name.to_owned(), json!(uri)),
            None if account.oddity.is_multiple_of(2) => body.insert(name.to_owned(), json!("")),
            None => None,
        };
    }
    let answer = media::answer(desk, resource.feed, &body);
    match last_change.and_then(|changed| DateTime::<Utc>::from_timestamp(changed, 0)) {
        Some(changed) => answer
            .with_header("Last-Modified", changed.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        None => answer,
    }
}

fn read_http_date(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp())
}

/// The same query for another page. Relative to the API's address, like every URI of this partner.
fn link(call: &Call<'_>, resource: &Resource, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("page", &page.to_string());
    query.extend_pairs(
        call.params.iter().filter(|(name, _)| !matches!(*name, "page" | "access_token")),
    );
    format!("/{}?{}", resource.name, query.finish())
}

struct Question {
    page: usize,
    page_size: usize,
    /// Wall-clock seconds, by the start of the item.
    started: (Bound<i64>, Bound<i64>),
    /// Unix seconds; days are days of UTC, because the server's zone is not known.
    modified: Option<(Bound<i64>, Bound<i64>)>,
}

impl Question {
    fn read(call: &Call<'_>) -> Option<Self> {
        let size = |name: &str, default: usize| match call.params.get(name) {
            Some(text) => text.parse().ok(),
            None => Some(default),
        };
        let modified = days(call, "modifiedNoEarlierThan", "modifiedNoLaterThan")?;
        Some(Self {
            page: size("page", 0)?,
            page_size: size("pageSize", PAGE_SIZE).filter(|size| *size > 0)?,
            started: days(call, "noEarlierThan", "noLaterThan")?,
            modified: (modified != (Bound::Unbounded, Bound::Unbounded)).then_some(modified),
        })
    }

    fn find<'a>(&self, items: &'a Collection) -> Vec<&'a Item> {
        let Some(modified) = self.modified.filter(is_open) else {
            let nothing = self.modified.is_some() || !is_open(&self.started);
            return if nothing { Vec::new() } else { items.newest(self.started).collect() };
        };
        let mut found = items.changed(modified);
        found.retain(|item| std::ops::RangeBounds::contains(&self.started, &item.time));
        found
    }
}

/// Whether a range is not empty; the trees reject one that ends before it begins.
fn is_open(range: &(Bound<i64>, Bound<i64>)) -> bool {
    match range {
        (Bound::Included(from), Bound::Excluded(to)) => from < to,
        _ => true,
    }
}

/// A range from the start of one day to the end of another; nothing when a day cannot be read.
fn days(call: &Call<'_>, from: &str, to: &str) -> Option<(Bound<i64>, Bound<i64>)> {
    let bound = |name: &str| match call.params.get(name) {
        None => Some(None),
        Some(text) => {
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
            Some(Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp()))
        }
    };
    let start = bound(from)?.map_or(Bound::Unbounded, Bound::Included);
    let end =
        bound(to)?.map_or(Bound::Unbounded, |midnight| Bound::Excluded(midnight + DAY_SECONDS));
    Some((start, end))
}
