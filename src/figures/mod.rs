//! Figures that people look at: what was done in each minute of the last day, and how many connections
//! there are. Counting costs a sync next to nothing; a row a minute is stored and survives restarts.
//!
//! - [`Figures`]: the handle to which everybody counts.
//! - [`Minute`]: what one minute did, and how minutes are summed.
//! - [`steps`]: the minutes of a time in steps of equal length, for a chart.
//! - [`sample`]: the task that stores each minute and counts the connections.

mod counting;
mod histogram;
mod minute;
mod sampler;
mod standing;
mod words;

pub use self::counting::{Figures, SyncFigures};
pub use self::minute::{Minute, Step, beginning, steps};
pub use self::sampler::sample;
pub use self::standing::Standing;
pub use self::words::with_separators;

use chrono::TimeDelta;

/// How long minutes are kept: a day and what a chart of it begins with.
pub const KEPT: TimeDelta = TimeDelta::hours(25);
