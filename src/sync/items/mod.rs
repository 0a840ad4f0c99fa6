//! The rules of sync items, the ties between records and what partners have of them: pure, and the
//! same whichever way a change travels.
//!
//! - [`ItemState`]: what stands between the two sides and what comes next.
//! - [`sighting`]: what it means that a poll shows an item.
//! - [`is_echo`]: whether what a poll shows is what was pushed.
//! - [`merge`]: a partner's edit, brought into a record that knows more than the partner.

mod echo;
mod fingerprint;
mod merge;
mod sighting;
mod state;

pub use self::echo::{is_echo, is_edit_of, is_of_same_moment};
pub use self::fingerprint::{Fingerprint, fingerprint};
pub use self::merge::merge;
pub use self::sighting::{Known, Sighting, loss, sighting};
pub use self::state::{ItemState, PushEnd};
