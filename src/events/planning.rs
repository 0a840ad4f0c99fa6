//! Which messages come next: a few changes each alone, many together.

use uuid::Uuid;

use super::types::Filter;
use crate::model::UserId;
use crate::store::{FeedLine, PlannedMessage, Store, StoreError};

/// Up to this many changes are sent each alone …
const ALONE: usize = 10;

/// … and at most this many together.
const TOGETHER: usize = 500;

/// How many lines are read at once, and at most before what was passed over is noted.
const LINES: i64 = 500;
const LINES_IN_VAIN: i64 = 20_000;

/// What the feed has for an endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The change up to which it was read.
    pub(super) to: i64,
    /// Whether that is the feed's end.
    pub(super) is_end: bool,
    /// The messages.
    pub(super) messages: Vec<PlannedMessage>,
}

/// A new id of a message.
pub(super) fn message_id() -> String {
    format!("msg_{}", Uuid::now_v7().simple())
}

fn message(user: Option<UserId>, first: i64, last: i64, without: &[UserId]) -> PlannedMessage {
    let without = if user.is_some() { Vec::new() } else { without.to_vec() };
    PlannedMessage { id: message_id(), user, first, last, without }
}

/// The messages for these lines, which are all that waits if `is_all`.
fn messages(lines: &[FeedLine], is_all: bool, without: &[UserId]) -> Vec<PlannedMessage> {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Vec::new() };
    if is_all && lines.len() <= ALONE {
        let alone = |line: &FeedLine| message(Some(line.user.clone()), line.seq, line.seq, &[]);
        return lines.iter().map(alone).collect();
    }
    let is_of_one = lines.iter().all(|line| line.user == first.user);
    let user = is_of_one.then(|| first.user.clone());
    vec![message(user, first.seq, last.seq, without)]
}

/// The messages after a change, without those of users who wait for something else.
pub(super) async fn next_messages(
    store: &Store,
    filter: &Filter,
    after: i64,
    waiting: &[UserId],
) -> Result<Plan, StoreError> {
    let (mut to, mut wanted, mut read) = (after, Vec::new(), 0);
    let is_end = loop {
        let lines = store.feed_lines(to, None, None, LINES).await?;
        let is_end = (lines.len() as i64) < LINES;
        read += LINES;
        for line in lines {
            if wanted.len() == TOGETHER {
                break;
            }
            to = line.seq;
            if filter.lets_through(line.change, &line.user) && !waiting.contains(&line.user) {
                wanted.push(line);
            }
        }
        let is_full = wanted.len() == TOGETHER;
        if is_full || is_end || read >= LINES_IN_VAIN {
            break is_end && !is_full;
        }
    };
    Ok(Plan { to, is_end, messages: messages(&wanted, is_end, waiting) })
}

/// The next message of a user who waited, between two changes.
pub(super) async fn next_of_user(
    store: &Store,
    filter: &Filter,
    user: &UserId,
    after: i64,
    until: i64,
) -> Result<Option<PlannedMessage>, StoreError> {
    let (mut from, mut wanted) = (after, Vec::new());
    loop {
        let lines = store.feed_lines(from, Some(until), Some(user.clone()), LINES).await?;
        let is_end = (lines.len() as i64) < LINES;
        from = lines.last().map_or(from, |line| line.seq);
        let chosen = lines.into_iter().filter(|line| filter.lets_through(line.change, user));
        wanted.extend(chosen.take(TOGETHER - wanted.len()));
        if is_end || wanted.len() == TOGETHER {
            break;
        }
    }
    Ok(messages(&wanted, true, &[]).into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ChangeKind;

    fn lines(count: i64, users: i64) -> Vec<FeedLine> {
        let line = |seq: i64| FeedLine {
            seq,
            user: UserId::stored(format!("u{}", seq % users)),
            change: ChangeKind::Created,
        };
        (1..=count).map(line).collect()
    }

    fn ranges(planned: &[PlannedMessage]) -> Vec<(Option<&str>, i64, i64)> {
        let range = |it: &PlannedMessage| (it.first, it.last);
        let user = |it: &'_ PlannedMessage| it.user.is_some();
        planned
            .iter()
            .map(|it| (it.user.as_ref().filter(|_| user(it)).map(UserId::as_str), range(it)))
            .map(|(user, (first, last))| (user, first, last))
            .collect()
    }

    #[test]
    fn a_few_changes_go_alone_and_many_together() {
        assert!(messages(&[], true, &[]).is_empty());
        let few = messages(&lines(10, 2), true, &[]);
        assert_eq!(few.len(), 10);
        assert_eq!(ranges(&few)[..2], [(Some("u1"), 1, 1), (Some("u0"), 2, 2)]);
        let waiting = [UserId::stored("cid")];
        let many = messages(&lines(11, 2), true, &waiting);
        assert_eq!(ranges(&many), [(None, 1, 11)]);
        assert_eq!(many[0].without, waiting);
        assert_eq!(ranges(&messages(&lines(11, 1), true, &waiting)), [(Some("u0"), 1, 11)]);
        assert_eq!(messages(&lines(3, 1), false, &[]).len(), 1, "more follows at once");
    }
}
