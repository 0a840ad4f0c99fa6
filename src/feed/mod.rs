//! The change feed as it is passed on in memory: one reader reads new changes from the database once,
//! and all who listen get the same bytes.
//!
//! A listener has a position in the feed and a short queue. Whoever does not keep up loses the queue,
//! and reads from the database from its own position until it has caught up: nothing is missed, nothing
//! comes twice, and nobody waits for somebody else. Knows no actix, no database and no clock.

mod batch;
mod hub;

pub use self::batch::{Batch, Event};
pub use self::hub::{Hub, Listener, Next, NotNow, Reading};
