//! One connection, to either database. Statements are written once; the address chooses.

use diesel::QueryResult;
use diesel::connection::AnsiTransactionManager;
use diesel::sqlite::SqliteConnection;

use crate::store::sql::postgres::PgDb;

/// A connection to the database.
#[derive(diesel::MultiConnection)]
pub(in crate::store) enum Db {
    Postgres(PgDb),
    Sqlite(SqliteConnection),
}

/// Does the same with whichever connection it is: for the statements that diesel cannot put
/// together for both at once, which are inserts of several rows.
macro_rules! each {
    ($db:expr, |$one:ident| $body:expr) => {
        match $db {
            $crate::store::sql::db::Db::Postgres($one) => $body,
            $crate::store::sql::db::Db::Sqlite($one) => $body,
        }
    };
}
pub(in crate::store) use each;

/// Begins a transaction when no other writer's is open any more, also not one of a connection that
/// was lost: the change feed counts in the order of the commits. The number names the lock.
const BEGIN_POSTGRES: &str = "BEGIN; SELECT pg_advisory_xact_lock(5997242)";
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

impl Db {
    /// Begins a transaction that writes.
    pub(in crate::store) fn begin_write(&mut self) -> QueryResult<()> {
        match self {
            Self::Postgres(db) => AnsiTransactionManager::begin_transaction_sql(db, BEGIN_POSTGRES),
            Self::Sqlite(db) => AnsiTransactionManager::begin_transaction_sql(db, BEGIN_SQLITE),
        }
    }
}
