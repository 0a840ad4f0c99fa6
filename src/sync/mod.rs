//! What a sync is: find the tasks, poll page by page, check, hand to the ledger, settle.
//!
//! No actors, no SQL, no clock of its own. What it needs from outside stands in [`ports`]; what it
//! did stands in a [`Report`].

mod check;
mod pace;
mod polling;
pub mod ports;
mod report;
mod run;
mod settle;

pub use self::check::refusal;
pub use self::pace::Pace;
pub use self::ports::{Job, Ledger, LedgerError, PageToSave, Refresher, Saved, Tokens};
pub use self::report::{Failure, FeedReport, Outcome, Report};
pub use self::run::{Run, run};
pub use self::settle::{Settlement, settle};
