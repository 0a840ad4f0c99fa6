//! The sessions of a partner as `GET /admin/api/actors` shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Cause, ConnectionId, UserId};

/// How many sessions of a partner are shown.
pub(super) const MOST: usize = 50;

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It syncs.
    Working,
    /// It syncs, and its next call waits for a limit of the partner.
    WaitingForLimit,
    /// Its sync is due and has not begun.
    Queued,
}

/// One connection that syncs, or waits to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionNode {
    /// The `connection.id` of log lines.
    #[schema(value_type = i64)]
    pub connection_id: ConnectionId,
    /// The user; null if the connection was deleted meanwhile.
    #[schema(value_type = Option<String>)]
    pub user_id: Option<UserId>,
    /// What it does.
    pub state: SessionState,
    /// Why it syncs.
    pub cause: Cause,
    /// Since when it works, waits for the limit, or is due.
    pub since: DateTime<Utc>,
    /// The limit that it waits for.
    pub waiting_for: Option<String>,
}

/// Those that have worked or waited for the longest, longest first.
pub(super) fn longest(mut sessions: Vec<SessionNode>) -> Vec<SessionNode> {
    sessions.sort_by_key(|session| (session.since, session.connection_id.0));
    sessions.truncate(MOST);
    sessions
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_longest_come_first_and_not_too_many() {
        let node = |id: i64| SessionNode {
            connection_id: ConnectionId(id),
            user_id: None,
            state: SessionState::Working,
            cause: Cause::Schedule,
            since: DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000 - id),
            waiting_for: None,
        };
        let found = longest((0..70).map(node).collect());
        assert_eq!(
            (found.len(), found[0].connection_id, found[49].connection_id.0),
            (MOST, ConnectionId(69), 20)
        );
    }
}
