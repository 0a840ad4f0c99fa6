//! One sync: find the tasks, poll page by page, check, hand to the ledger, push what waits, settle.
//!
//! No actors, no SQL, no clock of its own. [`ports`] defines what it needs from outside; a
//! [`Report`] says what it did.

mod active_timeout;
pub mod bounds;
mod calling;
mod check;
mod fit;
pub mod items;
mod polling;
pub mod ports;
mod pushing;
mod relaxing;
mod report;
pub mod rules;
mod run;
mod settle;
mod summary;
mod suspects;
mod switches;
mod traffic;

pub use self::active_timeout::ActiveTimeout;
pub use self::check::{Author, Implausible, implausible};
pub use self::fit::external_user_id;
pub use self::ports::{
    Enqueued, Job, Ledger, LedgerError, PageToSave, Refresher, ResumePoint, Saved, Tokens,
};
pub use self::relaxing::{Announced, relax};
pub use self::report::{Failure, FeedReport, MovedCursor, PushReport, RefusedRecord, Report};
pub use self::run::{SyncContext, run};
pub use self::settle::{Settlement, Turn, settle};
pub use self::traffic::{Calls, LimitMet};
