//! `[log]`

use serde::{Deserialize, Serialize};

/// What is logged and how. Logs go to standard error, or as fields to journald.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// A `tracing` filter such as `syncwell=debug,info`. Default `info,actix_server=warn`.
    pub filter: String,
    /// `text`, `json` or `journald`. Default `text`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info,actix_server=warn".into(), format: LogFormat::Text }
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human-readable.
    Text,
    /// One JSON object per line.
    Json,
    /// Fields, sent to journald of systemd.
    Journald,
}
