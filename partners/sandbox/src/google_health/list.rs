//! Single points and lists, newest first.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::error::{self, Refusal};
use super::filter::Filter;
use super::{DataType, authorized, data_type, known_parameters};
use crate::call::{Answer, Call};
use crate::collection::Item;
use crate::partner::Desk;

/// Both spellings of a parameter are accepted.
fn parameter<'a>(call: &'a Call<'_>, camel: &str, snake: &str) -> Option<&'a str> {
    call.params.get(camel).or_else(|| call.params.get(snake))
}

fn readable(kind: &DataType) -> [String; 1] {
    [format!("{}.readonly", kind.group)]
}

pub(super) fn point(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    kind: &str,
    id: &str,
) -> Result<Answer, Refusal> {
    let kind = data_type(kind)?;
    let account = authorized(desk, call, user, &readable(kind))?;
    known_parameters(call, &[])?;
    let items = desk.state.accounts.get(account).and_then(|account| account.collection(kind.id));
    let found = items.and_then(|items| items.find(id.parse().ok()?));
    found.map(|item| Answer::json(200, &item.value)).ok_or_else(error::not_found)
}

pub(super) fn points(
    desk: &mut Desk<'_>,
    call: &Call<'_>,
    user: &str,
    kind: &str,
) -> Result<Answer, Refusal> {
    let kind = data_type(kind)?;
    let number = authorized(desk, call, user, &readable(kind))?;
    known_parameters(call, &["pageSize", "page_size", "pageToken", "page_token", "filter"])?;
    let text = call.params.get("filter").unwrap_or_default();
    let filter = Filter::read(kind, text)?;
    let (most, usual) = kind.page;
    let size = match parameter(call, "pageSize", "page_size").map(str::parse::<u32>) {
        None | Some(Ok(0)) => usual,
        Some(Ok(size)) => most.min(size as usize),
        Some(Err(_)) => return Err(error::misfit("Invalid value at 'page_size' (TYPE_INT32)")),
    };
    let digest = digest(kind, text);
    let after = match parameter(call, "pageToken", "page_token").filter(|it| !it.is_empty()) {
        Some(token) => Some(place(token, digest).ok_or_else(|| {
            error::invalid("INVALID_PAGE_TOKEN", "Request contains an invalid argument.")
        })?),
        None => None,
    };
    let Some(account) = desk.state.accounts.get(number) else { return Err(error::not_found()) };
    // A list may ignore the range. Here the exercises of every fourth account do.
    let heeds_range = !(kind.id == "exercise" && account.oddity.is_multiple_of(4));
    let mut found: Vec<&Item> =
        account.collection(kind.id).map(|items| items.newest(..).collect()).unwrap_or_default();
    found.retain(|item| !heeds_range || filter.passes(kind, &item.value));
    found.sort_by_key(|item| std::cmp::Reverse((item.time, item.id)));
    found.retain(|item| after.is_none_or(|after| (item.time, item.id) < after));

    let mut body = Map::new();
    let page = found.get(..size.min(found.len())).unwrap_or_default();
    let values: Vec<&Value> = page.iter().map(|item| &item.value).collect();
    if !values.is_empty() {
        body.insert("dataPoints".to_owned(), json!(values));
    }
    // A full page always names a next one, which may then be an empty object.
    if let Some(last) = page.last().filter(|_| page.len() == size) {
        body.insert("nextPageToken".to_owned(), json!(token((last.time, last.id), digest)));
    }
    Ok(Answer::json(200, &body))
}

/// A page token is valid for its own query only.
fn digest(kind: &DataType, filter: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind.id, filter).hash(&mut hasher);
    hasher.finish()
}

fn token((time, id): (i64, i64), digest: u64) -> String {
    format!("{time:016x}{id:016x}{digest:016x}")
}

fn place(token: &str, digest: u64) -> Option<(i64, i64)> {
    let part = |from: usize| u64::from_str_radix(token.get(from..from + 16)?, 16).ok();
    let (time, id) = (part(0)?.cast_signed(), part(16)?.cast_signed());
    (part(32)? == digest && token.len() == 48).then_some((time, id))
}
