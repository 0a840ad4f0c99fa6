//! A partner's rate limits. Plain structs with the time passed in; no actors, no database.
//!
//! Why a limit holds however the partner counts: the partner counts a call at some moment between
//! its permit and its end, so the call takes a slot in every window that this interval touches.
//! With sliding windows the slot stays taken until a whole window after the end of the call. With
//! fixed windows it stays taken until the end of the window in which the call ended, plus a guard
//! for differing clocks.
//!
//! Why a limit holds across a kill: usage is written ahead. A [`Bucket`] gives permits only from an
//! allowance that the store already counts as used. A restart counts the unused rest of it as used
//! at that moment.
//!
//! - [`Bucket`]: one limit. `sliding.rs` and `fixed.rs` count its calls.
//! - [`Limiter`]: all limits of a partner, with priorities. `feedback.rs` applies what the partner
//!   reports about them.
//! - [`Usage`]: what calls were for, to show it.
//! - [`Circuit`]: stops calling a partner that fails for everyone.

mod bucket;
mod bucket_state;
mod circuit;
mod closure;
mod feedback;
mod fixed;
mod limiter;
#[cfg(test)]
mod model;
mod reached;
mod sliding;
mod usage;
mod window_counter;

pub use self::bucket::Bucket;
pub use self::bucket_state::BucketState;
pub use self::circuit::{Circuit, CircuitState};
pub use self::feedback::longest_wait;
pub use self::limiter::{BucketKey, Decision, Limiter, Made};
pub use self::usage::{Usage, UsedFor};

/// How urgent a call is. Earlier variants go first, and a share of every limit is reserved for
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A user waits: a connect, a "sync now".
    Interactive,
    /// A partner announced new data.
    Notification,
    /// A change waits to be pushed.
    Push,
    /// A scheduled poll that is due.
    Scheduled,
    /// The history of a new connection.
    Backfill,
    /// What polls make up for until it is done: subscriptions.
    Upkeep,
}

impl Priority {
    /// The share of a limit, in percent, that calls of this priority may fill.
    pub fn share(self) -> u32 {
        match self {
            Self::Interactive | Self::Notification => 100,
            Self::Push | Self::Scheduled => 85,
            Self::Backfill => 70,
            Self::Upkeep => 50,
        }
    }
}
