//! How many connections there are.

use crate::model::Status;

/// The connections by partner and state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Users that have or had a connection.
    pub users: i64,
    /// How many connections a partner has in a state.
    pub connections: Vec<(String, Status, i64)>,
}

impl Standing {
    /// How many are in a state, at one partner or at all.
    pub fn count(&self, partner: Option<&str>, status: Status) -> i64 {
        let wanted = self
            .connections
            .iter()
            .filter(|(of, its, _)| *its == status && partner.is_none_or(|partner| partner == of));
        wanted.map(|(_, _, count)| count).sum()
    }

    /// Whether nobody was ever connected.
    pub fn is_empty(&self) -> bool {
        self.connections.iter().all(|(_, _, count)| *count == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_partner_or_for_all() {
        let standing = Standing {
            users: 4,
            connections: vec![
                ("strava".into(), Status::Connected, 3),
                ("withings".into(), Status::Connected, 2),
                ("withings".into(), Status::NeedsReconnect, 1),
            ],
        };
        assert_eq!(standing.count(None, Status::Connected), 5);
        assert_eq!(standing.count(Some("withings"), Status::Connected), 2);
        assert_eq!(standing.count(Some("withings"), Status::Ended), 0);
        assert!(!standing.is_empty() && Standing::default().is_empty());
    }
}
