//! Paged lists: `limit` up to 1000, `cursor` from the previous page, `next_cursor` null at the end. A
//! page is shorter than `limit` if its entries are large.

use super::{Problem, State};
use crate::store::Listed;

/// The page size without a `limit`.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// Validates the requested page size.
pub(super) fn limit(asked: Option<u32>) -> Result<i64, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit.into()),
        _ => Err(Problem::bad_request("bad-query", format!("limit is from 1 to {MAX_LIMIT}"))),
    }
}

/// The installed partner that a filter names.
pub(super) fn partner<'a>(state: &'a State, name: &str) -> Result<&'a str, Problem> {
    let named = |why: Problem| Problem::bad_request("bad-query", format!("partner: {why}"));
    Ok(state.partner(name).map_err(named)?.name())
}

/// The cursor of the last item if there are more.
pub(super) fn next<T>(list: &Listed<T>, cursor: impl Fn(&T) -> String) -> Option<String> {
    list.rows.last().filter(|_| list.more).map(cursor)
}

/// The number in a cursor, written as this program writes it.
pub(super) fn number(text: &str) -> Result<i64, Problem> {
    let number: i64 = text.parse().map_err(|_| bad_cursor())?;
    if number.to_string() == text { Ok(number) } else { Err(bad_cursor()) }
}

/// The number of a row in a cursor.
pub(super) fn position(text: &str) -> Result<i64, Problem> {
    let position = number(text)?;
    if position > 0 { Ok(position) } else { Err(bad_cursor()) }
}

/// The problem for an invalid cursor.
pub(super) fn bad_cursor() -> Problem {
    Problem::bad_request(
        "bad-cursor",
        "the cursor is not one this list gave; start without a cursor",
    )
}
