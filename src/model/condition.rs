//! How a connection is, as people say it.

use super::words::named;

named! {
    /// How a connection is.
    pub enum Condition {
        /// Its data comes.
        Working = "working",
        /// Its first sync has not ended yet.
        FirstSync = "first_sync",
        /// It waits for a limit of the partner.
        WaitsForLimit = "waits_for_limit",
        /// Its last syncs failed, or what the partner sends is not understood.
        Failing = "failing",
        /// The partner does not answer, for anybody.
        PartnerDown = "partner_down",
        /// The part of the daemon that serves the partner is being restarted.
        Restarting = "restarting",
        /// The user must grant access again.
        MustReconnect = "must_reconnect",
        /// The user or the host app ended it.
        Disconnected = "disconnected",
        /// The partner ended its service.
        Ended = "ended",
        /// The partner is not installed any more.
        NotInstalled = "not_installed",
    }
}

impl Condition {
    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Working => "Connected",
            Self::FirstSync => "First sync",
            Self::WaitsForLimit => "Waits for a limit",
            Self::Failing => "Fails, is tried again",
            Self::PartnerDown => "Does not answer",
            Self::Restarting => "Is being restarted",
            Self::MustReconnect => "Must reconnect",
            Self::Disconnected => "Disconnected",
            Self::Ended => "Service ended",
            Self::NotInstalled => "Not installed",
        }
    }
}
