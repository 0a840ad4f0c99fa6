//! Enums whose values have a stable name: the one word that the API, the database and the logs use.
//! The OpenAPI document lists the values from here, with what they mean.

use super::words::named;

named! {
    /// Whether a connection works.
    pub enum Status {
        /// It is polled.
        Connected = "connected",
        /// The user must grant access again; nothing is lost.
        NeedsReconnect = "needs_reconnect",
        /// The user or the host app ended it, or it was never completed.
        Disconnected = "disconnected",
        /// The partner ended its service.
        Ended = "ended",
    }
}

named! {
    /// Why a line of the timeline was written: why a sync ran, or what else was done.
    pub enum Cause {
        /// A connect, or the first sync after it.
        Connect = "connect",
        /// A sync was requested.
        Request = "request",
        /// The connection's poll was due.
        Schedule = "schedule",
        /// The partner notified us that something changed.
        Notification = "notification",
        /// Something waited to be pushed.
        Push = "push",
        /// The connection's settings were changed.
        Settings = "settings",
        /// The connection was ended.
        Disconnect = "disconnect",
    }
}

named! {
    /// How a sync ended, from best to worst. The outcome of a sync is the worst of its parts.
    pub enum SyncOutcome {
        /// It succeeded.
        Ok = "ok",
        /// What the user did not grant was left out, and is switched off; the rest succeeded.
        NotGranted = "not_granted",
        /// It was interrupted by something else, and runs again.
        Interrupted = "interrupted",
        /// The partner's limit stopped it; it goes on when the limit allows.
        Limited = "limited",
        /// Something failed; it is tried again.
        Failed = "failed",
        /// The user must grant access again.
        NeedsReconnect = "needs_reconnect",
        /// The partner has ended its service.
        Ended = "ended",
    }
    default Ok
}

named! {
    /// How the event of a timeline line ended: a sync, a connect, a change or a disconnect.
    pub enum LineOutcome {
        /// The sync succeeded.
        Ok = "ok",
        /// What the user did not grant was left out, and is switched off; the rest succeeded.
        NotGranted = "not_granted",
        /// The sync was interrupted by something else, and runs again.
        Interrupted = "interrupted",
        /// The partner's limit stopped the sync; it goes on when the limit allows.
        Limited = "limited",
        /// The sync or the connect failed.
        Failed = "failed",
        /// The user must grant access again.
        NeedsReconnect = "needs_reconnect",
        /// The partner has ended its service.
        Ended = "ended",
        /// The user granted access.
        Connected = "connected",
        /// The user granted access, and the host app is to confirm that it was the user.
        Unconfirmed = "unconfirmed",
        /// The user did not grant access.
        Denied = "denied",
        /// The settings were changed.
        Changed = "changed",
        /// The connection was ended.
        Disconnected = "disconnected",
        /// Times that lay too far ahead were corrected.
        Corrected = "corrected",
    }
}

impl From<SyncOutcome> for LineOutcome {
    fn from(outcome: SyncOutcome) -> Self {
        match outcome {
            SyncOutcome::Ok => Self::Ok,
            SyncOutcome::NotGranted => Self::NotGranted,
            SyncOutcome::Interrupted => Self::Interrupted,
            SyncOutcome::Limited => Self::Limited,
            SyncOutcome::Failed => Self::Failed,
            SyncOutcome::NeedsReconnect => Self::NeedsReconnect,
            SyncOutcome::Ended => Self::Ended,
        }
    }
}

named! {
    /// How a connect ended. All but the first three stand in `reason` at the `return_url`.
    pub enum ConnectEnd {
        /// The user granted access.
        Connected = "connected",
        /// The user granted access, and the host app is to confirm that it was the user.
        Unconfirmed = "unconfirmed",
        /// The user did not grant access.
        Denied = "denied",
        /// The partner did not accept the code: it had expired, or was used before.
        CodeRefused = "code_refused",
        /// The partner did not answer, failed, or let us wait for its limit.
        PartnerUnavailable = "partner_unavailable",
        /// The partner ended the connect with an error, or takes no connects.
        PartnerRefused = "partner_refused",
        /// The user took longer than the link was valid.
        LinkExpired = "link_expired",
        /// The daemon could not finish it: it was stopped, or the database failed.
        Interrupted = "interrupted",
    }
}

impl ConnectEnd {
    /// As the timeline has it.
    pub fn line(self) -> LineOutcome {
        match self {
            Self::Connected => LineOutcome::Connected,
            Self::Unconfirmed => LineOutcome::Unconfirmed,
            Self::Denied => LineOutcome::Denied,
            _ => LineOutcome::Failed,
        }
    }

    /// `status` at the `return_url`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Connected | Self::Unconfirmed | Self::Denied => self.name(),
            _ => "error",
        }
    }

    /// `reason` at the `return_url`, if the status is `error`.
    pub fn reason(self) -> Option<&'static str> {
        (self.line() == LineOutcome::Failed).then(|| self.name())
    }
}

named! {
    /// Whether the partner's notifications are relied on.
    pub enum NotificationState {
        /// The partner sends none.
        None = "none",
        /// The settings switch them off.
        Off = "off",
        /// The partner is not asked for them; `reason` says why.
        NotSubscribed = "not_subscribed",
        /// The partner is asked for them, and none has led to new data yet.
        Unproven = "unproven",
        /// They lead to new data: few polls are enough.
        Working = "working",
        /// They should have come and did not: it is polled as often as without.
        Silent = "silent",
    }
}

named! {
    /// The kind of failure of a sync.
    pub enum FailureCode {
        /// The tokens are not accepted any more.
        Unauthorized = "unauthorized",
        /// The user did not grant this kind of data.
        MissingScope = "missing_scope",
        /// A limit of the partner is reached.
        RateLimited = "rate_limited",
        /// The partner cannot be reached, or fails.
        Transient = "transient",
        /// The partner's answer does not have the documented form.
        Malformed = "malformed",
        /// The partner refuses a change.
        Rejected = "rejected",
        /// The partner has ended its service.
        Gone = "gone",
        /// A page or a push took longer than `scheduler.page_timeout`.
        Timeout = "timeout",
        /// Code panicked; the log has the place.
        Panic = "panic",
        /// The sync was interrupted by something else; it runs again.
        Interrupted = "interrupted",
        /// The database could not store what the sync did.
        Store = "store",
    }
}

impl From<&partner_sdk::PartnerError> for FailureCode {
    fn from(error: &partner_sdk::PartnerError) -> Self {
        use partner_sdk::PartnerError;
        match error {
            PartnerError::Unauthorized(_) => Self::Unauthorized,
            PartnerError::MissingScope(_) => Self::MissingScope,
            PartnerError::RateLimited { .. } => Self::RateLimited,
            PartnerError::Transient(_) => Self::Transient,
            PartnerError::Malformed(_) => Self::Malformed,
            PartnerError::Rejected(_) => Self::Rejected,
            PartnerError::Gone(_) => Self::Gone,
        }
    }
}

named! {
    /// What happened to a record or a connection.
    pub enum ChangeKind {
        /// The record is new.
        Created = "created",
        /// The record says something else, or lives again.
        Updated = "updated",
        /// The record was deleted.
        Deleted = "deleted",
        /// The user granted access, for the first time or again.
        Connected = "connected",
        /// The user must grant access again.
        NeedsReconnect = "needs_reconnect",
        /// The connection was ended here.
        Disconnected = "disconnected",
        /// The partner has ended its service.
        Ended = "ended",
        /// The settings of the connection were changed by a request.
        SettingsChanged = "settings_changed",
        /// Syncs of the connection have failed for a while: three in a row, or a day of limits.
        SyncFailing = "sync_failing",
        /// A sync succeeded after that.
        SyncRecovered = "sync_recovered",
    }
}

impl From<Status> for ChangeKind {
    fn from(status: Status) -> Self {
        match status {
            Status::Connected => Self::Connected,
            Status::NeedsReconnect => Self::NeedsReconnect,
            Status::Disconnected => Self::Disconnected,
            Status::Ended => Self::Ended,
        }
    }
}

named! {
    /// Who deleted a record.
    pub enum DeletedBy {
        /// The host app: it stays deleted, whatever partners go on showing.
        Host = "host",
        /// A partner, which no longer had it: what a partner shows again lives again.
        Partner = "partner",
    }
}

named! {
    /// Which of its three contents a record has.
    pub enum RecordKind {
        /// One measured value.
        Measurement = "measurement",
        /// One exercise.
        Exercise = "exercise",
        /// One meal, one drink, or the total of a day.
        Nutrition = "nutrition",
    }
}

named! {
    /// Where the offset of a record's times comes from.
    pub enum TimeBasis {
        /// The source gave an instant.
        Exact = "exact",
        /// The source gave wall time only; the offset is that of the connection's time zone.
        Local = "local",
    }
}

named! {
    /// Whether an exercise must have its energy.
    pub enum ExerciseEnergy {
        /// It may lack it.
        Optional = "optional",
        /// It needs it, or its duration and heart rate.
        Required = "required",
    }
    default Optional
}

named! {
    /// How a record and a partner's copy of it relate.
    pub enum LinkState {
        /// The partner has the current version.
        InStep = "in_step",
        /// The partner has an earlier version, or still has what is deleted here, and nothing will be
        /// pushed; `reason` says why.
        NotWritten = "not_written",
        /// It waits to be created there.
        Create = "create",
        /// It waits to be changed there.
        Update = "update",
        /// It waits to be deleted there.
        Delete = "delete",
        /// A creation was begun whose outcome is not known yet.
        Creating = "creating",
        /// A change was begun whose outcome is not known yet.
        Updating = "updating",
        /// A deletion was begun whose outcome is not known yet.
        Deleting = "deleting",
        /// The partner refuses the record or its change; `reason` says why.
        Refused = "refused",
        /// The partner does not have it any more.
        Gone = "gone",
    }
}

named! {
    /// How a sync ended that was waited for.
    pub enum WaitOutcome {
        /// All went well.
        Ok = "ok",
        /// What the user did not grant was left out, and is switched off; the rest succeeded.
        NotGranted = "not_granted",
        /// It was stopped to make room for something else, and runs again.
        Interrupted = "interrupted",
        /// The partner's limit stopped it; it continues when the limit allows.
        Limited = "limited",
        /// Something failed; it is tried again.
        Failed = "failed",
        /// The user must grant access again.
        NeedsReconnect = "needs_reconnect",
        /// The partner has ended its service.
        Ended = "ended",
        /// The connection is no longer connected; nothing ran.
        NotConnected = "not_connected",
        /// The partner's actor was restarted before it ran.
        Lost = "lost",
        /// It waits: the administrator has paused the partner's syncs. It runs when they are resumed.
        Paused = "paused",
        /// It had not ended in time.
        Running = "running",
    }
}

impl From<SyncOutcome> for WaitOutcome {
    fn from(outcome: SyncOutcome) -> Self {
        match outcome {
            SyncOutcome::Ok => Self::Ok,
            SyncOutcome::NotGranted => Self::NotGranted,
            SyncOutcome::Interrupted => Self::Interrupted,
            SyncOutcome::Limited => Self::Limited,
            SyncOutcome::Failed => Self::Failed,
            SyncOutcome::NeedsReconnect => Self::NeedsReconnect,
            SyncOutcome::Ended => Self::Ended,
        }
    }
}

named! {
    /// Whether an installed partner is served.
    pub enum PartnerState {
        /// It is.
        Running = "running",
        /// Its actor is being restarted, which takes some seconds.
        Restarting = "restarting",
        /// The administrator has paused its syncs.
        Paused = "paused",
        /// Its service has ended.
        Ended = "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_of_a_sync_is_one_of_a_line_by_the_same_name() {
        for outcome in SyncOutcome::ALL {
            assert_eq!(LineOutcome::from(*outcome).name(), outcome.name());
            assert_eq!(SyncOutcome::from_name(outcome.name()), Some(*outcome));
        }
    }

    #[test]
    fn the_worst_outcome_is_the_greatest() {
        assert!(SyncOutcome::ALL.is_sorted());
    }
}
