//! Why something changed.

use super::Cause;
use super::words::named;

named! {
    /// Why a record or a connection changed.
    pub enum ChangeCause {
        /// The first sync after a connect, or the connect itself.
        Connect = "connect",
        /// A sync that was requested.
        Request = "request",
        /// A poll that was due.
        Schedule = "schedule",
        /// A notification of the partner.
        Notification = "notification",
        /// A push, and what the partner showed with it.
        Push = "push",
        /// A request that changed the connection's settings.
        Settings = "settings",
        /// A request that ended the connection.
        Disconnect = "disconnect",
        /// A request of the host app that added, changed or deleted a record.
        Host = "host",
    }
}

impl From<Cause> for ChangeCause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Connect => Self::Connect,
            Cause::Request => Self::Request,
            Cause::Schedule => Self::Schedule,
            Cause::Notification => Self::Notification,
            Cause::Push => Self::Push,
            Cause::Settings => Self::Settings,
            Cause::Disconnect => Self::Disconnect,
        }
    }
}
