//! A connection to either database. Statements are written once; the address chooses.

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

/// Either database, for statements whose conditions are added one by one.
pub(in crate::store) type Backend = <Db as diesel::Connection>::Backend;

/// Does the same with either kind of connection: for the statements that diesel cannot build for
/// both at once, which are inserts of several rows.
macro_rules! each {
    ($db:expr, |$one:ident| $body:expr) => {
        match $db {
            $crate::store::sql::db::Db::Postgres($one) => $body,
            $crate::store::sql::db::Db::Sqlite($one) => $body,
        }
    };
}
pub(in crate::store) use each;

/// Begins a transaction when no other writer's transaction is open, including one of a lost
/// connection: the change feed numbers changes in commit order. The number identifies the lock.
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
