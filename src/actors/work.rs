//! The tasks of one generation of a partner actor.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The work of one generation of a partner actor. It briefly outlives an actor that panics; the
/// next generation waits for its end, so that no connection is served twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    /// The running tasks.
    pub(super) tasks: TaskTracker,
    /// Stops them, except for refreshes in progress.
    pub(super) cancel: CancellationToken,
}
