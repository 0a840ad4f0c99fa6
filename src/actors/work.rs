//! The tasks of one generation of a partner actor.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The work of one generation of a partner actor. It outlives the actor for a moment when that
/// panics; the next generation waits for its end, so that no connection is served twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    /// The tasks under way.
    pub(super) tasks: TaskTracker,
    /// Stops them, but for new tokens under way.
    pub(super) cancel: CancellationToken,
}
