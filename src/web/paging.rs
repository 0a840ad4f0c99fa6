//! Paged lists: `limit` up to 1000, `cursor` from the previous page, `next_cursor` null at the end.

use super::Problem;

/// The page size without a `limit`.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// Validates the requested page size.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit as usize),
        _ => Err(Problem::bad_request("bad-query", format!("limit is from 1 to {MAX_LIMIT}"))),
    }
}

/// One more than the page size, to detect whether there are more items.
pub(super) fn with_one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::from(MAX_LIMIT)) + 1
}

/// Cuts a list that was read with one extra item. Returns the cursor of the last item kept if there
/// are more.
pub(super) fn cut<T>(
    list: &mut Vec<T>,
    limit: usize,
    cursor: impl Fn(&T) -> String,
) -> Option<String> {
    let more = list.len() > limit;
    list.truncate(limit);
    list.last().filter(|_| more).map(cursor)
}

/// The problem for an invalid cursor.
pub(super) fn bad_cursor() -> Problem {
    Problem::bad_request(
        "bad-cursor",
        "the cursor is not one this list gave; start without a cursor",
    )
}
