//! The one writer: units of work from all sides gather into one transaction, each in a savepoint of
//! its own, and each is answered after the commit.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use diesel::Connection;
use diesel::connection::TransactionManager;
use tokio::sync::oneshot;

use super::StoreError;
use super::db::Db;
use super::link::Link;
use super::outage::Outage;

/// The most units one transaction gathers.
const GROUP: usize = 256;

/// What is done after the commit, given how it went.
type Acknowledge = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Unit = Box<dyn FnOnce(&mut Db) -> Acknowledge + Send>;

/// The writer's end of the store.
#[derive(Debug)]
pub(super) struct Writer {
    units: Option<Sender<Unit>>,
    thread: Option<JoinHandle<()>>,
    outage: Arc<Outage>,
}

impl Writer {
    pub(super) fn start(link: Link) -> Result<Self, StoreError> {
        let (units, inbox) = channel();
        let outage = link.outage();
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread =
            thread.spawn(move || write_all(link, &inbox)).map_err(|_| StoreError::Closed)?;
        Ok(Self { units: Some(units), thread: Some(thread), outage })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let unit: Unit = Box::new(move |db| {
            let outcome = db.transaction(work);
            Box::new(move |committed| {
                // Nobody listens when the caller has gone; the work is done all the same.
                drop(reply.send(outcome.and_then(|value| committed.map(|()| value))));
            })
        });
        let units = self.units.as_ref().ok_or(StoreError::Closed)?;
        units.send(unit).map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| self.outage.error().unwrap_or(StoreError::Closed))?
    }
}

impl Drop for Writer {
    /// Ends the writer once it has committed what it was given.
    fn drop(&mut self) {
        drop(self.units.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn write_all(mut link: Link, inbox: &Receiver<Unit>) {
    while let Ok(first) = inbox.recv() {
        let units = std::iter::once(first).chain(inbox.try_iter()).take(GROUP);
        write_group(&mut link, units);
    }
}

fn write_group(link: &mut Link, units: impl Iterator<Item = Unit>) {
    let mut acknowledgements: Vec<Acknowledge> = Vec::new();
    let begun = link.ready().and_then(|db| db.begin_write().map(|()| db).map_err(StoreError::from));
    let db = match begun {
        Ok(db) => db,
        Err(error) => {
            // An outage was told when it began.
            if !matches!(error, StoreError::Unreachable { .. }) {
                tracing::error!(%error, "cannot begin a transaction");
            }
            // The units are dropped; whoever waits for one is told that nothing was written.
            return units.for_each(drop);
        }
    };
    for unit in units {
        match catch_unwind(AssertUnwindSafe(|| unit(db))) {
            Ok(acknowledge) => acknowledgements.push(acknowledge),
            Err(panic) => {
                tracing::error!(
                    panic = panic_text(&*panic),
                    "a write panicked; its group is undone"
                );
                undo_all(db);
                let undone = || Err(StoreError::Query("undone with its group".into()));
                return acknowledgements.into_iter().for_each(|acknowledge| acknowledge(undone()));
            }
        }
    }
    let committed = Db::commit_transaction(db).map_err(|error| {
        tracing::error!(%error, "cannot commit; if the connection was lost, the database may have");
        format!("it is not known to be written ({})", StoreError::from(error))
    });
    for acknowledge in acknowledgements {
        acknowledge(committed.clone().map_err(StoreError::Query));
    }
}

/// Rolls back whatever is open: after a panic that is the unit's savepoint, too.
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
    use crate::store::connection::{Address, Connector};
    use crate::store::testing::databases;

    diesel::table! { t (id) { id -> BigInt, } }

    fn insert(id: i64) -> impl FnOnce(&mut Db) -> Result<i64, StoreError> + Send + 'static {
        move |db| {
            diesel::insert_into(t::table).values(t::id.eq(id)).execute(db)?;
            Ok(id)
        }
    }

    #[tokio::test]
    async fn a_unit_that_fails_or_panics_does_not_take_its_neighbours_with_it() {
        for database in databases() {
            let url = database.url.clone();
            let open = move || {
                let connector = Connector::new(Address::parse(&url).unwrap());
                let mut db = connector.connect().unwrap();
                db.batch_execute("CREATE TABLE t (id BIGINT PRIMARY KEY)").unwrap();
                Link::new(connector, db)
            };
            let link = tokio::task::spawn_blocking(open).await.unwrap();
            let writer = Writer::start(link).unwrap();
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
