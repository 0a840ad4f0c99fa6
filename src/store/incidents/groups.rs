//! What is open, summed up: a thousand users' revoked grants are one line.

use std::time::Instant;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::listing::{IncidentRow, known};
use crate::incidents::{IncidentCode, IncidentGroup};
use crate::store::sql::db::{Backend, Db};
use crate::store::sql::schema::incidents;
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

/// How many of a group are read as examples.
const EXAMPLES: i64 = 5;

#[derive(QueryableByName)]
struct GroupRow {
    #[diesel(sql_type = Text)]
    code: String,
    #[diesel(sql_type = Nullable<Text>)]
    partner: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    endpoint_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    incidents: i64,
    #[diesel(sql_type = BigInt)]
    users: i64,
    #[diesel(sql_type = BigInt)]
    times: i64,
    #[diesel(sql_type = BigInt)]
    first_at: i64,
    #[diesel(sql_type = BigInt)]
    last_at: i64,
}

/// An incident that names no number of users concerns its own, if it has one.
const GROUPS: &str = "SELECT code, partner, endpoint_id, COUNT(*) AS incidents, \
     CAST(SUM(COALESCE(users, CASE WHEN user_id IS NULL THEN 0 ELSE 1 END)) AS BIGINT) AS users, \
     CAST(SUM(times) AS BIGINT) AS times, MIN(first_at) AS first_at, MAX(last_at) AS last_at \
     FROM incidents WHERE closed_at IS NULL GROUP BY code, partner, endpoint_id \
     ORDER BY code, partner, endpoint_id";

impl GroupRow {
    /// `None` for a scenario that a later version knows.
    fn with(self, latest: Vec<IncidentRow>) -> Option<IncidentGroup> {
        Some(IncidentGroup {
            code: IncidentCode::from_name(&self.code)?,
            partner: self.partner,
            endpoint: self.endpoint_id,
            incidents: self.incidents,
            users: self.users,
            times: self.times,
            first_at: from_micros(self.first_at),
            last_at: from_micros(self.last_at),
            latest: known(latest),
        })
    }

    fn latest(&self, db: &mut Db) -> QueryResult<Vec<IncidentRow>> {
        let mut latest = incidents::table
            .filter(incidents::closed_at.is_null())
            .filter(incidents::code.eq(&self.code))
            .order(incidents::id.desc())
            .limit(EXAMPLES)
            .select(IncidentRow::as_select())
            .into_boxed::<Backend>();
        latest = match &self.partner {
            Some(partner) => latest.filter(incidents::partner.eq(partner)),
            None => latest.filter(incidents::partner.is_null()),
        };
        latest = match &self.endpoint_id {
            Some(endpoint) => latest.filter(incidents::endpoint_id.eq(endpoint)),
            None => latest.filter(incidents::endpoint_id.is_null()),
        };
        latest.load(db)
    }
}

impl Store {
    /// What is open, by scenario, partner and webhook endpoint. It is seconds old where very much is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incident_groups(&self) -> Result<Vec<IncidentGroup>, StoreError> {
        let began = Instant::now();
        if let Some(groups) = self.kept_groups.find(&(), began) {
            return Ok(groups);
        }
        let rows = self.read(|db| {
            let groups: Vec<GroupRow> = diesel::sql_query(GROUPS).load(db)?;
            let with_latest = groups.into_iter().map(|group| {
                let latest = group.latest(db)?;
                Ok((group, latest))
            });
            with_latest.collect::<QueryResult<Vec<_>>>()
        });
        let groups = rows.await?.into_iter().filter_map(|(group, latest)| group.with(latest));
        let (groups, now) = (groups.collect::<Vec<_>>(), Instant::now());
        self.kept_groups.keep((), groups.clone(), now - began, now);
        Ok(groups)
    }
}
