//! A partner's connections, counted by status and activity group from an index alone.

use std::time::{Duration, Instant};

use diesel::dsl::{count, count_star};
use diesel::prelude::*;

use crate::model::Status;
use crate::store::sql::schema::connections;
use crate::store::{Store, StoreError};

/// Connections that have these in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedConnections {
    /// Their status.
    pub status: Status,
    /// Their activity group.
    pub group: usize,
    /// The activity group at whose interval they are polled.
    pub polled_as: usize,
    /// How many there are.
    pub connections: u64,
    /// For how many of them the partner has a subscription of their own.
    pub subscribed: u64,
}

/// A partner's connections that were ever connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts(pub Vec<CountedConnections>);

impl ConnectionCounts {
    /// Those with this status.
    pub fn of_status(&self, status: Status) -> u64 {
        self.0.iter().filter(|it| it.status == status).map(|it| it.connections).sum()
    }

    /// How many connected users have a subscription of their own.
    pub fn subscribed(&self) -> u64 {
        self.connected().map(|it| it.subscribed).sum()
    }

    /// How many connected users are in each activity group of the settings, and how many are polled at its
    /// interval. A group that the settings no longer have counts as the last.
    pub fn by_group(&self, groups: usize) -> Vec<(u64, u64)> {
        let mut found = vec![(0, 0); groups.max(1)];
        let last = found.len() - 1;
        for it in self.connected() {
            if let Some(group) = found.get_mut(it.group.min(last)) {
                group.0 += it.connections;
            }
            if let Some(group) = found.get_mut(it.polled_as.min(last)) {
                group.1 += it.connections;
            }
        }
        found
    }

    /// How many connected users are polled at each of these intervals of activity groups.
    pub fn polled_at(&self, intervals: &[Duration]) -> Vec<(Duration, u64)> {
        let polled = self.by_group(intervals.len()).into_iter().map(|(_, polled)| polled);
        intervals.iter().copied().zip(polled).collect()
    }

    fn connected(&self) -> impl Iterator<Item = &CountedConnections> {
        self.0.iter().filter(|it| it.status == Status::Connected)
    }
}

impl Store {
    /// Counts a partner's connections. The counts are seconds old where there are very many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn connection_counts(&self, partner: &str) -> Result<ConnectionCounts, StoreError> {
        let began = Instant::now();
        let partner = partner.to_owned();
        if let Some(known) = self.kept_connections.find(&partner, began) {
            return Ok(known);
        }
        let asked = partner.clone();
        let rows: Vec<(String, i32, i32, i64, i64)> = self
            .read(move |db| {
                connections::table
                    .filter(connections::partner.eq(asked))
                    .filter(connections::connected_at.is_not_null())
                    .group_by((
                        connections::status,
                        connections::activity_group,
                        connections::polled_as,
                    ))
                    .select((
                        connections::status,
                        connections::activity_group,
                        connections::polled_as,
                        count_star(),
                        count(connections::subscribed_at),
                    ))
                    .load(db)
            })
            .await?;
        let known = rows.into_iter().filter_map(|(status, group, polled_as, all, subscribed)| {
            Some(CountedConnections {
                status: Status::from_name(&status)?,
                group: usize::try_from(group).unwrap_or_default(),
                polled_as: usize::try_from(polled_as).unwrap_or_default(),
                connections: u64::try_from(all).unwrap_or_default(),
                subscribed: u64::try_from(subscribed).unwrap_or_default(),
            })
        });
        let counts = ConnectionCounts(known.collect());
        let now = Instant::now();
        self.kept_connections.keep(partner, counts.clone(), now - began, now);
        Ok(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connected_users_are_counted_by_their_group_and_by_how_often_they_are_polled() {
        let row = |status, group, polled_as, connections, subscribed| CountedConnections {
            status,
            group,
            polled_as,
            connections,
            subscribed,
        };
        let counts = ConnectionCounts(vec![
            row(Status::Connected, 0, 0, 5, 0),
            row(Status::Connected, 0, 2, 40, 38),
            row(Status::Connected, 9, 9, 3, 0),
            row(Status::NeedsReconnect, 1, 1, 7, 0),
        ]);
        assert_eq!(counts.by_group(3), [(45, 5), (0, 0), (3, 43)]);
        assert_eq!((counts.of_status(Status::NeedsReconnect), counts.subscribed()), (7, 38));
        assert_eq!(counts.by_group(0), [(48, 48)]);
    }
}
