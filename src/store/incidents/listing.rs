//! Incidents as they are read.

use diesel::prelude::*;

use crate::incidents::{Incident, IncidentCode, IncidentState};
use crate::model::{Connection, ConnectionId, RecordId, UserId};
use crate::store::sql::db::Backend;
use crate::store::sql::listed::Listed;
use crate::store::sql::schema::incidents;
use crate::store::sql::time::from_micros;
use crate::store::{Store, StoreError};

#[derive(Queryable, Selectable)]
#[diesel(table_name = incidents)]
pub(super) struct IncidentRow {
    id: i64,
    code: String,
    partner: Option<String>,
    user_id: Option<UserId>,
    connection_id: Option<ConnectionId>,
    record_id: Option<RecordId>,
    endpoint_id: Option<String>,
    external_id: Option<String>,
    users: Option<i64>,
    detail: Option<String>,
    times: i64,
    first_at: i64,
    last_at: i64,
    closed_at: Option<i64>,
    closed_why: Option<String>,
}

impl IncidentRow {
    /// `None` for a scenario that a later version knows.
    fn into_incident(self) -> Option<Incident> {
        Some(Incident {
            id: self.id,
            code: IncidentCode::from_name(&self.code)?,
            partner: self.partner,
            user_id: self.user_id,
            connection: self.connection_id,
            record: self.record_id,
            endpoint: self.endpoint_id,
            external_id: self.external_id,
            users: self.users,
            detail: self.detail,
            times: self.times,
            first_at: from_micros(self.first_at),
            last_at: from_micros(self.last_at),
            closed_at: self.closed_at.map(from_micros),
            closed_why: self.closed_why,
        })
    }
}

/// Which incidents to return.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    /// Only those in this state.
    pub state: Option<IncidentState>,
    /// Only those of this scenario.
    pub code: Option<IncidentCode>,
    /// Only those that concern this partner.
    pub partner: Option<String>,
    /// Only those that concern this user.
    pub user: Option<UserId>,
    /// Only those before this position.
    pub before: Option<i64>,
}

impl Store {
    /// Incidents, the latest to begin first: at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incidents(
        &self,
        filter: IncidentFilter,
        limit: i64,
    ) -> Result<Listed<Incident>, StoreError> {
        let mut rows: Vec<IncidentRow> = self
            .read(move |db| {
                let mut query = incidents::table
                    .filter(incidents::id.lt(filter.before.unwrap_or(i64::MAX)))
                    .order(incidents::id.desc())
                    .limit(limit.saturating_add(1))
                    .select(IncidentRow::as_select())
                    .into_boxed::<Backend>();
                query = match filter.state {
                    Some(IncidentState::Open) => query.filter(incidents::closed_at.is_null()),
                    Some(IncidentState::Closed) => query.filter(incidents::closed_at.is_not_null()),
                    None => query,
                };
                if let Some(code) = filter.code {
                    query = query.filter(incidents::code.eq(code.name()));
                }
                if let Some(partner) = filter.partner {
                    query = query.filter(incidents::partner.eq(partner));
                }
                if let Some(user) = filter.user {
                    query = query.filter(incidents::user_id.assume_not_null().eq(user));
                }
                query.load(db)
            })
            .await?;
        let most = usize::try_from(limit).unwrap_or_default();
        let more = rows.len() > most;
        rows.truncate(most);
        Ok(Listed { rows: known(rows), more })
    }

    /// The open incidents that concern a connection: its own, those of its partner as a whole, and
    /// that of its account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incidents_of(&self, connection: &Connection) -> Result<Vec<Incident>, StoreError> {
        let (id, partner) = (connection.id, connection.partner.clone());
        let account = connection.external_user_id.clone();
        let rows = self.read(move |db| {
            let open = || incidents::table.filter(incidents::closed_at.is_null());
            let mut rows: Vec<IncidentRow> = open()
                .filter(incidents::connection_id.assume_not_null().eq(id))
                .filter(incidents::code.ne(IncidentCode::AccountShared.name()))
                .select(IncidentRow::as_select())
                .load(db)?;
            let of_partner: Vec<IncidentRow> = open()
                .filter(incidents::partner.eq(&partner))
                .filter(incidents::connection_id.is_null())
                .select(IncidentRow::as_select())
                .load(db)?;
            rows.extend(of_partner);
            if let Some(account) = account {
                let shared: Vec<IncidentRow> = open()
                    .filter(incidents::partner.eq(partner))
                    .filter(incidents::code.eq(IncidentCode::AccountShared.name()))
                    .filter(incidents::external_id.eq(account))
                    .select(IncidentRow::as_select())
                    .load(db)?;
                rows.extend(shared);
            }
            Ok(rows)
        });
        Ok(known(rows.await?))
    }
}

pub(super) fn known(rows: Vec<IncidentRow>) -> Vec<Incident> {
    rows.into_iter().filter_map(IncidentRow::into_incident).collect()
}
