//! The errors of calls to a partner. The enum is closed: only the daemon decides what follows from
//! each variant, so a partner never retries, sleeps or changes the state of a connection itself.

use std::borrow::Cow;
use std::time::Duration;

/// Which calls a rate limit of a partner applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// All calls of this installation to the partner.
    App,
    /// Calls for this one connection.
    Connection,
}

/// Why a call to a partner failed.
///
/// The texts are shown to administrators and stored in the timeline. They say what happened and
/// never contain a value from the partner's response, a token or a URL with parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartnerError {
    /// The credentials are not accepted. The daemon refreshes once and retries once; then the
    /// connection needs reconnecting.
    #[error("the partner does not accept the access token: {0}")]
    Unauthorized(Cow<'static, str>),
    /// The user did not grant a scope that this feed needs. Its kinds are switched off for the
    /// connection.
    #[error("the user has not granted access to this kind of data: {0}")]
    MissingScope(Cow<'static, str>),
    /// A limit was hit. `wait` is what the partner asked for; without it the manifest's
    /// [`retry_wait`](crate::Manifest::retry_wait) is used. The user is not at fault.
    #[error("the partner's rate limit is reached")]
    RateLimited {
        /// Which calls the limit applies to.
        scope: LimitScope,
        /// How long the partner asks to wait.
        wait: Option<Duration>,
    },
    /// May work later: an outage, a timeout, a broken connection.
    #[error("the partner is unavailable: {0}")]
    Transient(Cow<'static, str>),
    /// The response, or how the partner received our request, does not match its documentation.
    #[error("the partner's answer was not understood: {0}")]
    Malformed(Cow<'static, str>),
    /// The partner does not accept this change. It is not sent again until the record changes.
    #[error("the partner refused the change: {0}")]
    Rejected(Cow<'static, str>),
    /// The partner has ended the service for everyone.
    #[error("the partner has ended its service: {0}")]
    Gone(Cow<'static, str>),
}

impl PartnerError {
    /// A short, stable code for logs, metrics and the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::MissingScope(_) => "missing_scope",
            Self::RateLimited { .. } => "rate_limited",
            Self::Transient(_) => "transient",
            Self::Malformed(_) => "malformed",
            Self::Rejected(_) => "rejected",
            Self::Gone(_) => "gone",
        }
    }
}
