//! A connection to PostgreSQL without libpq: an asynchronous connection with a runtime of its own,
//! which runs only during a statement, on the thread that waits for it. So a statement costs no
//! thread switch, and must not be run where another runtime is at work.

mod options;
mod refusal;
mod tls;

use std::future::Future;

use diesel::connection::{
    AnsiTransactionManager, CacheSize, Connection, ConnectionSealed, Instrumentation,
    LoadConnection, MultiConnectionHelper, SimpleConnection,
};
use diesel::expression::QueryMetadata;
use diesel::migration::{CREATE_MIGRATIONS_TABLE, MigrationConnection};
use diesel::pg::{Pg, PgMetadataLookup, PgTypeMetadata};
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::r2d2::R2D2Connection;
use diesel::result::{ConnectionError, ConnectionResult, DatabaseErrorKind, Error};
use diesel::{QueryResult, sql_types};
use diesel_async::pooled_connection::PoolableConnection;
use diesel_async::{
    AsyncConnection, AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection,
};
use futures_util::StreamExt;
use tokio::runtime::{Builder, Runtime};

pub(in crate::store) use self::options::Options;
pub(in crate::store) use self::refusal::Refusal;

type Row = <AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// A connection to PostgreSQL.
pub(in crate::store) struct PgDb {
    connection: Box<AsyncPgConnection>,
    transactions: AnsiTransactionManager,
    driver: Driver,
}

/// Runs the connection. Dropped last.
struct Driver(Option<Runtime>);

impl Driver {
    fn run<T>(&self, statement: impl Future<Output = QueryResult<T>>) -> QueryResult<T> {
        match &self.0 {
            Some(runtime) => runtime.block_on(statement),
            None => Err(lost("the connection is closed")),
        }
    }
}

impl Drop for Driver {
    /// Does not wait: a thread that runs other tasks must not block.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn lost(text: &str) -> Error {
    Error::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(text.to_owned()))
}

impl PgDb {
    pub(in crate::store) fn connect(options: &Options) -> Result<Self, Refusal> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::passing(error.to_string()))?;
        let connection = Box::new(runtime.block_on(options.connect())?);
        let transactions = AnsiTransactionManager::default();
        Ok(Self { connection, transactions, driver: Driver(Some(runtime)) })
    }

    /// Whether the server has not closed the connection, as far as is known; asks the server
    /// nothing.
    pub(in crate::store) fn is_alive(&mut self) -> bool {
        // What the server has sent since the last statement is read only now.
        let looked = self.driver.run(async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok(())
        });
        looked.is_ok() && !self.is_broken()
    }
}

impl SimpleConnection for PgDb {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.driver.run(self.connection.batch_execute(query))
    }
}

impl ConnectionSealed for PgDb {}

impl Connection for PgDb {
    type Backend = Pg;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        let options = Options::parse(url).map_err(ConnectionError::InvalidConnectionUrl)?;
        Self::connect(&options).map_err(|refusal| ConnectionError::BadConnection(refusal.reason))
    }

    fn execute_returning_count<T>(&mut self, source: &T) -> QueryResult<usize>
    where
        T: QueryFragment<Pg> + QueryId,
    {
        self.driver.run(self.connection.execute_returning_count(source))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.connection.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.connection.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.connection.set_prepared_statement_cache_size(size);
    }
}

impl LoadConnection for PgDb {
    type Cursor<'conn, 'query> = std::vec::IntoIter<QueryResult<Row>>;
    type Row<'conn, 'query> = Row;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        let rows = self.driver.run(async {
            let rows = AsyncConnectionCore::load(&mut *self.connection, source).await?;
            Ok(rows.collect::<Vec<_>>().await)
        })?;
        Ok(rows.into_iter())
    }
}

impl MigrationConnection for PgDb {
    fn setup(&mut self) -> QueryResult<usize> {
        self.batch_execute(CREATE_MIGRATIONS_TABLE).map(|()| 0)
    }
}

impl R2D2Connection for PgDb {
    fn ping(&mut self) -> QueryResult<()> {
        self.batch_execute("SELECT 1")
    }

    fn is_broken(&mut self) -> bool {
        use diesel::connection::TransactionManager;
        AnsiTransactionManager::is_broken_transaction_manager(self) || self.connection.is_broken()
    }
}

/// Takes the place of diesel's lookup of types that are not built in. There are none.
struct NoLookup;

impl PgMetadataLookup for NoLookup {
    fn lookup_type(&mut self, _: &str, _: Option<&str>) -> PgTypeMetadata {
        // A type without an id, which the server refuses.
        PgTypeMetadata::new(0, 0)
    }

    fn as_any<'a>(&mut self) -> &mut (dyn std::any::Any + 'a)
    where
        Self: 'a,
    {
        self
    }
}

impl MultiConnectionHelper for PgDb {
    fn to_any<'a>(
        _: &mut <Pg as sql_types::TypeMetadata>::MetadataLookup,
    ) -> &mut (dyn std::any::Any + 'a) {
        // It has no size, so nothing is allocated.
        Box::leak(Box::new(NoLookup))
    }

    fn from_any(
        lookup: &mut dyn std::any::Any,
    ) -> Option<&mut <Pg as sql_types::TypeMetadata>::MetadataLookup> {
        lookup.downcast_mut::<NoLookup>().map(|lookup| lookup as &mut dyn PgMetadataLookup)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use diesel::connection::InstrumentationEvent;
    use diesel::prelude::*;
    use diesel::sql_types::Integer;

    use super::*;
    use crate::store::testing::server_database;

    fn connected(url: &str) -> PgDb {
        PgDb::connect(&Options::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn a_connection_that_the_server_ended_is_known_without_a_statement() {
        let Some(database) = server_database() else { return };
        let (mut db, mut other) = (connected(&database.url), connected(&database.url));
        assert!(db.is_alive());
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        other.batch_execute(end).unwrap();
        let began = Instant::now();
        while db.is_alive() {
            assert!(began.elapsed() < Duration::from_secs(10), "it still counts as alive");
        }
        assert!(db.ping().is_err());
        assert!(other.is_alive());
    }

    #[test]
    fn each_statement_is_reported_to_the_instrumentation_once() {
        let Some(database) = server_database() else { return };
        let mut db = connected(&database.url);
        let reported = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reported);
        db.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            let begins = matches!(event, InstrumentationEvent::StartQuery { .. });
            count.fetch_add(usize::from(begins), Ordering::Relaxed);
        });
        let one = || diesel::select(1_i32.into_sql::<Integer>());
        for _ in 0..3 {
            assert_eq!(one().get_result::<i32>(&mut db).unwrap(), 1);
        }
        db.batch_execute("SELECT 1").unwrap();
        assert_eq!(reported.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_connection_may_be_dropped_where_other_tasks_run() {
        let Some(database) = server_database() else { return };
        let db = connected(&database.url);
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move { drop(db) });
    }
}
