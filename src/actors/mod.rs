//! The only place that knows actix.
//!
//! ```text
//! Supervisor                       main thread; restarts partner actors, answers for the tree
//!  ├── PartnerActor "withings"     thread of its own: schedule · limits · circuit · live sessions
//!  │     ├── SessionActor ann      its mailbox serialises all that is done to one connection
//!  │     └── SessionActor ben      (there only while something is being done)
//!  └── PartnerActor "runkeeper" …
//! ```
//!
//! A partner has a thread, an HTTP client and an actor of its own, so that its flood, hang or panic
//! stays its own. The database is the truth; an actor is a cache that may vanish at any moment.
//! What an actor decides is decided by plain structs in `scheduler`, `limits` and `sync`.

mod directory;
mod gate;
mod messages;
mod partner;
mod session;
mod shared;
mod stats;
mod supervisor;
mod work;

pub use self::directory::Directory;
pub use self::messages::{
    BeginConnect, Change, Configure, Connect, ConnectFailure, Connected, Disconnect, Drain,
    NotBegun, Revocation, SyncMany, SyncOne, SyncResult, Tree,
};
pub use self::partner::PartnerActor;
pub use self::shared::Shared;
pub use self::stats::{ActorTree, PartnerTree};
pub use self::supervisor::Supervisor;
