//! The rules of sync items, the links between records and partners' copies of them: pure, and the
//! same for both directions.
//!
//! - [`ItemState`]: the state between the two sides, and what comes next.
//! - [`sighting`]: what follows when a poll shows an item.
//! - [`is_echo`]: whether what a poll shows is what was pushed.
//! - [`merge`]: merges a partner's edit into a record that holds more than the partner keeps.

mod echo;
mod fingerprint;
mod merge;
mod sighting;
mod state;
mod sweep;

pub use self::echo::{is_echo, is_edit_of, is_of_same_moment};
pub use self::fingerprint::{Fingerprint, fingerprint};
pub use self::merge::merge;
pub use self::sighting::{Known, Sighting, loss, sighting};
pub use self::state::{ItemState, PushEnd};
pub use self::sweep::{first_missed, is_missed_twice, is_sweeping};
