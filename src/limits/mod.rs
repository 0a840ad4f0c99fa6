//! A partner's rate limits. Plain structs with the time passed in; no actors, no database.
//!
//! The rule that makes a limit hold however the partner counts: the partner counts a call somewhere
//! between its permit and its end, so a call occupies its place in each window that this time
//! touches. Where any stretch of the window's length counts, that is until a whole window after its
//! end; where windows lie fixed, it is until the end of the window it ended in, with a guard for
//! clocks that differ.
//!
//! The rule that makes it hold across a kill: places are written ahead. A [`Bucket`] gives permits
//! only out of an allowance that the store already counts as used; a restart counts what was left
//! of it as used just then.
//!
//! - [`Bucket`]: one limit; what counts its calls is in `sliding.rs` and `fixed.rs`.
//! - [`Limiter`]: all limits of a partner, with priorities; what the partner says of them is taken
//!   up in `word.rs`.
//! - [`Circuit`]: stops asking a partner that answers nobody.

mod bucket;
mod circuit;
mod feedback;
mod fixed;
mod limiter;
#[cfg(test)]
mod model;
mod sliding;
mod window_counter;

pub use self::bucket::{Bucket, BucketState};
pub use self::circuit::{Circuit, CircuitState};
pub use self::feedback::longest_wait;
pub use self::limiter::{BucketKey, Decision, Limiter, Made};

/// Who a call is for. Earlier ones go first, and a share of every limit is held back for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody is waiting: a connect, a "sync now".
    Interactive,
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
            Self::Interactive | Self::Notification => 100,
            Self::Scheduled => 85,
            Self::Backfill => 70,
        }
    }
}
