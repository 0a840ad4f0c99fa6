//! The one writer: units of work gather for a moment into one transaction and are answered after
//! its commit. Pages and ends of syncs are written together, in few statements; if that fails, each
//! unit is written alone, so that one that fails does not affect the others.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::Connection;
use diesel::connection::TransactionManager;
use tokio::sync::{oneshot, watch};

use crate::store::sql::db::Db;
use crate::store::sql::health::Health;
use crate::store::sql::outage::Outage;
use crate::store::sql::writer_connection::WriterConnection;
use crate::store::{Notified, StoreError, SyncEnd, change_feed};
use crate::sync::ports::PageToSave;
use crate::telemetry::metrics::StoreMetrics;

/// The most units one transaction gathers.
const GROUP: usize = 512;

/// A unit that may wait does so until this many units have come …
const MAX_UNITS: usize = 128;

/// … or pages with this many records together, each of which takes some 3.5 kB while it is written …
const MAX_RECORDS: usize = 4_000;

/// … or this much time has passed …
const LONGEST_WAIT: Duration = Duration::from_millis(25);

/// … or no other unit has come for this long.
const GATHER_FOR: Duration = Duration::from_millis(3);

/// Work that is written together with more of its kind.
pub(in crate::store) trait BatchWrite: Sized {
    /// The result of one unit.
    type Outcome;

    /// Writes all units and returns an outcome for each, or fails as a whole.
    fn store(db: &mut Db, units: &[Self]) -> Result<Vec<Self::Outcome>, StoreError>;
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A unit of batch work and the caller that waits for it.
type Asked<J> = (J, Reply<<J as BatchWrite>::Outcome>);

/// What became of a unit, before the commit.
pub(in crate::store) struct Done {
    /// Why the database did not take it, if so.
    not_stored: Option<String>,
    /// Runs after the commit, with its result.
    acknowledge: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// What the writer is asked to do.
pub(in crate::store) enum Unit {
    /// A write of its own, for which a caller waits.
    Alone(Box<dyn FnOnce(&mut Db) -> Done + Send>),
    /// A page of a sync.
    Page(Box<Asked<PageToSave>>),
    /// The end of a sync.
    SyncEnd(Box<Asked<SyncEnd>>),
    /// A notification.
    Notified(Box<Asked<Notified>>),
}

impl From<Asked<PageToSave>> for Unit {
    fn from(asked: Asked<PageToSave>) -> Self {
        Self::Page(Box::new(asked))
    }
}

impl From<Asked<SyncEnd>> for Unit {
    fn from(asked: Asked<SyncEnd>) -> Self {
        Self::SyncEnd(Box::new(asked))
    }
}

impl From<Asked<Notified>> for Unit {
    fn from(asked: Asked<Notified>) -> Self {
        Self::Notified(Box::new(asked))
    }
}

/// The store's handle to the writer thread.
#[derive(Debug)]
pub(in crate::store) struct Writer {
    units: Option<Sender<Unit>>,
    thread: Option<JoinHandle<()>>,
    outage: Arc<Outage>,
    health: Arc<Health>,
}

impl Writer {
    /// Starts the thread. `feed_moved` changes after each commit that appended to the change feed.
    pub(in crate::store) fn start(
        connection: WriterConnection,
        feed_moved: watch::Sender<u64>,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let (units, inbox) = channel();
        let (outage, health) = (connection.outage(), connection.health());
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread = thread.spawn(move || write_all(connection, &inbox, &feed_moved, &metrics));
        let thread = thread.map_err(|_| StoreError::Closed)?;
        Ok(Self { units: Some(units), thread: Some(thread), outage, health })
    }

    /// Runs work of its own in the next transaction.
    pub(in crate::store) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Unit::Alone(Box::new(move |db| done(reply, db.transaction(work)))))?;
        self.answer(answer).await
    }

    /// Writes a unit together with others of its kind.
    pub(in crate::store) async fn join<J: BatchWrite>(
        &self,
        unit: J,
    ) -> Result<J::Outcome, StoreError>
    where
        Unit: From<Asked<J>>,
    {
        let (reply, answer) = oneshot::channel();
        self.send((unit, reply).into())?;
        self.answer(answer).await
    }

    async fn answer<T>(
        &self,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let not_begun = || self.outage.error().or_else(|| self.health.error());
        answer.await.map_err(|_| not_begun().unwrap_or(StoreError::Closed))?
    }

    fn send(&self, unit: Unit) -> Result<(), StoreError> {
        let units = self.units.as_ref().ok_or(StoreError::Closed)?;
        units.send(unit).map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writer {
    /// Ends the writer once it has committed everything it was given.
    fn drop(&mut self) {
        drop(self.units.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn write_all(
    mut connection: WriterConnection,
    inbox: &Receiver<Unit>,
    feed_moved: &watch::Sender<u64>,
    metrics: &StoreMetrics,
) {
    while let Ok(first) = inbox.recv() {
        write_group(&mut connection, gather(first, inbox), metrics);
        if change_feed::take_appended() {
            feed_moved.send_modify(|times| *times += 1);
        }
    }
}

/// Waits a moment for more units, unless a caller waits for one that has come.
fn gather(first: Unit, inbox: &Receiver<Unit>) -> Vec<Unit> {
    let until = Instant::now() + LONGEST_WAIT;
    let mut units = vec![first];
    let (mut may_wait, mut records) = (true, 0);
    while units.len() < GROUP {
        if let Some(Unit::Page(asked)) = units.last() {
            records += asked.0.records.len();
        }
        if records >= MAX_RECORDS {
            break;
        }
        may_wait &= !matches!(units.last(), Some(Unit::Alone(_)));
        let left = until.saturating_duration_since(Instant::now());
        may_wait &= units.len() < MAX_UNITS;
        let patience = if may_wait { left.min(GATHER_FOR) } else { Duration::ZERO };
        match inbox.recv_timeout(patience) {
            Ok(unit) => units.push(unit),
            Err(_) => break,
        }
    }
    units
}

fn write_group(connection: &mut WriterConnection, units: Vec<Unit>, metrics: &StoreMetrics) {
    let (began, size, records) = (Instant::now(), units.len(), records_of(&units));
    let health = connection.health();
    let begun =
        connection.ready().and_then(|db| db.begin_write().map(|()| db).map_err(StoreError::from));
    let db = match begun {
        Ok(db) => db,
        Err(error) => {
            // An outage was logged when it began.
            if !matches!(error, StoreError::Unreachable { .. }) {
                health.did_not_write(&error.to_string());
            }
            metrics.not_committed();
            // The units are dropped; their callers get an error: nothing was written.
            return;
        }
    };
    let mut all: Vec<Done> = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| do_all(db, units, &mut all)));
    if let Err(panic) = outcome {
        tracing::error!(panic = panic_text(&*panic), "a write panicked; its group is undone");
        undo_all(db);
        metrics.not_committed();
        let undone = || Err(StoreError::Query("undone with its group".into()));
        return all.into_iter().for_each(|done| (done.acknowledge)(undone()));
    }
    let committed = Db::commit_transaction(db).map_err(|error| StoreError::from(error).to_string());
    let not_stored = all.iter().find_map(|done| done.not_stored.clone());
    match &committed {
        Ok(()) => metrics.committed(size, records, began.elapsed()),
        Err(_) => metrics.not_committed(),
    }
    match committed.as_ref().err().or(not_stored.as_ref()) {
        None => health.wrote(),
        Some(reason) => health.did_not_write(reason),
    }
    for done in all {
        let uncertain =
            |reason| StoreError::Query(format!("it is not known to be written ({reason})"));
        (done.acknowledge)(committed.clone().map_err(uncertain));
    }
}

/// How many records of partners are to be written.
fn records_of(units: &[Unit]) -> usize {
    let records = |unit: &Unit| match unit {
        Unit::Page(asked) => asked.0.records.len(),
        _ => 0,
    };
    units.iter().map(records).sum()
}

fn do_all(db: &mut Db, units: Vec<Unit>, all: &mut Vec<Done>) {
    let (mut pages, mut finishes, mut notified) = (Vec::new(), Vec::new(), Vec::new());
    for unit in units {
        match unit {
            Unit::Alone(work) => all.push(work(db)),
            Unit::Page(asked) => pages.push(*asked),
            Unit::SyncEnd(asked) => finishes.push(*asked),
            Unit::Notified(asked) => notified.push(*asked),
        }
    }
    do_jointly(db, pages, all);
    do_jointly(db, finishes, all);
    do_jointly(db, notified, all);
}

fn do_jointly<J: BatchWrite>(db: &mut Db, asked: Vec<Asked<J>>, all: &mut Vec<Done>)
where
    J::Outcome: Send + 'static,
{
    if asked.is_empty() {
        return;
    }
    let (units, replies): (Vec<J>, Vec<_>) = asked.into_iter().unzip();
    match db.transaction(|db| J::store(db, &units)) {
        Ok(outcomes) => {
            let outcomes = outcomes.into_iter().map(Ok);
            all.extend(replies.into_iter().zip(outcomes).map(|(to, it)| done(to, it)));
        }
        Err(error) if units.len() == 1 => {
            let reply = replies.into_iter().next();
            all.extend(reply.map(|to| done(to, Err(error))));
        }
        Err(_) => {
            for (unit, reply) in units.iter().zip(replies) {
                let alone = db.transaction(|db| J::store(db, std::slice::from_ref(unit)));
                let outcome = alone.and_then(|mut it| it.pop().ok_or(StoreError::Closed));
                all.push(done(reply, outcome));
            }
        }
    }
}

fn done<T: Send + 'static>(reply: Reply<T>, outcome: Result<T, StoreError>) -> Done {
    let not_stored = match &outcome {
        Err(StoreError::Storage(reason)) => Some(reason.clone()),
        _ => None,
    };
    let acknowledge = Box::new(move |committed: Result<(), StoreError>| {
        // Nobody listens if the caller has gone; the work is done all the same.
        drop(reply.send(outcome.and_then(|value| committed.map(|()| value))));
    });
    Done { not_stored, acknowledge }
}

/// Rolls back every open level; after a panic that includes the unit's savepoint.
fn undo_all(db: &mut Db) {
    let depth =
        |db: &mut Db| Db::transaction_manager_status_mut(db).transaction_depth().ok().flatten();
    while depth(db).is_some() && Db::rollback_transaction(db).is_ok() {}
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref().map(String::as_str))
        .unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::r2d2::ManageConnection;

    use super::*;
    use crate::store::sql::connect::{Address, Connector};
    use crate::store::testing::databases;

    diesel::table! { t (id) { id -> BigInt, } }

    fn insert(id: i64) -> impl FnOnce(&mut Db) -> Result<i64, StoreError> + Send + 'static {
        move |db| {
            diesel::insert_into(t::table).values(t::id.eq(id)).execute(db)?;
            Ok(id)
        }
    }

    #[tokio::test]
    async fn a_unit_that_fails_or_panics_does_not_affect_the_others() {
        for database in databases() {
            let url = database.url.clone();
            let open = move || {
                let connector = Connector::new(Address::parse(&url).unwrap());
                let mut db = connector.connect().unwrap();
                db.batch_execute("CREATE TABLE t (id BIGINT PRIMARY KEY)").unwrap();
                WriterConnection::new(connector, db)
            };
            let connection = tokio::task::spawn_blocking(open).await.unwrap();
            let writer =
                Writer::start(connection, watch::Sender::new(0), StoreMetrics::default()).unwrap();
            let (one, again, two) =
                tokio::join!(writer.run(insert(1)), writer.run(insert(1)), writer.run(insert(2)));
            assert_eq!((one.unwrap(), again.is_err(), two.unwrap()), (1, true, 2));
            let panicked = writer.run(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
            assert!(panicked.is_err());
            assert_eq!(writer.run(insert(3)).await.unwrap(), 3, "the writer goes on");
            let ids = writer.run(|db| Ok(t::table.select(t::id).load::<i64>(db)?)).await.unwrap();
            assert_eq!(ids, [1, 2, 3]);
        }
    }
}
