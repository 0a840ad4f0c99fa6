//! The expected outcome of a call.

use crate::error::{LimitScope, PartnerError};

/// The expected outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// [`PartnerError::Unauthorized`].
    Unauthorized,
    /// [`PartnerError::MissingScope`].
    MissingScope,
    /// [`PartnerError::RateLimited`], with its scope and the number of seconds to wait.
    RateLimited(LimitScope, Option<u64>),
    /// [`PartnerError::Transient`].
    Transient,
    /// [`PartnerError::Malformed`].
    Malformed,
    /// [`PartnerError::Rejected`].
    Rejected,
    /// [`PartnerError::Gone`].
    Gone,
    /// [`PartnerError::Transient`] or [`PartnerError::Malformed`]. Either is fine: nothing is lost,
    /// and the response does not determine which.
    NotUnderstood,
    /// No error: the partner documents this response as a success.
    Success,
}

impl Expect {
    /// Compares with the outcome of a call.
    pub(super) fn check<T>(self, outcome: &Result<T, PartnerError>) -> Result<(), String> {
        let as_expected = match (self, outcome) {
            (Self::Unauthorized, Err(PartnerError::Unauthorized(_)))
            | (Self::MissingScope, Err(PartnerError::MissingScope(_)))
            | (Self::Transient | Self::NotUnderstood, Err(PartnerError::Transient(_)))
            | (Self::Malformed | Self::NotUnderstood, Err(PartnerError::Malformed(_)))
            | (Self::Rejected, Err(PartnerError::Rejected(_)))
            | (Self::Gone, Err(PartnerError::Gone(_)))
            | (Self::Success, Ok(_)) => true,
            (
                Self::RateLimited(expected_scope, expected_seconds),
                Err(PartnerError::RateLimited { scope, wait }),
            ) => *scope == expected_scope && wait.map(|it| it.as_secs()) == expected_seconds,
            _ => false,
        };
        if as_expected {
            return Ok(());
        }
        let found = match outcome {
            Ok(_) => "Success".to_owned(),
            Err(PartnerError::RateLimited { scope, wait }) => {
                format!("RateLimited({scope:?}, {:?})", wait.map(|wait| wait.as_secs()))
            }
            Err(error) => format!("{error:?}"),
        };
        Err(format!("expected {self:?}, got {found}"))
    }
}
