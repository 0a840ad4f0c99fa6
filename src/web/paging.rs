//! Lists: `limit` up to 1000, `cursor` from the page before, `next_cursor` null at the end.

use super::Problem;

/// Without a `limit`.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

/// How many are asked for.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit as usize),
        _ => Err(Problem::bad_request("bad-query", format!("limit is from 1 to {MAX_LIMIT}"))),
    }
}

/// One more than asked for, to know whether there are more.
pub(super) fn with_one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::from(MAX_LIMIT)) + 1
}

/// Cuts a list that was asked for with one more; gives the cursor of the last one left if there
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

/// A cursor that cannot be read.
pub(super) fn bad_cursor() -> Problem {
    Problem::bad_request(
        "bad-cursor",
        "the cursor is not one this list gave; start without a cursor",
    )
}
