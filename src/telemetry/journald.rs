//! Logs as fields of journald, which `journalctl` can select by: `SYNCWELL_CONNECTION_ID=7`.

#[cfg(unix)]
use tracing_journald::{Layer, Priority, PriorityMappings};

/// The prefix of the fields that are ours.
#[cfg(unix)]
const PREFIX: &str = "SYNCWELL";

/// The layer that sends lines to journald.
///
/// # Errors
/// Why it cannot, and what to write instead.
#[cfg(unix)]
pub(super) fn layer() -> Result<Layer, String> {
    let layer = Layer::new().map_err(|error| {
        format!(
            "log.format = \"journald\": journald of systemd cannot be reached ({error}); write \"text\" or \"json\""
        )
    })?;
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    };
    Ok(layer
        .with_field_prefix(Some(PREFIX.to_owned()))
        .with_syslog_identifier("syncwell".to_owned())
        .with_priority_mappings(priorities))
}

/// Whether journald can be reached.
///
/// # Errors
/// Why not, and what to write instead.
#[cfg(unix)]
pub fn check() -> Result<(), String> {
    layer().map(drop)
}

/// Whether journald can be reached.
///
/// # Errors
/// Why not, and what to write instead.
#[cfg(not(unix))]
pub fn check() -> Result<(), String> {
    Err("log.format = \"journald\": this system has no journald; write \"text\" or \"json\"".into())
}
