//! A response, and the general rules for interpreting it.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::{bounds, repair};
use crate::error::{LimitScope, PartnerError};
use crate::shape;

/// For a web page, which an intermediary sends in an outage, whatever the status.
const PAGE: &str = "it answered with a web page instead of data";

/// A partner's complete response.
#[derive(Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl Reply {
    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Parses the body as JSON. The error names the location and the shape, never a value. A body
    /// that does not parse is repaired and parsed once more: a text that cannot be read has U+FFFD
    /// in the damaged place, and what stands beside it is kept.
    ///
    /// # Errors
    /// An HTML page is an outage ([`PartnerError::Transient`]); anything else that does not parse
    /// is [`PartnerError::Malformed`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, PartnerError> {
        parse(&self.body).or_else(|failed| {
            if self.is_markup() {
                return Err(PartnerError::Transient(PAGE.into()));
            }
            let Some(repaired) = repair::repair(&self.body) else { return Err(failed) };
            bounds::check(&repaired)?;
            parse(&repaired)
        })
    }

    /// Applies the general rules of HTTP, for what the partner's own
    /// [`read_error`](crate::Manifest::read_error) does not decide.
    ///
    /// # Errors
    /// Any response that is not a success.
    pub fn check(&self) -> Result<(), PartnerError> {
        let detail = || format!("HTTP {}", self.status).into();
        Err(match self.status {
            200..=299 if self.is_page() => return Err(PartnerError::Transient(PAGE.into())),
            200..=299 => return Ok(()),
            401 => PartnerError::Unauthorized(detail()),
            // Only `read_error` can distinguish a scope that the user did not grant from a refusal
            // by a proxy. The latter, taken for a missing scope, would switch kinds off for good.
            403 => PartnerError::Transient(detail()),
            429 => PartnerError::RateLimited { scope: LimitScope::App, wait: self.retry_after() },
            300..=399 | 408 | 425 | 500..=599 => PartnerError::Transient(detail()),
            _ => PartnerError::Malformed(
                format!("it answered our request with HTTP {}", self.status).into(),
            ),
        })
    }

    /// The same for the response to a write. An error about the change is
    /// [`PartnerError::Rejected`]; an error about how the call was made (405, 406, 415) stays
    /// [`PartnerError::Malformed`].
    ///
    /// # Errors
    /// Any response that is not a success.
    pub fn check_write(&self) -> Result<(), PartnerError> {
        match self.status {
            400 | 409 | 422 => Err(PartnerError::Rejected(format!("HTTP {}", self.status).into())),
            _ => self.check(),
        }
    }

    /// The same for the response to a token call that names no error: whatever the status, it does
    /// not say that a code or refresh token is dead. Only a limit is known by its status.
    ///
    /// # Errors
    /// Any response that is not a success: [`PartnerError::RateLimited`] or
    /// [`PartnerError::Transient`].
    pub fn check_token(&self) -> Result<(), PartnerError> {
        let status = self.status;
        match self.check() {
            Err(PartnerError::Unauthorized(_) | PartnerError::Malformed(_)) => {
                Err(PartnerError::Transient(format!("HTTP {status}, without a named error").into()))
            }
            outcome => outcome,
        }
    }

    /// The `Retry-After` header in seconds (RFC 9110 §10.2.3); its date form is relative to
    /// the response's own `Date`.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        let date = self.headers.get(http::header::DATE)?.to_str().ok()?;
        let now = chrono::DateTime::parse_from_rfc2822(date).ok()?;
        (until - now).to_std().ok()
    }

    fn is_page(&self) -> bool {
        let text = self.body.trim_ascii_start();
        let begins = |start: &str| {
            text.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start.as_bytes()))
        };
        begins("<!doctype html") || begins("<html")
    }

    /// Whether the body begins with a tag, whatever type it declares.
    pub(crate) fn begins_with_tag(&self) -> bool {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        body.trim_ascii_start().starts_with(b"<")
    }

    /// Whether the body is a web page or other markup.
    pub(crate) fn is_markup(&self) -> bool {
        let declared = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let declared = declared.is_some_and(|text| text.to_ascii_lowercase().contains("html"));
        declared || self.begins_with_tag()
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, PartnerError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let shape = shape::describe(body);
        PartnerError::Malformed(format!("at {}, of {shape}", error.path()).into())
    })
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("body", &shape::describe(&self.body))
            .finish()
    }
}
