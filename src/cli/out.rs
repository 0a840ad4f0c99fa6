//! Standard output. Whoever reads it may go (`| head -1`); then the command ends quietly.

use std::fmt;
use std::io::{ErrorKind, Write};

use chrono::{DateTime, Utc};

/// Nobody reads standard output any more.
#[derive(Debug, thiserror::Error)]
#[error("standard output is closed")]
pub(super) struct Closed;

/// Prints a line.
///
/// # Errors
/// [`Closed`], or what else the system says.
pub(super) fn line(text: fmt::Arguments<'_>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(failed)
}

/// Prints a part of a line.
///
/// # Errors
/// As [`line`].
pub(super) fn part(text: fmt::Arguments<'_>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(failed)
}

/// Prints bytes as they are.
///
/// # Errors
/// As [`line`].
pub(super) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(failed)
}

fn failed(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => Closed.into(),
        _ => error.into(),
    }
}

/// Prints a line to standard error, where a person sees it beside output that is piped.
pub(super) fn note(text: fmt::Arguments<'_>) {
    // Nobody can be notified of its failure.
    writeln!(std::io::stderr(), "{text}").unwrap_or_default();
}

/// A time in UTC, to the minute.
pub(super) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

/// [`line`] with the arguments of `println!`.
macro_rules! say {
    ($($words:tt)*) => { $crate::cli::out::line(format_args!($($words)*)) };
}
pub(super) use say;
