//! The actors: the only module that defines any.
//!
//! ```text
//! Supervisor                       main thread; restarts partner actors, reports the tree
//!  ├── PartnerActor "withings"     own thread: schedule · limits · circuit · live sessions
//!  │     ├── SessionActor ann      its mailbox serialises everything done to one connection
//!  │     └── SessionActor ben      (exists only while something is being done)
//!  └── PartnerActor "runkeeper" …
//! ```
//!
//! Each partner has its own thread, HTTP client and actor, so that its load, hang or panic does not
//! affect the others. The database is the truth; an actor is a cache that may vanish at any moment.
//! Decisions are made by plain structs in `scheduler`, `limits` and `sync`.

mod bucket_tree;
mod connect_messages;
mod directory;
mod gate;
mod gauges;
mod last_hour;
mod listening;
mod messages;
mod partner;
mod revoking;
mod session;
mod session_tree;
mod shared;
mod stats;
mod subscribing;
mod supervisor;
mod unconfirmed;
mod work;

pub use self::bucket_tree::{BucketTree, UsedForTree};
pub use self::connect_messages::{
    BeginConnect, Configure, Confirm, Connect, ConnectFailure, Connected, Disconnect, NotBegun,
    Revocation,
};
pub use self::directory::Directory;
pub use self::gauges::keep_gauges;
pub use self::messages::{
    Availability, Drain, EndWait, GetAvailability, GetDetails, GetWait, Node, Notified,
    PartnerDetails, Pause, RecentFailure, Resume, SyncMany, SyncOne, SyncResult, Tree,
};
pub use self::partner::PartnerActor;
pub use self::session_tree::{SessionNode, SessionState};
pub use self::shared::Shared;
pub use self::stats::{ActorFailure, ActorTree, NotificationTree, PartnerNode, PartnerTree};
pub use self::subscribing::closed_reason;
pub use self::supervisor::Supervisor;
pub use self::unconfirmed::revoke_unconfirmed;
