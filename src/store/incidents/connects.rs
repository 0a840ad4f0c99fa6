//! What connects, disconnects and choices open and close.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::judge::not_granted;
use super::{close, open};
use crate::incidents::{IncidentCode, NewIncident, Subject, switches_in_words};
use crate::model::{ConnectionId, Status};
use crate::store::StoreError;
use crate::store::sql::db::Db;
use crate::store::sql::schema::{connections, incidents};

/// How many of the users who share an account are named.
const NAMED: usize = 20;

/// What a connect means for a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Connect<'a> {
    pub(in crate::store) connection: ConnectionId,
    /// The account it had before, if it had one.
    pub(in crate::store) before: Option<&'a str>,
    /// The account it has now.
    pub(in crate::store) account: &'a str,
}

/// A user has connected.
pub(in crate::store) fn connected(
    db: &mut Db,
    connect: Connect<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Connect { connection, before, account } = connect;
    let partner: String =
        connections::table.find(connection).select(connections::partner).first(db)?;
    let is_other = before.is_some_and(|before| before != account);
    let mut over: Vec<i64> = Vec::new();
    let mut is_former = false;
    for (id, code, external_id) in open_of(db, connection)? {
        let was_former =
            code == IncidentCode::AccountChanged.name() && external_id.as_deref() == Some(account);
        is_former |= was_former;
        let ends = match IncidentCode::from_name(&code) {
            Some(IncidentCode::AuthorizationRevoked) => true,
            Some(IncidentCode::AccountChanged) => was_former,
            Some(IncidentCode::ScopeMissing | IncidentCode::AccountShared) | None => false,
            // It was about the account that this connection had before.
            Some(_) => is_other,
        };
        if ends {
            over.push(id);
        }
    }
    close(db, &over, "the user connected again", now)?;
    let ended: Vec<i64> = incidents::table
        .filter(incidents::code.eq(IncidentCode::ConnectionEnded.name()))
        .filter(incidents::subject.eq(Subject::Partner(partner.clone()).key()))
        .filter(incidents::closed_at.is_null())
        .select(incidents::id)
        .load(db)?;
    close(db, &ended, "a connect to it succeeded", now)?;
    review_scopes(db, connection, true, now)?;
    if is_other && !is_former {
        let changed =
            NewIncident::new(IncidentCode::AccountChanged, Subject::Connection(connection));
        let external_id = before.map(str::to_owned);
        open(db, &[(NewIncident { external_id, ..changed }, now)])?;
    }
    if let Some(before) = before.filter(|_| is_other) {
        review_account(db, &partner, before, None, now)?;
    }
    review_account(db, &partner, account, Some(connection), now)
}

/// A user has disconnected.
pub(in crate::store) fn disconnected(
    db: &mut Db,
    connection: ConnectionId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (partner, account): (String, Option<String>) = connections::table
        .find(connection)
        .select((connections::partner, connections::external_user_id))
        .first(db)?;
    let shared = IncidentCode::AccountShared.name();
    let open = open_of(db, connection)?;
    let own: Vec<i64> =
        open.into_iter().filter(|(_, code, _)| code != shared).map(|(id, ..)| id).collect();
    close(db, &own, "the user disconnected", now)?;
    diesel::update(connections::table.find(connection))
        .set(connections::has_incidents.eq(false))
        .execute(db)?;
    if let Some(account) = account {
        review_account(db, &partner, &account, None, now)?;
    }
    if count_ended(db, &partner)? == 0 {
        let ended: Vec<i64> = incidents::table
            .filter(incidents::code.eq(IncidentCode::ConnectionEnded.name()))
            .filter(incidents::subject.eq(Subject::Partner(partner).key()))
            .filter(incidents::closed_at.is_null())
            .select(incidents::id)
            .load(db)?;
        close(db, &ended, "nobody is connected to it any more", now)?;
    }
    Ok(())
}

/// A partner has ended its service.
pub(in crate::store) fn partner_ended(
    db: &mut Db,
    partner: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let users = count_ended(db, partner)?;
    if users == 0 {
        return Ok(());
    }
    let ended =
        NewIncident::new(IncidentCode::ConnectionEnded, Subject::Partner(partner.to_owned()));
    let users = Some(u32::try_from(users).unwrap_or(u32::MAX));
    open(db, &[(NewIncident { users, ..ended }, now)])
}

fn count_ended(db: &mut Db, partner: &str) -> QueryResult<i64> {
    connections::table
        .filter(connections::partner.eq(partner))
        .filter(connections::status.eq(Status::Ended.name()))
        .count()
        .get_result(db)
}

/// The open incidents of a connection: their ids, codes, and the partner's ids of what they are about.
fn open_of(
    db: &mut Db,
    connection: ConnectionId,
) -> QueryResult<Vec<(i64, String, Option<String>)>> {
    incidents::table
        .filter(incidents::connection_id.assume_not_null().eq(connection))
        .filter(incidents::closed_at.is_null())
        .select((incidents::id, incidents::code, incidents::external_id))
        .load(db)
}

/// Closes the incident about kinds that were not granted, if none of them is wanted any more; after
/// a connect, opens one if some are.
pub(in crate::store) fn review_scopes(
    db: &mut Db,
    connection: ConnectionId,
    opens: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    match not_granted(db, &[connection])?.remove(&connection) {
        Some(names) if opens => {
            let detail = Some(switches_in_words(&names));
            let subject = Subject::Connection(connection);
            let new = NewIncident::new(IncidentCode::ScopeMissing, subject);
            open(db, &[(NewIncident { detail, ..new }, now)])
        }
        Some(_) => Ok(()),
        None => {
            let open = open_of(db, connection)?;
            let it: Vec<i64> = open
                .into_iter()
                .filter(|(_, code, _)| code == IncidentCode::ScopeMissing.name())
                .map(|(id, ..)| id)
                .collect();
            Ok(close(db, &it, "everything that is wanted is granted", now)?)
        }
    }
}

/// Opens or closes the incident about users who share an account. `newest` is the connection that
/// was connected to it now, if one was.
fn review_account(
    db: &mut Db,
    partner: &str,
    account: &str,
    newest: Option<ConnectionId>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let users: Vec<String> = connections::table
        .filter(connections::partner.eq(partner))
        .filter(connections::external_user_id.eq(account))
        .filter(connections::status.eq(Status::Connected.name()))
        .order(connections::user_id)
        .select(connections::user_id)
        .load(db)?;
    if users.len() > 1 {
        let Some(connection) = newest else { return Ok(()) };
        let (partner, account) = (partner.to_owned(), account.to_owned());
        let external_id = Some(account.clone());
        let subject = Subject::Account { partner, account, connection };
        let new = NewIncident::new(IncidentCode::AccountShared, subject);
        let named: Vec<&str> = users.iter().take(NAMED).map(String::as_str).collect();
        let detail = Some(named.join(", "));
        let users = Some(u32::try_from(users.len()).unwrap_or(u32::MAX));
        return open(db, &[(NewIncident { external_id, users, detail, ..new }, now)]);
    }
    let shared: Vec<i64> = incidents::table
        .filter(incidents::partner.eq(partner))
        .filter(incidents::code.eq(IncidentCode::AccountShared.name()))
        .filter(incidents::external_id.eq(account))
        .filter(incidents::closed_at.is_null())
        .select(incidents::id)
        .load(db)?;
    Ok(close(db, &shared, "only one user is connected to the account", now)?)
}
