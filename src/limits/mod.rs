//! A partner's rate limits. Plain structs with the time passed in; no actors, no database.
//!
//! The rule that makes a limit hold however the partner counts: a call occupies its place from the
//! moment its permit is given until a whole window after it has ended, because the partner counted
//! it somewhere in between. So no stretch of the window's length, fixed or sliding, can hold more
//! calls than the limit.
//!
//! The rule that makes it hold across a kill: places are written ahead. A [`Bucket`] gives permits
//! only out of an allowance that the store already counts as used; a restart counts what was left
//! of it as used just then.
//!
//! - [`Bucket`]: one limit.
//! - [`Limiter`]: all limits of a partner, with priorities.
//! - [`Circuit`]: stops asking a partner that answers nobody.

mod bucket;
mod circuit;
mod limiter;

pub use self::bucket::{Bucket, BucketState};
pub use self::circuit::{Circuit, CircuitState};
pub use self::limiter::{BucketKey, Decision, Limiter, longest_wait};

/// Who a call is for. Earlier ones go first, and a share of every limit is held back for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody is waiting: a connect, a "sync now".
    People,
    /// A partner said that there is something.
    Notification,
    /// A poll whose time has come.
    Scheduled,
    /// The past of a new connection.
    Backfill,
}

impl Priority {
    /// The share of a limit, in percent, that calls of this priority may fill.
    fn share(self) -> u32 {
        match self {
            Self::People | Self::Notification => 100,
            Self::Scheduled => 85,
            Self::Backfill => 70,
        }
    }
}
