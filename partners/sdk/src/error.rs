//! Everything a call to a partner can end in. The enum is closed: the daemon alone decides what
//! follows from each variant, so a partner never retries, sleeps or marks anything itself.

use std::borrow::Cow;
use std::time::Duration;

/// Whom a partner's "too many requests" concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// Every call of this installation to the partner.
    App,
    /// Calls for this one connection.
    Connection,
}

/// How a call to a partner failed.
///
/// The texts are shown to administrators and stored in the timeline: they say what happened and
/// never carry a value from the partner's answer, a token or an address with parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartnerError {
    /// The credentials are not accepted. The daemon refreshes once and retries once; then the
    /// connection needs reconnecting.
    #[error("the partner does not accept the access token: {0}")]
    Unauthorized(Cow<'static, str>),
    /// The user did not grant what this feed needs. Its kinds are switched off for the connection.
    #[error("the user has not granted access to this kind of data: {0}")]
    MissingScope(Cow<'static, str>),
    /// A limit was hit. `wait` is what the partner asked for; without it the manifest's
    /// [`retry_wait`](crate::Manifest::retry_wait) is used. Not a failure of the user.
    #[error("the partner's rate limit is reached")]
    RateLimited {
        /// Whom the limit concerns.
        scope: LimitScope,
        /// How long the partner asks to wait.
        wait: Option<Duration>,
    },
    /// It may work later: an outage, a time-out, a broken connection.
    #[error("the partner is unavailable: {0}")]
    Transient(Cow<'static, str>),
    /// The answer, or the partner's view of our request, is not what its documentation says.
    #[error("the partner's answer was not understood: {0}")]
    Malformed(Cow<'static, str>),
    /// The partner will not take this change; it is not sent again until the record changes.
    #[error("the partner refused the change: {0}")]
    Rejected(Cow<'static, str>),
    /// The partner has ended the service for everyone.
    #[error("the partner has ended its service: {0}")]
    Gone(Cow<'static, str>),
}
