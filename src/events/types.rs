//! The types of events, and which of them an endpoint gets.

use crate::model::{ChangeKind, UserId};

/// The type of the event that a change is.
pub const fn event_type(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Created => "record.created",
        ChangeKind::Updated => "record.updated",
        ChangeKind::Deleted => "record.deleted",
        ChangeKind::Connected => "connection.connected",
        ChangeKind::NeedsReconnect => "connection.needs_reconnect",
        ChangeKind::Disconnected => "connection.disconnected",
        ChangeKind::Ended => "connection.ended",
        ChangeKind::SettingsChanged => "connection.settings_changed",
        ChangeKind::SyncFailing => "sync.failing",
        ChangeKind::SyncRecovered => "sync.recovered",
    }
}

/// Every type.
pub fn event_types() -> impl Iterator<Item = &'static str> {
    ChangeKind::ALL.iter().map(|change| event_type(*change))
}

/// Whether a pattern, which is a type, `record.*` or `*`, stands for a type.
fn stands_for(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && name.starts_with(group),
        None => pattern == name,
    }
}

/// Whether a pattern stands for any type at all.
pub fn is_pattern(pattern: &str) -> bool {
    event_types().any(|name| stands_for(pattern, name))
}

/// The changes whose types any of these patterns stands for.
pub fn changes_of(patterns: &[String]) -> Vec<ChangeKind> {
    let wanted = |change: &ChangeKind| {
        patterns.iter().any(|pattern| stands_for(pattern, event_type(*change)))
    };
    ChangeKind::ALL.iter().copied().filter(wanted).collect()
}

/// Which events an endpoint gets.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    changes: Vec<ChangeKind>,
    user_prefix: Option<String>,
}

impl Filter {
    pub(super) fn new(patterns: &[String], user_prefix: Option<String>) -> Self {
        Self { changes: changes_of(patterns), user_prefix }
    }

    pub(super) fn lets_through(&self, change: ChangeKind, user: &UserId) -> bool {
        let prefix = self.user_prefix.as_deref().unwrap_or_default();
        self.changes.contains(&change) && user.as_str().starts_with(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_type_a_group_or_all() {
        for pattern in ["*", "record.*", "connection.*", "sync.*", "record.created", "sync.failing"]
        {
            assert!(is_pattern(pattern), "{pattern}");
        }
        for pattern in ["", "record", "record.", "rec*", "**", "*.created", "record.made", "test"] {
            assert!(!is_pattern(pattern), "{pattern}");
        }
    }

    #[test]
    fn a_filter_lets_the_chosen_types_of_the_chosen_users_through() {
        let of = |patterns: &[&str], prefix: Option<&str>| {
            let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
            Filter::new(&patterns, prefix.map(str::to_owned))
        };
        let user = |id: &str| UserId::stored(id);
        let records = of(&["record.*", "sync.failing"], Some("eu-"));
        assert!(records.lets_through(ChangeKind::Deleted, &user("eu-ann")));
        assert!(records.lets_through(ChangeKind::SyncFailing, &user("eu-ann")));
        assert!(!records.lets_through(ChangeKind::SyncRecovered, &user("eu-ann")));
        assert!(!records.lets_through(ChangeKind::Deleted, &user("us-ann")));
        assert!(of(&["*"], None).lets_through(ChangeKind::Ended, &user("ann")));
    }
}
